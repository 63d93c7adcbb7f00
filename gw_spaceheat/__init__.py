"""The library of a house that buys its heat at the right moment: no threads, no clock of its own."""
