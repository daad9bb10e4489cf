"""A language per row: given or found out, stemmed in it, and a question is read in every language there is."""

from __future__ import annotations

import errno
import tempfile
from typing import Any

import pytest
import pytest_asyncio
from py3langid.langid import LanguageIdentifier

from mnemon import AsyncMemory, Invalid, Unavailable
from mnemon.ai import languages
from mnemon.conversations import service as conversations
from mnemon.conversations.schemas import SearchMessages
from tests.factories import context_of, new_slug

#: (language, what was said, what is asked): the words meet only when both are stemmed in that language.
SAID = [
    ("de", "Ich habe meinem Bruder ein Buch über Vögel geschenkt", "Büchern"),
    ("de", "Die Häuser am Ufer wurden im Sommer verkauft", "Welches Haus wurde verkauft?"),
    ("ru", "Мы купили новую машину в прошлом году", "машины"),
    ("ru", "Мой брат живёт в большой деревне", "деревни"),
    ("fi", "Ostimme uuden talon Helsingin läheltä", "talossa"),
    ("tr", "Arkadaşım yeni kitaplar aldı ve bana gösterdi", "kitap"),
    ("fr", "Nous avons acheté des chevaux pour la ferme", "Quel cheval avez-vous acheté ?"),
    ("es", "Mis hermanas cantaban canciones en la iglesia", "canción"),
    ("it", "I ragazzi hanno comprato le biciclette nuove", "bicicletta"),
    ("sv", "Flickorna hade plockat blåbär i skogen igår", "flicka"),
    ("hu", "A barátaim tegnap egy régi házban aludtak", "házak"),
    ("pt", "As crianças estavam brincando no jardim ontem", "brincar"),
    ("nl", "Mijn zussen hebben gisteren nieuwe fietsen gekocht", "fiets"),
]


@pytest_asyncio.fixture(scope="module")
async def filled(house: AsyncMemory) -> AsyncMemory:
    """An organisation with what was said in many languages among English rows; nobody changes it."""
    memory = await house.organization(new_slug())
    others = [f"The boat number {n} left the harbour with {n % 7} people and a dog" for n in range(200)]
    await memory.remember([{"content": one} for one in [*others, *(said for _, said, _ in SAID)]])
    return memory


@pytest.mark.parametrize(("code", "said", "asked"), SAID, ids=[asked for _, _, asked in SAID])
async def test_another_inflection_finds_it(filled: AsyncMemory, code: str, said: str, asked: str) -> None:
    first = (await filled.search(asked, k=1)).hits[0]
    assert (first.content, first.item.language) == (said, code)
    assert first.why.terms


async def test_english_among_them_is_found_as_before(filled: AsyncMemory) -> None:
    first = (await filled.search("Which boats left the harbours with 3 dogs?", k=1)).hits[0]
    assert first.item.language == "en"
    assert first.content.startswith("The boat number")


async def test_a_given_language_is_kept(house: AsyncMemory, tmp_path: Any) -> None:
    memory = await house.organization(new_slug())
    await memory.remember("Fische", language="de")
    await memory.remember("Fisch", language="fi", conversation="c")
    file = tmp_path / "talk.jsonl"
    file.write_text('{"speaker": "Ann", "text": "Katzen"}\n', encoding="utf-8")
    await memory.import_file(file, language="de")
    assert {item.content: item.language for item in (await memory.list()).items} == {
        "Fische": "de",
        "Fisch": "fi",
        "Katzen": "de",
    }
    assert (await memory.search("Katze", k=1)).hits[0].why.terms
    with pytest.raises(Invalid, match="language"):
        await memory.remember("x", language="German")


async def test_a_short_text_has_the_language_of_its_conversation(house: AsyncMemory) -> None:
    memory = await house.organization(new_slug())
    await memory.remember("Wir haben gestern die ganze Wohnung geputzt und gekocht", conversation="küche", user="ann")
    await memory.remember("Zwiebeln!", conversation="küche", user="ann")
    first = (await memory.search("Zwiebel", k=1)).hits[0]
    assert (first.content, first.item.language) == ("Zwiebeln!", "de")
    assert first.why.terms


