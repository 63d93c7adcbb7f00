"""A party's ledger on disk: JSON lines, appended and synced one by one; and its Ed25519 key."""

import base64
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gw_spaceheat.errors import BadInput, StorageError

LARGEST_BYTES = 8 * 1024 * 1024  # three days of beats; then the file is put away and a new one goes on
TAIL_BYTES = 512 * 1024
KEY_BYTES = 32


class LedgerFile:
    """Append only. `path` None keeps it in memory, for virtual runs."""

    def __init__(self, path: Path | None, largest_bytes: int = LARGEST_BYTES) -> None:
        self.path = path
        self._largest_bytes = largest_bytes
        self._memory: list[str] = []

    def append(self, line: str, number: int) -> None:
        """Durable when this returns. `number` of the line names the file that is put away before it."""
        if self.path is None:
            self._memory.append(line)
            return
        try:
            if self.path.exists() and self.path.stat().st_size > self._largest_bytes:
                self.path.replace(self.path.with_name(f"{self.path.stem}-{number - 1:09d}{self.path.suffix}"))
                _sync_folder(self.path.parent)
            new = not self.path.exists()
            with self.path.open("ab") as file:
                file.write(line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            if new:
                _sync_folder(self.path.parent)
        except OSError as error:
            raise StorageError(f"{self.path}: {error.strerror}; the ledger must be writable") from error

    def tail(self) -> list[str]:
        """The last lines, enough to go on from. A line that a power cut left unfinished was never said: it is cut."""
        if self.path is None:
            return self._memory[-1000:]
        try:
            self._cut_unfinished(self.path)
            older = sorted(self.path.parent.glob(f"{self.path.stem}-[0-9]*{self.path.suffix}"))[-1:]
            return [line for path in [*older, self.path] for line in _last_lines(path)]
        except OSError as error:
            raise StorageError(f"{self.path}: {error.strerror}; the ledger must be readable") from error

    @staticmethod
    def _cut_unfinished(path: Path) -> None:
        if not path.exists():
            return
        with path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            tail = file.read()
            if tail and not tail.endswith(b"\n"):
                file.truncate(size - len(tail) + tail.rfind(b"\n") + 1)
                os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _last_lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return lines[1:] if size > TAIL_BYTES else lines


def new_secret() -> bytes:
    """The 32 secret bytes of a new key, from the system's chance."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def load_or_make_key(path: Path, make: Callable[[], bytes] = new_secret) -> bytes:
    """The 32 secret bytes in `path`, made at the first start and readable by their owner only.

    The public key is written beside it (`.pub`), to be given to whoever checks the ledger.
    """
    try:
        if not path.exists():
            new = path.with_name(path.name + ".new")
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(make().hex() + "\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            _sync_folder(path.parent)
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
        public = path.with_suffix(".pub")
        if len(secret) == KEY_BYTES and not public.exists():
            public.write_text(public_key_of(secret) + "\n", encoding="ascii")
    except ValueError:
        secret = b""
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; the key file must be readable and writable") from error
    if len(secret) != KEY_BYTES:
        raise BadInput(f"{path}: must hold {KEY_BYTES} bytes in hexadecimal")
    return secret


def load_public_key(path: Path) -> str:
    """A public key as `load_or_make_key` writes it. BadInput if it is none."""
    try:
        text = path.read_text(encoding="ascii").strip()
        Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; must be a public key file (.pub)") from error
    except ValueError:
        raise BadInput(f"{path}: must hold one Ed25519 public key in base64") from None
    return text


def public_key_of(secret: bytes) -> str:
    """The public key as base64."""
    return base64.b64encode(Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()).decode()


def signing(secret: bytes) -> Callable[[bytes], str]:
    """A function that signs; deterministic, as Ed25519 is."""
    key = Ed25519PrivateKey.from_private_bytes(secret)
    return lambda data: base64.b64encode(key.sign(data)).decode()


def check_signature(public_key: str, signature: str, data: bytes) -> bool:
    """Whether `signature` is that of `data` by the owner of `public_key`; nonsense is no signature."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), data)
    except (ValueError, InvalidSignature):
        return False
    return True
