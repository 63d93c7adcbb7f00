"""Appended, synced, never torn; keys are made once and belong to their owner."""

from pathlib import Path

import pytest

from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.storage.ledger_file import (
    LedgerFile,
    check_signature,
    load_or_make_key,
    load_public_key,
    public_key_of,
    signing,
)


def test_lines_come_back_and_an_unfinished_one_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    for number in (1, 2):
        LedgerFile(path).append(f"line {number}", number)
    with path.open("a") as file:
        file.write("torn by a power c")
    again = LedgerFile(path)
    assert again.tail() == ["line 1", "line 2"]
    again.append("line 3", 3)
    assert path.read_text() == "line 1\nline 2\nline 3\n"


def test_a_full_file_is_put_away_and_still_read(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / "ledger.jsonl", largest_bytes=30)
    for number in range(1, 10):
        file.append(f"line number {number}", number)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["ledger-000000003.jsonl", "ledger-000000006.jsonl", "ledger.jsonl"]
    assert file.tail() == [f"line number {number}" for number in range(4, 10)]


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="must be writable"):
        LedgerFile(tmp_path / "none" / "ledger.jsonl").append("line", 1)


def test_memory_is_kept_without_a_path() -> None:
    file = LedgerFile(None)
    file.append("line", 1)
    assert file.tail() == ["line"]


def test_a_key_is_made_once_and_is_secret(tmp_path: Path) -> None:
    path = tmp_path / "ledger.key"
    secret = load_or_make_key(path)
    assert load_or_make_key(path) == secret and path.stat().st_mode & 0o777 == 0o600
    assert load_public_key(tmp_path / "ledger.pub") == public_key_of(secret)
    assert load_or_make_key(tmp_path / "other.key") != secret


@pytest.mark.parametrize("text", ["", "zz", "00"])
def test_a_damaged_key_is_no_key(tmp_path: Path, text: str) -> None:
    (tmp_path / "ledger.key").write_text(text)
    with pytest.raises(BadInput, match="32 bytes"):
        load_or_make_key(tmp_path / "ledger.key")
    (tmp_path / "x.pub").write_text(text)
    with pytest.raises(BadInput, match="public key"):
        load_public_key(tmp_path / "x.pub")
    with pytest.raises(BadInput):
        load_public_key(tmp_path / "missing.pub")


def test_signatures() -> None:
    secret = bytes(range(32))
    key, signature = public_key_of(secret), signing(secret)(b"words")
    assert signature == signing(secret)(b"words")  # Ed25519 is deterministic
    assert check_signature(key, signature, b"words")
    assert not check_signature(key, signature, b"other")
    assert not check_signature("nonsense", signature, b"words")
    assert not check_signature(key, "nonsense", b"words")
