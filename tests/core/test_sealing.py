"""Sealed streams: whole or refused, whatever is done to their bytes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon.core.errors import Unavailable
from mnemon.core.sealing import CHUNK, HEADER, seal, sealed_size, unseal

KEY, OTHER = b"k" * 32, b"o" * 32
SIZES = st.one_of(st.integers(0, 5), st.sampled_from([CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7]))


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def sealed(data: bytes, size: int = 100_000, purpose: str = "a", *keys: bytes) -> bytes:
    async def run() -> bytes:
        return b"".join([part async for part in seal(pieces(data, size), keys or (KEY,), purpose)])

    return asyncio.run(run())


def opened(data: bytes, size: int = 100_000, purpose: str = "a", *keys: bytes) -> bytes:
    async def run() -> bytes:
        return b"".join([part async for part in unseal(pieces(data, size), keys or (KEY,), purpose)])

    return asyncio.run(run())


@settings(max_examples=40)
@given(SIZES, st.integers(1, 3 * CHUNK), st.integers(1, 3 * CHUNK))
def test_it_comes_out_as_it_went_in(size: int, written: int, read: int) -> None:
    data = os.urandom(size)
    written, read = max(written, size // 50, 1), max(read, size // 50, 1)
    box = sealed(data, written)
    assert len(box) == sealed_size(size)
    assert opened(box, read) == data
    assert sealed(data, written) != box


@settings(max_examples=60)
@given(SIZES, st.randoms(use_true_random=False))
def test_a_byte_that_is_another_is_noticed(size: int, chance: object) -> None:
    box = bytearray(sealed(os.urandom(size)))
    place = chance.randrange(len(box))  # type: ignore[attr-defined]
    box[place] ^= 1 << chance.randrange(8)  # type: ignore[attr-defined]
    with pytest.raises(Unavailable):
        opened(bytes(box))


def test_parts_left_out_repeated_or_reordered_are_noticed() -> None:
    box = sealed(os.urandom(3 * CHUNK))
    step = CHUNK + 16
    head, parts = box[:HEADER], [box[HEADER + n * step : HEADER + (n + 1) * step] for n in range(3)]
    for wrong in ([0, 1], [0, 2], [1, 0, 2], [0, 1, 1, 2], [0, 1, 2, 2], [2], []):
        with pytest.raises(Unavailable) as caught:
            opened(head + b"".join(parts[n] for n in wrong))
        assert caught.value.code == "unavailable.asset_unreadable"
    assert len(opened(head + b"".join(parts))) == 3 * CHUNK
    for cut in (b"", head[:-1], b"x" * 100):
        with pytest.raises(Unavailable):
            opened(cut)


def test_it_opens_with_its_key_for_its_purpose_only() -> None:
    box = sealed(b"words", 10, "a", KEY, OTHER)
    assert opened(box, 10, "a", OTHER, KEY) == b"words"
    with pytest.raises(Unavailable) as caught:
        opened(box, 10, "a", OTHER)
    assert caught.value.code == "unavailable.secret_key"
    with pytest.raises(Unavailable) as caught:
        opened(box, 10, "b", KEY)
    assert caught.value.code == "unavailable.asset_unreadable"
    with pytest.raises(Unavailable):
        asyncio.run(_first_without_a_key())


async def _first_without_a_key() -> bytes:
    return await anext(seal(pieces(b"x", 1), (), "a"))
