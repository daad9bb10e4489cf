"""What every provider does to texts before a model sees them, and to vectors after."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from mnemon.ai.embedders import Vectors

_SURROGATE = re.compile("[\ud800-\udfff]")


def encodable(text: str) -> str:
    """Return the text with lone surrogates replaced by U+FFFD: neither UTF-8 nor a tokeniser in Rust holds them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text


def normalised(vectors: NDArray[np.floating]) -> Vectors:
    """Return the rows as float32 at length 1; rows of zeros stay as they are. Shape ``(texts, dimensions)``."""
    rows = np.array(vectors, dtype=np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))[:, None]
    np.divide(rows, lengths, out=rows, where=lengths > 0, casting="same_kind")
    return rows
