"""Files shaped like the kernel's one-wire tree, so that the real file reader is exercised."""

from collections.abc import Sequence
from pathlib import Path

from gw_spaceheat.errors import StorageError, WireError
from gw_spaceheat.wires.protocols import OneWireWire


class OneWireFiles:
    """Copies the text of an in-process wire's devices to `<root>/<device id>/w1_slave`."""

    def __init__(self, wire: OneWireWire, device_ids: Sequence[str], root: Path) -> None:
        self._wire = wire
        self._device_ids = tuple(device_ids)
        self._root = root

    def write(self) -> None:
        """Write all devices, each file whole or not at all; a silent device has no file.

        Raises StorageError when the folder cannot be written.
        """
        for device_id in self._device_ids:
            folder = self._root / device_id
            path = folder / "w1_slave"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                try:
                    text = self._wire.read_text(device_id)
                except WireError:
                    path.unlink(missing_ok=True)
                    continue
                unfinished = folder / "w1_slave.unfinished"
                unfinished.write_text(text, encoding="ascii")
                unfinished.replace(path)
            except OSError as error:
                raise StorageError(f"one-wire files {path}: {error}") from error
