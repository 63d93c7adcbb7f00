"""The only threads: thin pykka shells around pure decisions."""
