"""A small JSON object that must survive: written to a new file, synced, and put in place of the old one."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from gw_spaceheat.errors import StorageError


class StateFile:
    """One object at `path`; None keeps it in memory, for virtual runs."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._memory: dict[str, object] | None = None

    def load(self) -> dict[str, object] | None:
        """The last saved object; None when there is none, or it is damaged (it is then kept as `.damaged`)."""
        if self.path is None:
            return self._memory
        try:
            found = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{self.path}: {error.strerror}; the state file must be readable") from error
        except ValueError:
            self.put_away()
            return None
        return found if isinstance(found, dict) else None

    def put_away(self) -> str:
        """Nothing is saved any more; where what was is kept for a person, in place of an older one. '': nowhere."""
        self._memory = None
        if self.path is None:
            return ""
        aside = self.path.with_name(self.path.name + ".damaged")
        try:
            self.path.replace(aside)
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise StorageError(f"{self.path}: damaged, and cannot be put away ({error.strerror})") from error
        return str(aside)

    def save(self, state: Mapping[str, object]) -> None:
        """Durable when this returns. Raises StorageError."""
        if self.path is None:
            self._memory = dict(state)
            return
        new = self.path.with_name(self.path.name + ".new")
        try:
            with new.open("w", encoding="utf-8") as file:
                json.dump(state, file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise StorageError(f"{self.path}: {error.strerror}; the state file must be writable") from error
