"""Input data in, one validated House out."""
