"""Tariffs, prices and weather: each a feed with provenance, in UTC, USD/MWh and C."""
