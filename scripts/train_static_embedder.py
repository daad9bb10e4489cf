"""Fits a static embedder (a table of token vectors) to any sentence-transformers model.

    pip install "mnemon[sentence-transformers]"
    python scripts/train_static_embedder.py --teacher sentence-transformers/all-MiniLM-L6-v2 \
        --texts sentences.txt --output my-static.npz
    EMBEDDING_MODEL=static/my-static.npz mnemon ...

The steps: let the teacher embed each token alone, random combinations of words, and the sentences of the text file;
move the token vectors until their sums point where the teacher's vectors do; weigh each token down by its frequency in
the text file; keep the principal components; drop tokens that are not ASCII; round to int8 with a scale per token.

With the defaults the teacher reads some 105,000 short texts; with a MiniLM on two cores all takes five minutes. The
text file should be like what will be searched, and must not hold what the result is measured on.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from mnemon.ai.providers.static import StaticModel
from mnemon.ai.wordpiece import WordPiece

Floats = NDArray[np.float32]

_WORD = re.compile(r"[a-z]{2,}")
_KEPT_TOKEN = re.compile(r"(##)?[a-z0-9]+|[!-~]")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_TOKENS_READ = 62  # of a text; the teacher's window of 64 less its two marks
_TEMPERATURE = 0.05  # of the softmax over a batch's similarities
_RELATIVE_WEIGHT = 0.3  # of that loss beside the cosine

console = Console(stderr=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Fit a static embedder (a table of token vectors) to a sentence-transformers model.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--teacher", required=True, help="name or directory of the sentence-transformers model to follow")
    add("--texts", required=True, type=Path, help="text file, UTF-8, sentences or one text a line")
    add("--output", required=True, type=Path, help="where to write the .npz")
    add("--vocabulary", type=Path, help="WordPiece vocabulary, one token a line; unset: the teacher's own")
    add("--dimensions", type=int, default=256, help="numbers in a vector")
    add("--sentences", type=int, default=15_000, help="sentences taken from the text file at most")
    add("--combinations", type=int, default=60_000, help="random word combinations")
    add("--epochs", type=int, default=8, help="passes over the combinations, then half as many over everything")
    add("--batch", type=int, default=512, help="texts in one step of the fit")
    add("--rate", type=float, default=2e-3, help="learning rate at the start; it falls to nothing")
    add("--reweight", type=float, default=1e-2, help="a in the token weight a / (a + frequency); 0 leaves it out")
    add("--device", help="cpu, cuda, mps; unset: chosen by sentence-transformers")
    add("--seed", type=int, default=0, help="of the combinations and the order of texts")
    options = parser.parse_args()
    for name in ("dimensions", "sentences", "combinations", "epochs", "batch"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    if not options.texts.is_file():
        parser.error(f"there is no text file {options.texts}")
    return options


class Teacher:
    """The model to follow, as a function from texts to unit vectors."""

    def __init__(self, name: str, device: str | None) -> None:
        from sentence_transformers import SentenceTransformer

        self._model: Any = SentenceTransformer(name, device=device, local_files_only=Path(name).is_dir())
        self._model.max_seq_length = _TOKENS_READ + 2

    def vocabulary(self) -> list[str]:
        """The tokens in the order of their ids; exits if they are not those of an uncased WordPiece."""
        tokens: dict[str, int] = self._model.tokenizer.get_vocab()
        ordered = sorted(tokens, key=lambda token: tokens[token])
        if not any(token.startswith("##") for token in ordered) or self._model.tokenizer.tokenize("Hat")[0] == "Hat":
            sys.exit("The teacher's tokens are not BERT's uncased WordPiece: give such a list with --vocabulary.")
        return ordered

    def embed(self, texts: Sequence[str], what: str) -> Floats:
        """Unit vectors, shape ``(texts, the teacher's dimensions)``."""
        chunks = [texts[start : start + 512] for start in range(0, len(texts), 512)]
        return np.concatenate(
            [
                np.asarray(
                    self._model.encode(chunk, batch_size=64, normalize_embeddings=True, show_progress_bar=False),
                    dtype=np.float32,
                )
                for chunk in track(chunks, f"Teacher: {len(texts):,} {what}", console=console)
            ]
        )


def read_sentences(path: Path, limit: int, chance: np.random.Generator) -> list[str]:
    """Up to ``limit`` different sentences of 3 to 60 words, at random."""
    found: dict[str, None] = {}
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            for sentence in _SENTENCE_END.split(line.strip()):
                if 3 <= len(sentence.split()) <= 60:
                    found[sentence] = None
    sentences = list(found)
    if len(sentences) < 10:
        sys.exit(f"{path} holds {len(sentences)} sentences of 3 to 60 words; at least ten are needed.")
    chosen = chance.permutation(len(sentences))[:limit]
    return [sentences[position] for position in chosen]


def combine_words(vocabulary: Sequence[str], count: int, chance: np.random.Generator) -> list[str]:
    """Random combinations of two to six words; four words in ten are drawn from the frequent end of the list.

    Sentences alone leave most tokens where they began; here each word is met.
    """
    words = [token for token in vocabulary if _WORD.fullmatch(token)]
    if not words:
        sys.exit("The vocabulary holds no words.")

    def draw() -> str:
        position = chance.random() if chance.random() < 0.6 else chance.random() ** 3
        return words[int(len(words) * position)]

    return [" ".join(draw() for _ in range(chance.choice([2, 3, 3, 4, 4, 5, 6]))) for _ in range(count)]


@dataclass(frozen=True)
class Examples:
    """Texts as token ids, and where the teacher puts them (unit rows)."""

    ids: list[NDArray[np.intp]]
    targets: Floats

    @classmethod
    def of(cls, texts: Sequence[str], targets: Floats, tokeniser: WordPiece) -> Examples:
        """Leaves out texts without a known token."""
        ids = [np.array(row[:_TOKENS_READ], dtype=np.intp) for row in tokeniser.ids_of_all(texts)]
        kept = [position for position, row in enumerate(ids) if len(row)]
        return cls([ids[position] for position in kept], targets[kept])

    def __add__(self, other: Examples) -> Examples:
        return Examples(self.ids + other.ids, np.concatenate([self.targets, other.targets]))


class Fit:
    """Token vectors on their way: Adam over the rows that a batch touches.

    The loss is one minus the cosine to the teacher, plus the divergence between how student and teacher see the
    similarities within a batch: the first puts each text in its place, the second keeps neighbours in their order.
    """

    def __init__(self, vectors: Floats) -> None:
        self.vectors = vectors.copy()
        self._mean = np.zeros_like(vectors)
        self._square = np.zeros_like(vectors)
        self._step = 0

    def run(self, examples: Examples, *, epochs: int, batch: int, rate: float, chance: np.random.Generator) -> None:
        """Passes over the examples in random order, the rate falling in a straight line."""
        batch = min(batch, len(examples.ids))
        in_epoch = len(examples.ids) // batch
        for epoch in range(epochs):
            order = chance.permutation(len(examples.ids))
            total = 0.0
            for number in track(range(in_epoch), f"Fit: pass {epoch + 1} of {epochs}", console=console):
                chosen = order[number * batch : (number + 1) * batch]
                done = (epoch * in_epoch + number) / (epochs * in_epoch)
                rows = [examples.ids[position] for position in chosen]
                total += self._learn(rows, examples.targets[chosen], rate * max(0.02, 1 - done))
            console.print(f"  cosine to the teacher {1 - total / in_epoch:.4f}")

    def _learn(self, rows: list[NDArray[np.intp]], targets: Floats, rate: float) -> float:
        """One step; gives the mean cosine loss before it."""
        flat = np.concatenate(rows)
        lengths = np.array([len(row) for row in rows])
        sums = np.add.reduceat(self.vectors[flat], np.cumsum(lengths) - lengths, axis=0)
        norms = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-8)
        points = sums / norms
        slope = (_relative_slope(points, targets) - targets) / len(rows)
        slope = (slope - (slope * points).sum(1, keepdims=True) * points) / norms
        # Each token of a text receives its text's slope; equal tokens of the batch are added up.
        order = np.argsort(flat, kind="stable")
        tokens, starts = np.unique(flat[order], return_index=True)
        owners = np.repeat(np.arange(len(rows)), lengths)[order]
        self._move(tokens, np.add.reduceat(slope[owners], starts, axis=0), rate)
        return float(1 - (points * targets).sum(1).mean())

    def _move(self, tokens: NDArray[np.intp], slope: Floats, rate: float) -> None:
        self._step += 1
        mean = 0.9 * self._mean[tokens] + 0.1 * slope
        square = 0.99 * self._square[tokens] + 0.01 * slope**2
        self._mean[tokens], self._square[tokens] = mean, square
        mean_now = mean / (1 - 0.9**self._step)
        square_now = square / (1 - 0.99**self._step)
        self.vectors[tokens] -= rate * mean_now / (np.sqrt(square_now) + 1e-8)


