"""Text that looks like talk: sentences composed of pieces of real ones."""

from __future__ import annotations

import json
import random
from pathlib import Path

#: Words that make up-to-date vocabularies grow: without rare words every query would find everything.
_RARE = ("valve", "gasket", "ledger", "harbour", "orchard", "violin", "turbine", "saddle", "lantern", "quarry")


class Sentences:
    """Sentences of 8 to 30 words: halves of real utterances joined, and now and then a word that few others have.

    Args:
        source: a JSONL file whose objects have ``text``.
        seed: the same seed gives the same sentences.
    """

    def __init__(self, source: Path, seed: int) -> None:
        self._chance = random.Random(seed)
        self._pieces: list[list[str]] = []
        with source.open(encoding="utf-8") as file:
            for line in file:
                words = str(json.loads(line).get("text", "")).split()
                for start in range(0, len(words), 8):
                    if len(piece := words[start : start + 8]) >= 3:
                        self._pieces.append(piece)
        if not self._pieces:
            raise SystemExit(f"{source} has no texts")

    def one(self) -> str:
        """The next sentence."""
        chance = self._chance
        words = [*chance.choice(self._pieces), *chance.choice(self._pieces)]
        if chance.random() < 0.3:
            words += chance.choice(self._pieces)
        if chance.random() < 0.15:
            words.append(f"{chance.choice(_RARE)}{chance.randrange(2000)}")
        return " ".join(words)
