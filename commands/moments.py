"""Times as a person writes them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from gw_spaceheat.errors import BadInput


def moment_of(option: str, text: str, zone: ZoneInfo) -> datetime:
    """A day or a time; without an offset it is the house's own. Raises BadInput."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"--{option} {text!r}: must be like 2026-11-20 or 2026-11-20T18:00:00-05:00") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