def _relative_slope(points: Floats, targets: Floats) -> Floats:
    """The slope, at ``points``, of the divergence between the two softmaxes of similarities within the batch."""
    difference = _softmax(points @ points.T) - _softmax(targets @ targets.T)
    slope = (difference + difference.T) @ points
    return np.asarray(slope * np.float32(_RELATIVE_WEIGHT / _TEMPERATURE))


def _softmax(similarities: Floats) -> Floats:
    scores = similarities / _TEMPERATURE
    np.fill_diagonal(scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def first_guess(alone: Floats) -> Floats:
    """Where tokens begin: their own embeddings around their mean, those at the frequent end of the list shortened."""
    ranks = np.arange(2, len(alone) + 2)
    frequency = (1 / ranks) / (1 / ranks).sum()
    weights = (1e-4 / (1e-4 + frequency)).astype(np.float32)
    return np.asarray((alone - alone.mean(axis=0)) * weights[:, None])


def token_frequency(ids: Sequence[NDArray[np.intp]], tokens: int) -> NDArray[np.float64]:
    """How often each token occurs among the texts' tokens, no token being quite absent."""
    counts = np.bincount(np.concatenate(ids), minlength=tokens) + 0.5
    return np.asarray(counts / counts.sum())


def unit_sums(ids: Sequence[NDArray[np.intp]], vectors: Floats) -> Floats:
    """The texts' vectors, at length 1."""
    sums = np.stack([vectors[row].sum(axis=0) for row in ids])
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-8))


