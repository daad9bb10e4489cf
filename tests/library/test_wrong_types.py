"""Arguments of a wrong type or out of their bounds: each is an error that names the argument, and nothing is stored."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from mnemon import AsyncMemory, Invalid, Memory
from mnemon.memory.schemas import Scope

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def letters() -> Iterator[str]:
    yield from ("a", "b")


async def later() -> AsyncIterator[str]:
    yield "a"


#: What is no text, by name.
NO_TEXT: dict[str, Callable[[], Any]] = {
    "int": lambda: 5,
    "float": lambda: 0.5,
    "bool": lambda: True,
    "bytes": lambda: b"hi",
    "bytearray": lambda: bytearray(b"hi"),
    "memoryview": lambda: memoryview(b"hi"),
    "dict": lambda: {"a": 1},
    "set": lambda: {"a"},
    "list": lambda: ["a"],
    "generator": letters,
    "Path": lambda: Path("notes.txt"),
    "datetime": lambda: NOW,
    "UUID": uuid4,
    "object": object,
}
#: Texts that cannot be kept.
BAD_TEXT = {"NUL": "a\0b", "a lone surrogate": "a\ud800b"}


async def refusal(call: Any) -> Invalid:
    with pytest.raises(Invalid) as caught:
        await call
    return caught.value


def names(error: Invalid, argument: str) -> bool:
    """Whether an error names an argument, for people and for programs."""
    field = str(error.data.get("field", ""))
    return re.search(rf"\b{argument}\b", error.message) is not None and field.rpartition(".")[2] == argument


@pytest.mark.parametrize("kind", NO_TEXT)
@pytest.mark.parametrize(
    "argument", ["user", "agent", "conversation", "team", "speaker", "role", "source", "source_id"]
)
async def test_remember_takes_texts_for_names(memory: AsyncMemory, argument: str, kind: str) -> None:
    error = await refusal(memory.remember("x", **{argument: NO_TEXT[kind]()}))
    assert names(error, argument)
    assert not (await memory.list()).items


@pytest.mark.parametrize(
    "kind", ["int", "float", "bool", "bytes", "bytearray", "memoryview", "Path", "datetime", "UUID", "object"]
)
async def test_remember_takes_texts(memory: AsyncMemory, kind: str) -> None:
    value = NO_TEXT[kind]()
    for content in (value, ["a good one", value]):
        error = await refusal(memory.remember(content))
        assert error.code == "invalid.type"
        assert error.data["field"] == "content"
        assert type(value).__name__ in error.message
        assert error.hint
    error = await refusal(memory.remember({"content": value}))
    assert names(error, "content")
    assert not (await memory.list()).items


async def test_bytes_are_to_be_decoded_and_paths_to_be_read(memory: AsyncMemory) -> None:
    assert "decode" in str(await refusal(memory.remember(b"hi")))  # type: ignore[arg-type]
    assert "read_text" in str(await refusal(memory.remember(Path("a"))))
    assert "None" in str(await refusal(memory.remember(None)))  # type: ignore[arg-type]
    assert "async for" in str(await refusal(memory.remember(later())))  # type: ignore[arg-type]
    assert (await memory.remember(letters())).created == 2


@pytest.mark.parametrize("text", BAD_TEXT)
async def test_texts_that_cannot_be_kept(memory: AsyncMemory, text: str) -> None:
    bad = BAD_TEXT[text]
    for argument in ("user", "agent", "conversation", "team", "speaker", "source_id"):
        condition: Any = {argument: bad}
        assert names(await refusal(memory.remember("x", **condition)), argument)
        if argument not in {"speaker", "source_id"}:
            assert names(await refusal(memory.search("x", **condition)), argument)
    assert names(await refusal(memory.remember(bad)), "content")
    assert names(await refusal(memory.search(bad)), "query")
    assert names(await refusal(memory.remember("x", tags=[bad])), "0")
    assert names(await refusal(memory.remember("x", metadata={"a": bad})), "metadata")
    assert names(await refusal(memory.remember("x" * 50_001)), "content")
    assert names(await refusal(memory.search("x" * 50_001)), "query")
    assert names(await refusal(memory.remember("x", user="u" * 256)), "user")
    assert not (await memory.list()).items


@pytest.mark.parametrize("value", [0, 11, -1, True, "8", b"8", float("nan"), float("inf"), 1.5, [5], {}])
async def test_importance_is_a_number_from_1_to_10(memory: AsyncMemory, value: Any) -> None:
    assert names(await refusal(memory.remember("x", importance=value)), "importance")
    made = await memory.remember("kept")
    assert names(await refusal(memory.update(made.id, importance=value)), "importance")


@pytest.mark.parametrize("value", [-0.1, 1.1, True, "1", b"1", float("nan"), float("inf"), [1]])
async def test_confidence_is_a_number_from_0_to_1(memory: AsyncMemory, value: Any) -> None:
    assert names(await refusal(memory.remember("x", confidence=value)), "confidence")


@pytest.mark.parametrize(
    "value", [0, -1, 1001, True, False, "5", b"5", 2.5, float("nan"), float("inf"), [5], None, NOW]
)
async def test_k_and_limit_are_whole_numbers(memory: AsyncMemory, value: Any) -> None:
    assert names(await refusal(memory.search("x", k=value)), "k")
    assert names(await refusal(memory.recall("x", k=value)), "k")
    assert names(await refusal(memory.list(limit=value)), "limit")
    if value not in (None, 1001):
        assert names(await refusal(memory.recall("x", token_budget=value)), "token_budget")


@pytest.mark.parametrize("kind", [*NO_TEXT, "None"])
async def test_a_question_is_a_text(memory: AsyncMemory, kind: str) -> None:
    for verb in (memory.search, memory.recall):
        error = await refusal(verb(None if kind == "None" else NO_TEXT[kind]()))  # type: ignore[arg-type]
        assert names(error, "query")


@pytest.mark.parametrize("kind", NO_TEXT)
async def test_conditions_are_texts(memory: AsyncMemory, kind: str) -> None:
    for argument in ("user", "agent", "conversation", "team"):
        value = NO_TEXT[kind]()
        assert names(await refusal(memory.search("x", **{argument: value})), argument)
        assert names(await refusal(memory.forget(**{argument: value})), argument)
    if kind != "list":
        assert names(await refusal(memory.recall("x", running=NO_TEXT[kind]())), "running")
        assert names(await refusal(memory.list(cursor=NO_TEXT[kind]())), "cursor")


@pytest.mark.parametrize("value", [5, 0.5, True, b"a", {"a": 1}, NOW, object()])
async def test_tags_are_a_text_or_several(memory: AsyncMemory, value: Any) -> None:
    assert "tags" in (await refusal(memory.remember("x", tags=value))).message
    assert "tags" in (await refusal(memory.search("x", tags=value))).message
    assert (await memory.remember("x", tags=letters())).created == 1


@pytest.mark.parametrize("value", [5, "text", b"a", ["a"], {"a"}, NOW, True])
async def test_metadata_is_a_mapping(memory: AsyncMemory, value: Any) -> None:
    assert names(await refusal(memory.remember("x", metadata=value)), "metadata")
    assert names(await refusal(memory.search("x", metadata=value)), "metadata")


async def test_metadata_holds_what_json_holds(memory: AsyncMemory) -> None:
    for value in (float("nan"), float("inf"), b"x", {1}, NOW, object(), Path("x")):
        assert names(await refusal(memory.remember("x", metadata={"a": [value]})), "metadata")
    assert "metadata" in (await refusal(memory.remember("x", metadata={1: "a"}))).message  # type: ignore[dict-item]


@pytest.mark.parametrize("value", [5, 0.5, True, b"a", [], {}, {"a": 1}, ["a"], [5], "no uuid", NOW, object()])
async def test_ids_are_uuids(memory: AsyncMemory, value: Any) -> None:
    for verb in (memory.get, memory.history, memory.update):
        assert names(await refusal(verb(value)), "id")
    if value not in ([], {}):
        assert names(await refusal(memory.forget(value)), "id")
    assert (await refusal(memory.forget([]))).code == "invalid.forget"


@pytest.mark.parametrize("value", [5, True, b"2026-01-01", "yesterday or so", [], {}, object()])
async def test_a_moment_is_a_time(memory: AsyncMemory, value: Any) -> None:
    made = await memory.remember("kept")
    assert names(await refusal(memory.get(made.id, as_of=value)), "as_of")
    assert (await memory.get(made.id, as_of=datetime.now(UTC))).content == "kept"


@pytest.mark.parametrize("value", [5, None, b"a.jsonl", [], {}, True, object()])
async def test_a_path_is_a_text_or_a_path(memory: AsyncMemory, value: Any) -> None:
    assert names(await refusal(memory.import_file(value)), "path")


async def test_other_arguments(memory: AsyncMemory, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"speaker": "bo", "text": "hi"}\n')
    value: Any
    for value in (5, b"x", ["a"], True):
        for argument in ("format", "conversation", "user", "agent"):
            assert names(await refusal(memory.import_file(file, **{argument: value})), argument)
        assert names(await refusal(memory.organization(value)), "slug")
        assert names(await refusal(memory.erase(user=value)), "user")
        assert names(await refusal(memory.preview_erasure(conversation=value)), "conversation")
        assert (await refusal(memory.after(value))).data["field"] == "position"
    for value in ("acme", 1, "no"):
        assert names(await refusal(memory.erase(organization=value)), "organization")
    for value in ("many", True, 0, 1.5, b"1"):
        assert names(await refusal(memory.maintain(max_rows=value)), "max_rows")
    assert names(await refusal(memory.recall("x", weights=5)), "weights")  # type: ignore[arg-type]
    assert names(await refusal(memory.search("x", scope=5)), "scope")  # type: ignore[arg-type]
    assert not (await memory.list()).items


@pytest.mark.parametrize("value", ["postgresql://app:hush@db/x", 5, {"data_dir": "/x"}, Path("/x"), b"x"])
def test_settings_are_settings(value: Any) -> None:
    for kind in (AsyncMemory, Memory):
        with pytest.raises(Invalid) as caught:
            kind(value)
        assert "database_url=" in str(caught.value)
        assert "hush" not in str(caught.value)


async def test_a_condition_that_is_not_known_names_the_known_ones(memory: AsyncMemory) -> None:
    for call in (
        memory.search("x", usr="ada"),
        memory.recall("x", usr="ada"),
        memory.list(usr="ada"),
        memory.forget(usr="a"),
    ):
        error = await refusal(call)
        assert error.code == "invalid.unknown_field"
        assert "usr" in error.message
        assert "Did you mean user?" in str(error)
        for name in Scope.model_fields:
            assert name in str(error)
    assert "importance" in str(await refusal(memory.remember("x", importanc=8)))
    assert "mean since?" in str(await refusal(memory.search("x", since__gt=NOW)))
    assert "mean tags?" in str(await refusal(memory.search("x", scope={"tag": ["a"]})))  # type: ignore[arg-type]
    assert "mean token_count?" in str(await refusal(memory.remember({"role": "user", "content": "x", "tokencount": 3})))


@pytest.mark.parametrize(
    "condition",
    [
        {"$gt": 1},
        {"importance": {"$gt": 1}},
        {"a": [{"$in": [1]}]},
        {"$or": [{"a": 1}, {"b": 2}]},
        {"a": {"b": {"$ne": None}}},
    ],
)
async def test_a_condition_that_looks_like_an_operator_is_refused(memory: AsyncMemory, condition: Any) -> None:
    await memory.remember("x", metadata={"importance": 5, "a": 1})
    for call in (
        memory.search("x", metadata=condition),
        memory.recall("x", metadata=condition),
        memory.list(metadata=condition),
        memory.forget(metadata=condition),
    ):
        error = await refusal(call)
        assert names(error, "metadata")
        assert "$" in error.message
    assert len((await memory.list(metadata={"a": 1})).items) == 1
    for argument in ("user", "tags", "since", "types"):
        operator: Any = {argument: {"$in": ["a"]}}
        assert argument in (await refusal(memory.search("x", **operator))).message


def test_the_memory_that_does_not_await_says_the_same(tmp_path: Path) -> None:
    memory = Memory(data_dir=tmp_path / "never")
    for call in (lambda: memory.remember(b"hi"), lambda: memory.search("x", k=0), lambda: memory.forget(5)):  # type: ignore[arg-type]
        with pytest.raises(Invalid):
            call()
    assert not (tmp_path / "never").exists()  # nothing was started for it
