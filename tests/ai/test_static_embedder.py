"""The built-in embedder against its reference's vectors, and against any text there is."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon.ai.embedders import Embedder, LocalEmbedder
from mnemon.ai.providers.static import BUILTIN_NAME, StaticEmbedder
from mnemon.core.errors import Invalid, Unavailable
from tests.patience import PATIENCE

DATA = Path(__file__).parent / "data"

# Surrogates are left in: text from JSON or a terminal can hold them.
any_text = st.text(st.characters(), max_size=60)


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder()


def test_it_is_what_the_protocols_ask(embedder: StaticEmbedder) -> None:
    assert isinstance(embedder, Embedder)
    assert isinstance(embedder, LocalEmbedder)
    assert (embedder.name, embedder.dimensions, embedder.local) == (BUILTIN_NAME, 256, True)


def test_golden_vectors(embedder: StaticEmbedder) -> None:
    texts = json.loads((DATA / "golden_texts.json").read_text())
    golden = np.load(DATA / "golden_vectors.npy").astype(np.float32)
    vectors = embedder.embed_now(texts)
    empty = ~golden.any(axis=1)
    assert 1 < empty.sum() < 10
    assert not vectors[empty].any()
    cosines = (vectors * golden).sum(axis=1) / np.maximum(np.linalg.norm(golden, axis=1), 1e-9)
    assert cosines[~empty].min() > 1 - 1e-4, texts[int(cosines.argmin())]


def test_meaning(embedder: StaticEmbedder) -> None:
    question, near, far = embedder.embed_now(
        ["What animal does she keep at home?", "Her dog sleeps in the kitchen", "The invoice is overdue"]
    )
    assert question @ near > question @ far + 0.1


@given(st.lists(any_text, max_size=8))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_unit_or_zero_rows_and_batches_equal_singles(texts: list[str]) -> None:
    embedder = StaticEmbedder()
    vectors = embedder.embed_now(texts)
    assert vectors.shape == (len(texts), 256)
    assert vectors.dtype == np.float32
    lengths = np.linalg.norm(vectors, axis=1)
    assert np.all((lengths == 0) | (np.abs(lengths - 1) < 1e-5))
    for text, vector in zip(texts, vectors, strict=True):
        np.testing.assert_allclose(embedder.embed_now([text])[0], vector, atol=1e-6)


@pytest.mark.parametrize(
    "text",
    ["", " \t\n", "\x00", "\ud800", "😀", "東京", "שלום", "\u202e\u200f", "q" * 101],
    ids=["empty", "blank", "nul", "surrogate", "emoji", "cjk", "hebrew", "bidi", "endless word"],
)
def test_texts_without_a_known_token_are_zero(embedder: StaticEmbedder, text: str) -> None:
    assert not embedder.embed_now([text]).any()


def test_known_words_count_among_unknown_signs(embedder: StaticEmbedder) -> None:
    plain, dressed = embedder.embed_now(["a red car", "😀 a réd東 car \ud800 שלום"])
    assert plain @ dressed > 0.8


def test_a_text_of_fifty_thousand_characters_is_all_read(embedder: StaticEmbedder) -> None:
    sentence = "She sold the house and moved to Lisbon. "
    once, often = embedder.embed_now([sentence, (sentence * 2000)[:50_000]])
    assert once @ often > 0.9999
    half, whole = embedder.embed_now([sentence * 500, sentence * 500 + "invoice overdue " * 500])
    assert half @ whole < 0.99


@pytest.mark.parametrize("text", ["中文" * 25_000, "😀" * 50_000, "x" * 50_000, ("qzxj" * 24 + " ") * 515])
@pytest.mark.timeout(60)  # a second at most; for ever, if the work grew with the square of the length
async def test_long_strange_texts_take_no_time(embedder: StaticEmbedder, text: str) -> None:
    assert len(await embedder.embed([text])) == 1


async def test_embed_equals_embed_now_whether_few_or_many(embedder: StaticEmbedder) -> None:
    texts = [f"message {number} about topic {number % 37}" for number in range(10_000)]
    vectors = await embedder.embed(texts)
    for number in (0, 4095, 4096, 9_999):
        np.testing.assert_allclose(vectors[number], embedder.embed_now([texts[number]])[0], atol=1e-6)
    np.testing.assert_array_equal(await embedder.embed(texts[:5]), embedder.embed_now(texts[:5]))
    assert (await embedder.embed([])).shape == (0, 256)
    await embedder.aclose()


async def test_a_large_batch_leaves_the_event_loop_free(embedder: StaticEmbedder) -> None:
    texts = ["we talked about the holiday and the weather in the north " * 3] * 20_000
    task = asyncio.create_task(embedder.embed(texts))
    turns = 0
    while not task.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert turns >= 5
    assert task.result().shape == (20_000, 256)


def test_importing_and_making_it_loads_nothing() -> None:
    code = (
        "import sys\n"
        "from mnemon.ai.registry import make_embedder\n"
        "e = make_embedder('builtin')\n"
        "from mnemon.ai.providers import static\n"
        "assert not static._models\n"
        "assert not {'httpx', 'torch', 'sqlalchemy', 'mnemon.ai.providers.openai'} & set(sys.modules)\n"
        "assert e.embed_now(['hello']).any() and static._models\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)


def test_first_use_from_many_threads_at_once() -> None:
    code = (
        "import threading, numpy as np\n"
        "from mnemon.ai.providers.static import StaticEmbedder\n"
        "gate, rows = threading.Barrier(8), []\n"
        "def work():\n"
        "    gate.wait(); rows.append(StaticEmbedder().embed_now(['hello world'])[0])\n"
        "threads = [threading.Thread(target=work) for _ in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "assert len(rows) == 8 and all(np.array_equal(r, rows[0]) for r in rows)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)


def test_threads_share_one_model(embedder: StaticEmbedder) -> None:
    texts = [f"word{number} and {number} more" for number in range(500)]
    expected = embedder.embed_now(texts)
    results: list[bool] = []

    def work() -> None:
        results.append(bool(np.allclose(StaticEmbedder().embed_now(texts), expected, atol=1e-6)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4


def test_a_model_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    vocabulary = np.frombuffer(b"red\ncar\n##pet", dtype=np.uint8)
    np.savez(path, E=np.array([[3, 0], [0, 4], [4, 0]], np.int8), scale=np.ones(3, np.float16), vocab=vocabulary)
    embedder = StaticEmbedder(path)
    assert (embedder.name, embedder.dimensions) == ("static/mine", 2)
    np.testing.assert_allclose(embedder.embed_now(["Red car", "carpet"]), [[0.6, 0.8], [0.7071, 0.7071]], atol=1e-4)


@pytest.mark.parametrize(
    "arrays",
    [
        {"E": np.zeros((2, 2), np.int8)},
        {"E": np.zeros(2, np.int8), "scale": np.ones(2), "vocab": np.frombuffer(b"a\nb", np.uint8)},
        {"E": np.zeros((2, 2), np.int8), "scale": np.ones(3), "vocab": np.frombuffer(b"a\nb", np.uint8)},
        {"E": np.zeros((2, 2), np.float32), "scale": np.ones(2), "vocab": np.frombuffer(b"a\nb", np.uint8)},
        {"E": np.zeros((2, 2), np.int8), "scale": np.ones(2), "vocab": np.frombuffer(b"a\n\xff", np.uint8)},
    ],
    ids=["lacks arrays", "not a table", "lengths differ", "not int8", "not UTF-8"],
)
def test_files_that_are_no_model_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, allow_pickle=False, **arrays)
    with pytest.raises(Invalid) as caught:
        StaticEmbedder(path)
    assert caught.value.code == "invalid.embedding_model"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="nothing-here"):
        StaticEmbedder(tmp_path / "nothing-here.npz")
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04" + b"\x00" * 50)
    for name in ("text.npz", "cut.npz"):
        with pytest.raises(Invalid):
            StaticEmbedder(tmp_path / name)