def components(points: Floats, dimensions: int) -> tuple[Floats, float]:
    """The strongest directions of the points, shape ``(their dimensions, dimensions)``, and the share they keep."""
    strengths, directions = np.linalg.eigh(points.T @ points)
    strongest = np.argsort(strengths)[::-1][:dimensions]
    return directions[:, strongest], float(strengths[strongest].sum() / strengths.sum())


def write(path: Path, vocabulary: Sequence[str], vectors: Floats) -> int:
    """Rounds each row to int8 in units of its own scale and writes the file; gives its size in bytes."""
    scales = (np.abs(vectors).max(axis=1) / 127 + 1e-7).astype(np.float16)
    rounded = np.round(vectors / scales[:, None].astype(np.float32)).clip(-127, 127).astype(np.int8)
    letters = np.frombuffer("\n".join(vocabulary).encode(), dtype=np.uint8)
    with path.open("wb") as file:
        np.savez(file, E=rounded, scale=scales, vocab=letters)
    return path.stat().st_size


def agreement(model: StaticModel, texts: Sequence[str], targets: Floats) -> float:
    """Correlation between the similarities that model and teacher see among texts that neither was fitted on."""
    pairs = np.triu_indices(len(texts), k=1)
    student = model.embed(texts)
    return float(np.corrcoef((student @ student.T)[pairs], (targets @ targets.T)[pairs])[0, 1])


