"""Names at the library's and the command line's door: one name is one person, and a blank one is nobody's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mnemon import AsyncMemory, Invalid

SAME = ("Rosa", "Rosa ", "\tRosa", "Rosa\u200b", "\ufeffRosa\xa0", "\u3000Rosa\n")
BLANK = (" ", "\t\n", "\xa0", "\u3000", "\u200b", "\u2060\ufeff", "\xad")


async def test_a_name_and_its_padded_forms_are_one(memory: AsyncMemory, admin: Any) -> None:
    await asyncio.gather(*(memory.remember(f"note {n}", user=name) for n, name in enumerate(SAME)))
    await memory.remember("hello", user=" Rosa", agent="guide\u200b ", conversation=" plans ", tags=["tea ", "tea"])
    for name in SAME:
        assert len((await memory.list(user=name)).items) == len(SAME) + 1
    item = (await memory.list(conversation="plans", agent="guide", tags=["\u200btea"])).items[0]
    assert (item.user, item.agent, item.conversation, item.tags) == ("Rosa", "guide", "plans", ("tea",))


async def refused(calls: dict[str, Callable[..., Awaitable[Any]]], name: str) -> None:
    """Call each with a blank name for the field, which is to be said to be blank."""
    for field, call in calls.items():
        with pytest.raises(Invalid, match="blank") as caught:
            await call(**{field: name})
        assert caught.value.code == "invalid.blank"
        assert {field, "name"} & set(caught.value.data["field"].split("."))


@pytest.mark.parametrize("name", BLANK, ids=ascii)
async def test_a_blank_name_is_refused(memory: AsyncMemory, tmp_path: Path, name: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"text": "hello"}) + "\n")
    fields = ("user", "agent", "conversation", "team", "speaker", "tags", "category", "subject", "source")
    await refused({field: partial(memory.remember, "hello") for field in fields}, name)
    for verb in (memory.list, memory.forget, partial(memory.search, "hello"), partial(memory.recall, "hello")):
        await refused(dict.fromkeys(("user", "agent", "conversation", "team", "tags", "tags_any"), verb), name)
    await refused({"running": partial(memory.recall, "hello")}, name)
    await refused(dict.fromkeys(("user", "agent", "conversation"), partial(memory.import_file, path)), name)
    await refused({"user": memory.erase, "conversation": memory.preview_erasure}, name)
    assert not (await memory.list()).items


async def test_what_a_file_names_blankly_it_does_not_name(memory: AsyncMemory, tmp_path: Path) -> None:
    lines = [
        {"text": "one", "speaker": " ", "conversation": "\u200b", "session": " ", "tags": ["\t", "tea "]},
        {"text": "two", "speaker": " Rosa\u200b", "conversation": "log"},
    ]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = await memory.import_file(path, conversation="elsewhere ")
    assert (report.imported, report.broken) == (2, 0)
    one, two = sorted((await memory.list()).items, key=lambda item: item.content)
    assert (one.speaker, one.conversation, one.tags) == (None, "elsewhere", ("tea",))
    assert (two.speaker, two.conversation) == ("Rosa", "log")
