"""The kernel's one-wire tree (/sys/bus/w1/devices), or a folder shaped like it."""

from pathlib import Path

from gw_spaceheat.errors import WireError


class FileOneWire:
    """Reads `<root>/<device id>/w1_slave`; the kernel converts during the read, about 0.75 s per thermometer."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read_text(self, device_id: str) -> str:
        """Raises WireError when the device is not on the bus or its file cannot be read."""
        if "/" in device_id or device_id in ("", ".", ".."):
            raise WireError(f"one-wire: {device_id!r} is no device id")
        path = self._root / device_id / "w1_slave"
        try:
            return path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise WireError(f"one-wire {device_id}: {error}") from error
