"""Drivers: one small file per kind of device; each talks to a wire, never to a library.

`discovery.make_driver` makes the driver of a component from its device table.
"""
