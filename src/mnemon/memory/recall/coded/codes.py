"""Codes of vectors: 512 bits each, of which vectors that point the same way have most in common."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mnemon.memory.recall.lexicon import Floats

BITS = 512
#: A code is so many words of 64 bits; they are kept apart, each of all rows beside one another.
PLANES = BITS // 64
#: What is said of a row without a vector: farther than any other.
FAR = BITS + 1
#: Rows that are compared at a time: what is worked out of them stays in the processor's cache.
_BLOCK = 131_072

Words64 = NDArray[np.uint64]
Distances = NDArray[np.uint16]


@lru_cache(maxsize=4)
def _rotation(dimensions: int) -> NDArray[np.float32]:
    """Return 512 directions, always the same: at right angles to one another, as far as there are so many."""
    random = np.random.default_rng(dimensions)
    blocks = []
    for _ in range(-(-BITS // dimensions)):
        square, _ = np.linalg.qr(random.standard_normal((dimensions, min(dimensions, BITS))))
        blocks.append(square)
    return np.ascontiguousarray(np.concatenate(blocks, axis=1)[:, :BITS], dtype=np.float32)


def codes_of(vectors: NDArray[np.float32]) -> Words64:
    """Return one code a vector: on which side of each direction it points; shape (planes, vectors)."""
    if not len(vectors):
        return np.empty((PLANES, 0), dtype=np.uint64)
    signs = vectors @ _rotation(vectors.shape[1]) > 0
    return np.ascontiguousarray(np.packbits(signs, axis=1).view(np.uint64).T)


def distances(planes: Words64, code: Words64) -> Distances:
    """Return how many bits of each code differ from those of another: 0 to 512.

    Args:
        planes: shape (planes, codes).
        code: shape (planes,).
    """
    size = planes.shape[1]
    apart = np.empty(size, dtype=np.uint16)
    block = min(size, _BLOCK)
    differing = np.empty(block, dtype=np.uint64)
    count, few = np.empty(block, dtype=np.uint8), np.empty(block, dtype=np.uint8)
    for begin in range(0, size, _BLOCK):
        end = min(begin + _BLOCK, size)
        total = apart[begin:end]
        bits, counted, some = (array[: end - begin] for array in (differing, count, few))
        for plane in range(PLANES):
            np.bitwise_xor(planes[plane, begin:end], code[plane], out=bits)
            if plane % 3 == 0:  # three counts of at most 64 fit into a byte
                if plane == 3:
                    total[:] = some
                elif plane > 3:
                    total += some
                np.bitwise_count(bits, out=some)
            else:
                np.bitwise_count(bits, out=counted)
                some += counted
        total += some
    return apart


def closest(found: Distances, most: int) -> NDArray[np.intp]:
    """Return the places of the least distances: so many, and those as near as the last of them."""
    if len(found) <= most:
        return np.flatnonzero(found <= BITS)
    edge = np.partition(found, most - 1)[most - 1]
    return np.flatnonzero(found <= min(int(edge), BITS))


def likely_cosines(planes: Words64, vector: NDArray[np.float32]) -> Floats:
    """Return about how close vectors are to one that is known whole, by their codes: better than bits that differ tell.

    Args:
        planes: their codes, shape (planes, vectors).
        vector: of length 1.
    """
    width = len(vector)
    signs = np.unpackbits(np.ascontiguousarray(planes.T).view(np.uint8), axis=1)
    along = (vector @ _rotation(width)).astype(np.float32)
    # The sum over what points the same way, less that over what does not; both together are the whole.
    total = 2.0 * np.vecdot(signs.astype(np.float32), along) - along.sum()
    return np.asarray(total * np.sqrt(width * np.pi / 2) / BITS, dtype=np.float64)
