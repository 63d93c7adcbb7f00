"""What must survive: the outbox and the store of messages."""
