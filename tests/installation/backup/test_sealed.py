"""The format of the files: what is in them comes back whole or not at all."""

from __future__ import annotations

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemon.core.errors import MnemonError
from mnemon.installation.backup.errors import Damaged, KeyMissing
from mnemon.installation.backup.keys import Keyring, key_id
from mnemon.installation.backup.sealed import CHUNK, TAG, SealedReader, SealedWriter, read_header

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
KEYS = Keyring.of(KEY)


def seal(data: bytes, keys: Keyring = KEYS, purpose: str = "wal/1", note: dict[str, str] | None = None) -> bytes:
    file = io.BytesIO()
    writer = SealedWriter(file, keys, purpose, note)
    for start in range(0, len(data), 700_000):
        writer.write(data[start : start + 700_000])
    writer.close()
    assert writer.sealed_bytes == len(file.getvalue())
    return file.getvalue()


def unseal(sealed: bytes, keys: Keyring = KEYS, purpose: str = "wal/1") -> bytes:
    reader = SealedReader(io.BytesIO(sealed), keys, purpose, "the file")
    parts = []
    while part := reader.read(300_000):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17])
@pytest.mark.parametrize("noise", [True, False])
def test_what_goes_in_comes_out(size: int, noise: bool) -> None:
    data = os.urandom(size) if noise else b"mnemon" * (size // 6) + b"x" * (size % 6)
    sealed = seal(data)
    assert unseal(sealed) == data
    if noise and size > 40:
        assert data[:40] not in sealed


def test_zeros_by_the_hundred_megabytes_do_not_fill_the_memory() -> None:
    file = io.BytesIO()
    writer = SealedWriter(file, KEYS, "wal/1")
    for _ in range(200):
        writer.write(bytes(CHUNK))
    writer.close()
    assert len(file.getvalue()) < 2 * CHUNK
    reader = SealedReader(io.BytesIO(file.getvalue()), KEYS, "wal/1", "zeros")
    total = 0
    while part := reader.read(CHUNK):
        total += len(part)
        assert len(reader._plain) <= 5 * CHUNK
    assert total == 200 * CHUNK


@given(st.data())
def test_any_changed_byte_is_noticed(data: st.DataObject) -> None:
    sealed = bytearray(seal(b"remember " * 5000, note={"at": "2026-01-01"}))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(MnemonError) as caught:
        unseal(bytes(sealed))
    assert caught.value.code in {"backup.damaged", "backup.key_missing"}


def test_a_file_that_was_cut_at_any_place_is_noticed() -> None:
    sealed = seal(os.urandom(2 * CHUNK + 1000))
    start = _header(sealed)
    for size in (0, 5, start - 1, start, start + 1, CHUNK // 2, start + CHUNK + TAG + 1, len(sealed) - 1):
        with pytest.raises(Damaged):
            unseal(sealed[:size])
    for chunks in (1, 2):  # exactly where one ends: every tag that is left is right
        with pytest.raises(Damaged, match="cut short"):
            unseal(sealed[: start + chunks * (CHUNK + TAG)])


def _header(sealed: bytes) -> int:
    return len(read_header(io.BytesIO(sealed), "x")[1])


def test_chunks_cannot_change_places_or_be_repeated() -> None:
    sealed = seal(os.urandom(3 * CHUNK))
    start, size = _header(sealed), CHUNK + TAG
    head, first, second = (sealed[:start], sealed[start : start + size], sealed[start + size : start + 2 * size])
    rest = sealed[start + 2 * size :]
    assert unseal(head + first + second + rest)
    for wrong in (head + second + first + rest, head + first + first + rest, head + second + rest, sealed + b"x"):
        with pytest.raises(Damaged):
            unseal(wrong)


def test_a_file_in_anothers_place_is_noticed() -> None:
    with pytest.raises(Damaged, match="not the one that it is named for"):
        unseal(seal(b"of another backup"), purpose="wal/2")


def test_keys_are_told_apart_and_can_be_changed() -> None:
    old = seal(b"old")
    with pytest.raises(KeyMissing) as caught:
        unseal(old, Keyring.of(OTHER))
    assert key_id(KEY).hex() in caught.value.message
    assert KEY.hex() not in str(caught.value)
    both = Keyring.of(OTHER, KEY)
    assert unseal(old, both) == b"old"
    assert read_header(io.BytesIO(seal(b"new", both)), "x")[0] == key_id(OTHER)
    assert KEY.hex() not in repr(both)
    assert repr(KEY) not in repr(both)


def test_two_files_of_the_same_contents_share_no_byte_that_tells() -> None:
    first, second = seal(b"same" * 100), seal(b"same" * 100)
    assert first[_header(first) :] != second[_header(second) :]


def test_what_is_no_sealed_file_is_said_to_be_none() -> None:
    for junk in (b"", b"PK\x03\x04", os.urandom(200), b"MNEMONB1" + bytes(40) + b"\xff\xff{}"):
        with pytest.raises(Damaged):
            unseal(junk)
