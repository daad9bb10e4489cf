"""What was said in one language and asked in another, with the multilingual embedder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from mnemon import AsyncMemory, Invalid
from mnemon.ai.providers.multilingual import MULTILINGUAL_NAME
from tests.conftest import APP, Server
from tests.factories import context_of, copy_database, new_slug, settings_of, upgrade

SAID = {
    "zh": "我喜欢喝绿茶",
    "ja": "東京に引っ越しました",
    "ko": "나는 서울에 살아요",
    "ru": "Мой брат работает врачом в больнице",
    "de": "Unsere Katze heißt Minka und schläft auf dem Sofa",
    "tr": "Kızım keman çalmayı öğreniyor",
    "es": "El coche azul está en el taller hasta el viernes",
    "ar": "أختي تدرس الطب في القاهرة",
    "th": "พ่อของฉันเกษียณเมื่อปีที่แล้ว",
    "pl": "W sierpniu jedziemy nad morze do Gdańska",
}


@pytest_asyncio.fixture(scope="module")
async def url(server: Server, template: str) -> AsyncIterator[str]:
    """A database as one has it that was made with the multilingual embedder."""
    name = new_slug("multilingual").replace("-", "_")
    connection = await server.connect(database="postgres")
    await copy_database(connection, name, "template0")
    await upgrade(server.url(database=name), dimensions=512)
    yield server.url(APP, name)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest_asyncio.fixture(scope="module")
async def memory(url: str) -> AsyncIterator[AsyncMemory]:
    """A memory of one person in many languages; nobody changes it."""
    settings = settings_of(url, embedding_model="multilingual", organization=new_slug())
    async with AsyncMemory(settings) as made:
        for language, text in SAID.items():
            await made.remember(text, user="ada", metadata={"language": language})
        yield made


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("which tea do I like?", "zh"),
        ("welchen Tee mag ich?", "zh"),
        ("where did I move to?", "ja"),
        ("Dans quelle ville est-ce que j'habite en Corée ?", "ko"),
        ("What is my brother's job?", "ru"),
        ("我的兄弟做什么工作？", "ru"),
        ("What is the name of our cat?", "de"),
        ("Как зовут нашу кошку?", "de"),
        ("Which instrument does my daughter play?", "tr"),
        ("Where is the blue car?", "es"),
        ("青い車はどこにありますか？", "es"),
        ("What does my sister study?", "ar"),
        ("When did my father retire?", "th"),
        ("Wohin fahren wir in den Ferien im August?", "pl"),
    ],
)
async def test_a_question_in_another_language(memory: AsyncMemory, question: str, language: str) -> None:
    found = await memory.search(question, user="ada", k=3)
    assert language in [hit.item.metadata["language"] for hit in found][:2]
    hit = next(hit for hit in found if hit.item.metadata["language"] == language)
    assert hit.why.match["meaning"].share > 0


async def test_it_is_stored_which_model_the_vectors_are_of(memory: AsyncMemory) -> None:
    ctx = context_of(memory)
    assert (ctx.embedder.name, ctx.embedder.dimensions) == (MULTILINGUAL_NAME, 512)
    async with ctx.database.transaction(ctx.principal) as connection:
        rows = await connection.fetch("SELECT DISTINCT embedding_model FROM memories")
    assert [row["embedding_model"] for row in rows] == [MULTILINGUAL_NAME]


async def test_another_organisation_finds_nothing_of_it(memory: AsyncMemory) -> None:
    other = await memory.organization(new_slug())
    assert len(await other.search("which tea do I like?", user="ada")) == 0


async def test_texts_that_the_model_cannot_read_are_kept_and_found(memory: AsyncMemory) -> None:
    other = await memory.organization(new_slug())
    texts = ["🍵🍵🍵", "Γεια σου, με λένε Ελένη", "मुझे चाय पसंद है", "ordinary words beside them"]
    await other.remember(texts, user="ada")
    for asked, wanted in (("चाय", texts[2]), ("🍵", texts[0]), ("Ελένη", texts[1])):
        (found,) = await other.search(asked, user="ada", k=1)
        assert found.content == wanted


async def test_databases_of_the_built_in_embedder_stay_theirs(server: Server, template: str, url: str) -> None:
    settings: dict[str, Any] = {"organization": new_slug()}
    with pytest.raises(Invalid, match="EMBEDDING_MODEL"):
        await AsyncMemory(settings_of(server.url(APP), embedding_model="multilingual", **settings)).open()
    with pytest.raises(Invalid, match="EMBEDDING_MODEL"):
        await AsyncMemory(settings_of(url, **settings)).open()