async def test_another_organisation_s_languages_are_not_read(house: AsyncMemory, admin: Any) -> None:
    german, english = await house.organization(new_slug()), await house.organization(new_slug())
    await german.remember("Ich habe ein Buch über Vögel gekauft", language="de")
    await english.remember("A buch is a box, and this is about birds")
    read = {}
    for memory in (german, english):
        own = context_of(memory).principal.organization_id
        read[memory] = await admin.fetchval("SELECT languages FROM recall_statistics WHERE organization_id = $1", own)
    assert read == {german: ["de"], english: None}
    assert not (await english.search("Büchern", k=1)).hits[0].why.terms


async def test_who_writes_a_row_by_itself_is_noted_too(house: AsyncMemory, admin: Any) -> None:
    memory = await house.organization(new_slug())
    await memory.open()
    own = context_of(memory).principal.organization_id
    insert = "INSERT INTO memories (organization_id, content, language) VALUES ($1, $2, $3)"
    await admin.execute(insert, own, "Die Katzen schlafen", "de")
    await admin.execute(insert, own, "Коты спят", "ru")
    await admin.execute(insert, own, "cats sleep", "en")
    assert (await memory.search("Katze", k=1)).hits[0].content == "Die Katzen schlafen"
    assert (await memory.search("кот", k=1)).hits[0].content == "Коты спят"
    stored = "SELECT languages FROM recall_statistics WHERE organization_id = $1"
    assert await admin.fetchval(stored, own) == ["de", "ru"]


def test_talk_in_english_is_looked_at_in_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(languages, "by_model", lambda text: asked.append(text))
    texts = ["What is that?", *(f"Roll program complete number {n}" for n in range(500))]
    assert languages.detect(texts, ["talk"] * len(texts)) == ["en"] * len(texts)
    assert len(asked) <= 32


def test_one_german_text_in_talk_in_english_is_german() -> None:
    texts = ["What is that?", "Ich habe gestern drei Bücher gekauft", "ok", "And you know that"]
    assert languages.detect(texts, ["talk"] * 4) == ["en", "de", "en", "en"]
    assert languages.detect(["ok", "12", "👍"], [None] * 3) == [None] * 3


@pytest.mark.parametrize(
    "text", ["Le but de la visite est simple", "Just nu bor jag i Lund", "My jsme doma", "Die Not ist gross"]
)
def test_a_word_that_other_languages_have_too_makes_no_english(text: str) -> None:
    assert languages.at_a_glance(text) is None
    assert languages.detect([text], [None]) != ["en"]


async def test_the_search_of_messages_reads_each_language(memory: AsyncMemory) -> None:
    said = "Die alten Häuser am Hafen werden verkauft"
    await memory.remember(said, conversation="c", user="ada", language="de")
    await memory.remember("The houses are sold", conversation="c", user="ada")
    for asked in ("Häuser", "Haus", "verkauft"):
        found = await conversations.search_messages(context_of(memory), SearchMessages(query=asked))
        assert [hit.content for hit in found] == [said], asked
    found = await conversations.search_messages(context_of(memory), SearchMessages(query="house"))
    assert [hit.content for hit in found] == ["The houses are sold"]


class Loads:
    """The model, loaded as often as it is asked for; the first times go wrong."""

    def __init__(self, *errors: OSError) -> None:
        self.errors = list(errors)

    def __call__(self, *given: Any, **named: Any) -> Any:
        if self.errors:
            raise self.errors.pop(0)
        return loaded(*given, **named)


loaded = LanguageIdentifier.from_model_file
GERMAN = "Ich habe gestern drei neue Bücher gekauft"


def test_a_model_that_cannot_be_loaded_this_time_is_loaded_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "_LOADED", [])
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(LanguageIdentifier, "from_model_file", Loads(full))
    with pytest.raises(Unavailable, match=r"cannot be loaded: No space left on device\. Make room"):
        languages.by_model(GERMAN)
    assert languages.by_model(GERMAN) == "de"


def test_without_a_directory_for_temporary_files_no_language_is_found_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(languages, "_LOADED", [])
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "nowhere")])
    assert languages.by_model(GERMAN) is None
    assert "TMPDIR has to be a directory" in caplog.text
    assert languages.by_model(GERMAN) is None
    assert len(caplog.records) == 1