def held_back(sentences: Sequence[str]) -> int:
    """How many sentences are kept for judging the result."""
    return min(1000, max(2, len(sentences) // 20))


def kept_tokens(vocabulary: Sequence[str]) -> Iterator[int]:
    """Positions of the tokens that stay: ASCII words, their continuations and signs."""
    return (position for position, token in enumerate(vocabulary) if _KEPT_TOKEN.fullmatch(token))


def examples_of(parts: Sequence[tuple[Sequence[str], Floats]], tokeniser: WordPiece) -> Iterator[Examples]:
    """Each part's examples, its targets centred: what all vectors share says nothing about any."""
    common = np.mean([targets.mean(axis=0) for _, targets in parts], axis=0)
    for texts, targets in parts:
        centred = targets - common
        yield Examples.of(texts, centred / np.linalg.norm(centred, axis=1, keepdims=True), tokeniser)


def fitted(
    start: Floats, words: Examples, prose: Examples, options: argparse.Namespace, chance: np.random.Generator
) -> Floats:
    """Token vectors fitted to the combinations alone, then more gently to both together."""
    fit = Fit(start)
    fit.run(words, epochs=options.epochs, batch=options.batch, rate=options.rate, chance=chance)
    gently = Fit(fit.vectors)
    epochs, rate = -(-options.epochs // 2), options.rate * 0.75
    gently.run(words + prose, epochs=epochs, batch=options.batch, rate=rate, chance=chance)
    return gently.vectors


def reduced(vectors: Floats, words: Examples, prose: Examples, options: argparse.Namespace) -> tuple[Floats, float]:
    """Token vectors weighed by frequency, along the strongest directions of real sums; and the share these keep."""
    if options.reweight > 0:
        frequency = token_frequency(prose.ids, len(vectors))
        vectors = vectors * (options.reweight / (options.reweight + frequency))[:, None].astype(np.float32)
    seen = prose.ids + words.ids[: len(prose.ids)]
    directions, share = components(unit_sums(seen, vectors), options.dimensions)
    return vectors @ directions, share


def main() -> None:
    """Runs all steps and says how well the result follows its teacher."""
    options = arguments()
    started = time.monotonic()
    chance = np.random.default_rng(options.seed)
    sentences = read_sentences(options.texts, options.sentences, chance)
    teacher = Teacher(options.teacher, options.device)
    vocabulary = options.vocabulary.read_text("utf-8").split() if options.vocabulary else teacher.vocabulary()
    combinations = combine_words(vocabulary, options.combinations, chance)

    of_sentences = teacher.embed(sentences, "sentences")
    if options.dimensions > of_sentences.shape[1]:
        sys.exit(f"--dimensions {options.dimensions} is more than the teacher's {of_sentences.shape[1]}.")
    alone = teacher.embed([token.removeprefix("##") for token in vocabulary], "tokens alone")
    of_combinations = teacher.embed(combinations, "combinations")

    test = held_back(sentences)
    words, prose = examples_of(
        [(combinations, of_combinations), (sentences[test:], of_sentences[test:])], WordPiece(vocabulary)
    )
    vectors = fitted(first_guess(alone), words, prose, options, chance)
    vectors, share = reduced(vectors, words, prose, options)
    kept = list(kept_tokens(vocabulary))
    size = write(options.output, [vocabulary[position] for position in kept], vectors[kept])
    result = agreement(StaticModel.load(options.output), sentences[:test], of_sentences[:test])
    console.print(
        f"{options.output}: {len(kept):,} tokens x {options.dimensions}, {size / 1e6:.1f} MB, "
        f"{share:.1%} of the strength kept; on {test} sentences held back its similarities correlate "
        f"{result:.3f} with the teacher's. Seed {options.seed}, {time.monotonic() - started:.0f} s."
    )


if __name__ == "__main__":
    main()
