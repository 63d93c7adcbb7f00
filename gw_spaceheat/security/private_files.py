"""Files and folders that nobody but their owner may read."""

import os
from pathlib import Path

from gw_spaceheat.errors import BadInput, StorageError

PRIVATE_FILE, PUBLIC_FILE, PRIVATE_FOLDER = 0o600, 0o644, 0o700
OTHERS = 0o077


def require_private(path: Path, what: str) -> None:
    """Raises BadInput when group or others may touch a file or folder; a missing one is not our matter."""
    try:
        mode = path.stat().st_mode & 0o7777
    except OSError:
        return
    if mode & OTHERS:
        wanted = PRIVATE_FOLDER if path.is_dir() else PRIVATE_FILE
        raise BadInput(
            f"{what} {path}: mode is {mode:o}, others may read it; must be {wanted:o}: chmod {wanted:o} {path}"
        )


def private_folder(path: Path) -> Path:
    """The folder, made with mode 700. Raises BadInput when it is there and open to others."""
    try:
        path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"folder {path}: {error.strerror}; it must be a folder that can be written") from error
    require_private(path, "folder")
    return path


def write_new(path: Path, data: bytes, mode: int = PRIVATE_FILE) -> None:
    """Write a file that must not be there yet; it has its mode before it has its bytes."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise BadInput(f"file {path}: is there already and is not overwritten") from None
    except OSError as error:
        raise StorageError(f"file {path}: {error.strerror}; it must be in a folder that can be written") from error
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, mode)
        file.write(data)
        file.flush()
        os.fsync(handle)


def replace_whole(path: Path, data: bytes, mode: int = PRIVATE_FILE) -> None:
    """Replace a file's content at once: a reader sees the old or the new, never half of it."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    write_new(fresh, data, mode)
    try:
        fresh.replace(path)
    except OSError as error:
        raise StorageError(f"file {path}: {error.strerror}; it must be in a folder that can be written") from error
