"""Below which cost no plan can go: a linear programme (extra `cloud`)."""
