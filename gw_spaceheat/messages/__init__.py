"""Everything that is said between processes; `CATALOGUE` lists every type, `docs/messages.md` is made from it."""

from gw_spaceheat.messages.catalogue import BY_NAME, CATALOGUE, CatalogueEntry, Manner, manner_of

__all__ = ["BY_NAME", "CATALOGUE", "CatalogueEntry", "Manner", "manner_of"]
