"""The store keeps each message once."""

from pathlib import Path

import pytest

from gw_spaceheat.errors import StorageError
from gw_spaceheat.storage.message_store import MessageStore


def test_once_per_source_boot_and_seq(tmp_path: Path) -> None:
    store = MessageStore(tmp_path / "ear.sqlite")
    assert store.put("beech", 1, 1, 10.0, "report", b"a")
    assert not store.put("beech", 1, 1, 11.0, "report", b"a")
    assert store.put("beech", 2, 1, 12.0, "report", b"b")
    assert store.put("orange", 1, 1, 13.0, "glitch", b"c")
    assert store.count() == 3
    store.close()
    again = MessageStore(tmp_path / "ear.sqlite")
    assert not again.put("beech", 1, 1, 14.0, "report", b"a")
    assert [row.payload for row in again.rows(0, 10)] == [b"a", b"b", b"c"]
    assert [row.source for row in again.rows(0, 10, "glitch")] == ["orange"]
    assert [row.received_s for row in again.rows(1, 1)] == [12.0]


def test_messages_without_numbers_are_all_kept() -> None:
    store = MessageStore(None)
    assert store.put("beech", None, None, 1.0, "power.watts", b"1")
    assert store.put("beech", None, None, 1.0, "power.watts", b"1")
    assert store.count() == 2


def test_unwritable_folder_names_path_and_rule(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"ear\.sqlite.*writable"):
        MessageStore(tmp_path / "file" / "ear.sqlite")


def test_damaged_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ear.sqlite").write_bytes(b"this is no database, " * 300)
    with pytest.raises(StorageError, match=r"ear\.sqlite.*move it away"):
        MessageStore(tmp_path / "ear.sqlite")


def test_full_store_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    store = MessageStore(tmp_path / "ear.sqlite", max_bytes=256 * 1024)
    stored = 0
    with pytest.raises(StorageError, match="full"):
        while True:
            store.put("beech", 1, stored, 0.0, "report", b"x" * 4000)
            stored += 1
    assert store.count() == stored
