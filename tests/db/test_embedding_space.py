"""A database belongs to one embedding model: another one of the same width is refused, whoever starts first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np
import pytest

from mnemon import AsyncMemory, Invalid
from mnemon.ai.providers import static
from mnemon.app import start
from mnemon.core.settings import Settings
from tests.conftest import APP, WORKER, Server
from tests.factories import context_of, new_slug, settings_of

MakeDatabase = Callable[..., Awaitable[str]]


@pytest.fixture
def other_model(tmp_path: Path) -> Path:
    """A model of the built-in one's width that knows three words."""
    path = tmp_path / "other.npz"
    words = ["[UNK]", "tea", "boat"]
    table = np.random.default_rng(1).integers(-100, 100, (len(words), 256), dtype=np.int8)
    vocabulary = np.frombuffer("\n".join(words).encode(), dtype=np.uint8)
    np.savez(path, E=table, scale=np.ones(len(words), np.float32), vocab=vocabulary)
    return path


async def noted(server: Server, database: str) -> list[Any]:
    connection = await server.connect(database=database)
    rows: list[Any] = await connection.fetch("SELECT model, dimensions FROM embedding_space")
    await connection.close()
    return [tuple(row) for row in rows]


async def open_once(settings: Settings) -> str:
    async with AsyncMemory(settings) as memory:
        return context_of(memory).embedder.name


async def test_another_model_of_the_same_width_is_refused(
    server: Server, make_database: MakeDatabase, other_model: Path
) -> None:
    name = await make_database()
    url, slug = server.url(APP, name), new_slug()
    assert await noted(server, name) == []
    built_in = await open_once(settings_of(url, organization=slug))
    assert await noted(server, name) == [(built_in, 256)]
    other = {"embedding_model": f"static/{other_model}", "organization": slug}
    with pytest.raises(Invalid) as caught:
        await open_once(settings_of(url, **other))
    error = caught.value
    assert error.code == "invalid.embedding_space"
    assert built_in in error.message
    assert str(error.data["given"]) in error.message
    assert f"EMBEDDING_MODEL={built_in}" in str(error.hint)
    assert "export" in str(error.hint)
    with pytest.raises(Invalid) as caught:
        await start(settings_of(server.url(WORKER, name), **other), worker=True)
    assert caught.value.code == "invalid.embedding_space"
    assert await noted(server, name) == [(built_in, 256)]
    assert await open_once(settings_of(url, organization=slug)) == built_in
    assert await open_once(settings_of(url, organization=slug, embedding_model=built_in)) == built_in


async def test_first_starts_at_once_agree(server: Server, make_database: MakeDatabase, other_model: Path) -> None:
    name = await make_database()
    models = ("builtin", f"static/{other_model}") * 3
    starts = [
        open_once(settings_of(server.url(APP, name), organization=new_slug(), embedding_model=model))
        for model in models
    ]
    done = await asyncio.gather(*starts, return_exceptions=True)
    ((model, _),) = await noted(server, name)
    assert {one for one in done if isinstance(one, str)} == {model}
    refused = [one for one in done if not isinstance(one, str)]
    assert len(refused) == 3
    assert all(isinstance(one, Invalid) and one.code == "invalid.embedding_space" for one in refused)


async def test_the_same_name_with_another_fingerprint(
    server: Server, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await make_database()
    settings = settings_of(server.url(APP, name), organization=new_slug())
    monkeypatch.setattr(static.StaticEmbedder, "fingerprint", "one", raising=False)
    await open_once(settings)
    monkeypatch.setattr(static.StaticEmbedder, "fingerprint", "two", raising=False)
    with pytest.raises(Invalid) as caught:
        await open_once(settings)
    assert caught.value.code == "invalid.embedding_space"
    monkeypatch.undo()
    await open_once(settings)  # one that has none is told apart by its name alone


async def test_the_note_cannot_be_written_without_a_proof(server: Server, template: str) -> None:
    connection = await server.connect(APP)
    for statement in (
        "INSERT INTO embedding_space (model, dimensions) VALUES ('x', 256)",
        "UPDATE embedding_space SET model = 'x'",
        "DELETE FROM embedding_space",
        "TRUNCATE embedding_space",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    for proof in (b"", b"x" * 36):
        with pytest.raises(asyncpg.PostgresError) as caught:
            await connection.fetch("SELECT note_embedding_space('x', 256, NULL, $1)", proof)
        assert caught.value.sqlstate == "MN001"
    await connection.close()
