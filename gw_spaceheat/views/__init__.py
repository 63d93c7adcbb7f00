"""Readings and plans turned into what a person sees; pure."""
