"""The verbs of `gws`, one file each."""
