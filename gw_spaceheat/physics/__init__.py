"""How nature behaves: plain functions with units and sources."""
