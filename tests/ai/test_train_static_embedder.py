"""The fitting script without its teacher: the maths on made-up targets, the file it writes, its command line."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mnemon.ai.providers.static import StaticEmbedder
from mnemon.ai.wordpiece import WordPiece
from tests.patience import PATIENCE

SCRIPT = Path(__file__).parents[2] / "scripts" / "train_static_embedder.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_static_embedder", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_fit_finds_vectors_whose_sums_point_where_the_teacher_does(script: ModuleType) -> None:
    chance = np.random.default_rng(1)
    truth = chance.normal(size=(60, 12)).astype(np.float32)
    ids = [chance.integers(0, 60, size=chance.integers(2, 7)) for _ in range(3000)]
    targets = script.unit_sums(ids, truth)
    fit = script.Fit(chance.normal(size=truth.shape).astype(np.float32))
    before = (script.unit_sums(ids, fit.vectors) * targets).sum(axis=1).mean()
    fit.run(script.Examples(ids, targets), epochs=20, batch=128, rate=0.06, chance=chance)
    after = (script.unit_sums(ids, fit.vectors) * targets).sum(axis=1).mean()
    assert before < 0.3
    assert after > 0.97


def test_the_slope_is_that_of_the_loss(script: ModuleType) -> None:
    chance = np.random.default_rng(2)
    points, targets = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in chance.normal(size=(2, 5, 4)))

    def divergence(at: np.ndarray) -> float:
        wanted, seen = script._softmax(targets @ targets.T), script._softmax(at @ at.T)
        apart = ~np.eye(5, dtype=bool)
        return 0.3 * float((wanted[apart] * np.log(wanted[apart] / seen[apart])).sum())

    slope = script._relative_slope(points, targets)
    for row, column in ((0, 0), (3, 2)):
        step = np.zeros_like(points)
        step[row, column] = 1e-6
        numeric = (divergence(points + step) - divergence(points - step)) / 2e-6
        assert slope[row, column] == pytest.approx(numeric, rel=1e-3, abs=1e-4)


def test_what_it_writes_is_what_the_embedder_reads(script: ModuleType, tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    vocabulary = ["[PAD]", "[unused1]", "red", "car", "##pet", "é", "!", "東"]
    vectors = chance.normal(size=(8, 6)).astype(np.float32)
    kept = list(script.kept_tokens(vocabulary))
    assert [vocabulary[position] for position in kept] == ["red", "car", "##pet", "!"]
    path = tmp_path / "model.npz"
    assert script.write(path, [vocabulary[position] for position in kept], vectors[kept]) == path.stat().st_size
    texts = ["Red carpet!", "red"]
    expected = script.unit_sums([np.array(WordPiece(vocabulary).ids(text)) for text in texts], vectors)
    np.testing.assert_allclose(StaticEmbedder(path).embed_now(texts), expected, atol=0.02)


def test_components_keep_the_strongest_directions(script: ModuleType) -> None:
    points = np.random.default_rng(4).normal(size=(500, 3)).astype(np.float32) * np.array([3, 0.01, 2], np.float32)
    directions, share = script.components(points, 2)
    assert share > 0.999
    assert abs(directions[1]).max() < 0.01


def test_sentences_are_cut_and_drawn_by_seed(script: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(f"This is sentence {n}. And here is another {n}! No." for n in range(30)))
    drawn = [script.read_sentences(path, 20, np.random.default_rng(seed)) for seed in (5, 5, 6)]
    assert len(set(drawn[0])) == 20
    assert drawn[0] == drawn[1] != drawn[2]
    assert not any(text == "No." for text in drawn[0])


def test_the_command_line_explains_itself(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    assert "--teacher" in run("--help").stdout
    missing = run("--teacher", "t", "--texts", str(tmp_path / "none.txt"), "--output", "o.npz")
    assert missing.returncode == 2
    assert "none.txt" in missing.stderr
