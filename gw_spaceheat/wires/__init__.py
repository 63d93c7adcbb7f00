"""The only imports of hardware and network libraries."""
