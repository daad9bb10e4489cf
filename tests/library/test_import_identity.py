"""What a source is: all of it that was read. Two files are two imports however alike they begin and end."""

from __future__ import annotations

import gzip
import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mnemon import AsyncMemory
from mnemon.adapters import importing
from tests.adapters.test_import_exports import CHAT
from tests.factories import new_slug

SYSTEM = {"role": "system", "content": "You are a helpful assistant.", "conversation": "one"}


def log(path: Path, name: str, *texts: str) -> Path:
    lines = [{**SYSTEM, "conversation": name}, *({"role": "user", "content": t, "conversation": name} for t in texts)]
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return path


async def contents(memory: AsyncMemory) -> list[str]:
    return sorted(item.content for item in (await memory.list(limit=1000)).items)


async def test_two_logs_with_the_same_system_prompt_are_two(memory: AsyncMemory, tmp_path: Path) -> None:
    prompt = json.dumps({"role": "system", "content": "You are a helpful assistant."}) + "\n"
    for n, talk in enumerate((["tea", "milk"], ["coffee", "black"], ["cocoa", "milk"])):
        path = tmp_path / f"log-{n}.jsonl"
        path.write_text(prompt + "".join(json.dumps({"role": "user", "content": text}) + "\n" for text in talk))
        report = await memory.import_file(path)
        assert (report.imported, report.skipped, report.resumed_after, report.broken) == (3, 0, 0, 0)
    assert len(await contents(memory)) == 9
    for n in range(3):
        report = await memory.import_file(tmp_path / f"log-{n}.jsonl")
        assert (report.imported, report.skipped, report.resumed_after) == (0, 0, 3)


async def test_the_same_length_and_the_same_last_line_are_not_the_same_file(
    memory: AsyncMemory, tmp_path: Path
) -> None:
    first = log(tmp_path / "a.jsonl", "same", "I like green tea", "bye")
    second = log(tmp_path / "b.jsonl", "same", "I like black tea", "bye")
    assert first.stat().st_size == second.stat().st_size
    assert (await memory.import_file(first)).imported == 3
    # What has no id is told apart by its conversation, its words and its line.
    report = await memory.import_file(second)
    assert (report.imported, report.skipped, report.resumed_after) == (1, 2, 0)
    assert {"I like green tea", "I like black tea"} <= set(await contents(memory))


async def test_a_log_that_grows_goes_on_beside_others_that_begin_alike(
    memory: AsyncMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "FIRST", 2)
    monkeypatch.setattr(importing, "BATCH", 2)
    logs = [log(tmp_path / f"{n}.jsonl", f"talk {n}", *(f"{n} says {m}" for m in range(5))) for n in range(4)]
    for path in logs:
        assert (await memory.import_file(path)).imported == 6
    for n, path in enumerate(logs):
        with path.open("a") as stream:
            stream.write(json.dumps({"content": f"{n} goes on", "conversation": f"talk {n}"}) + "\n")
        report = await memory.import_file(path)
        assert (report.imported, report.skipped, report.resumed_after) == (1, 0, 6)
    assert len(await contents(memory)) == 28


async def test_what_is_appended_after_a_line_without_an_end_is_read(memory: AsyncMemory, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "one"}\n{"text": "tw')
    report = await memory.import_file(path)
    assert (report.imported, report.broken) == (1, 1)
    path.write_text('{"text": "one"}\n{"text": "two"}\n{"text": "three"}')
    assert (await memory.import_file(path)).imported == 2
    path.write_text('{"text": "one"}\n{"text": "two"}\n{"text": "three"}\n{"text": "four"}\n')
    report = await memory.import_file(path)
    assert (report.imported, report.skipped, report.resumed_after) == (1, 0, 3)


def export(title: str, size: int = 200_000) -> list[dict[str, Any]]:
    return [
        {**CHAT, "conversation_id": "first", "padding": "a" * size},
        {**CHAT, "conversation_id": title, "title": title},
        {**CHAT, "conversation_id": "last", "padding": "z" * size},
    ]


@pytest.mark.parametrize("packed", ["plain", "zip", "directory"])
async def test_exports_that_differ_in_the_middle_alone_are_two(
    memory: AsyncMemory, tmp_path: Path, packed: str
) -> None:
    """The same size, the same beginning, the same end."""
    paths = []
    for title in ("alpha", "gamma"):
        whole = json.dumps(export(title))
        path = tmp_path / title / "conversations.json"
        path.parent.mkdir()
        path.write_text(whole)
        if packed == "zip":
            archive = tmp_path / f"{title}.zip"
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as opened:
                opened.writestr(zipfile.ZipInfo("conversations.json"), whole)
            path = archive
        paths.append(path.parent if packed == "directory" else path)
    assert (await memory.import_file(paths[0])).imported == 12
    report = await memory.import_file(paths[1])
    assert (report.imported, report.skipped, report.resumed_after) == (4, 8, 0)
    again = await memory.import_file(paths[1])
    assert (again.imported, again.skipped, again.resumed_after) == (0, 0, 12)


def mail(n: int, text: str, identity: str = "") -> str:
    return (
        f"From a@example.org Mon Mar  2 10:00:{n:02d} 2026\nFrom: Ada <a@example.org>\n"
        f"Message-ID: <{identity or n}@example.org>\nSubject: tide\n\n{text}\n\n"
    )


async def test_boxes_that_begin_with_the_same_mail_are_two_and_grow(memory: AsyncMemory, tmp_path: Path) -> None:
    first, second = tmp_path / "a.mbox", tmp_path / "b.mbox"
    first.write_text(mail(1, "Same to all") + mail(2, "Only in the first", "x") + mail(3, "Last"))
    second.write_text(mail(1, "Same to all") + mail(2, "Only in the other", "y") + mail(3, "Last"))
    assert (await memory.import_file(first)).imported == 3
    report = await memory.import_file(second)
    assert (report.imported, report.skipped, report.resumed_after) == (1, 2, 0)
    for path in (first, second):
        with path.open("a") as stream:
            stream.write(mail(4, "New", path.name))
        report = await memory.import_file(path)
        assert (report.imported, report.skipped, report.resumed_after) == (1, 0, 3)
    assert "Only in the other" in await contents(memory)


async def test_read_in_another_way_it_is_another_import(memory: AsyncMemory, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps({"body": f"line {n}", "when": f"2026-03-0{n}"}) + "\n" for n in range(1, 4)))
    for _ in range(2):
        report = await memory.import_file(path)
        assert (report.imported, report.broken, report.keys) == (0, 3, ("body", "when"))
        assert report.read_nothing
    report = await memory.import_file(path, columns={"content": "body", "timestamp": "when"})
    assert (report.imported, report.broken, report.read_nothing) == (3, 0, False)
    assert (await memory.list(limit=1)).items[0].at.isoformat().startswith("2026-03-03")
    elsewhere = await memory.import_file(path, columns={"content": "body"}, conversation="elsewhere")
    assert elsewhere.imported == 3


async def test_compressed_again_it_is_the_same_source(memory: AsyncMemory, tmp_path: Path) -> None:
    path = log(tmp_path / "log.jsonl", "one", "a", "b")
    packed = tmp_path / "log.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    assert (await memory.import_file(path)).imported == 3
    report = await memory.import_file(packed)
    assert (report.imported, report.resumed_after) == (0, 3)


async def test_a_pipe_stores_nothing_twice(
    memory: AsyncMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = log(tmp_path / "log.jsonl", "one", "a", "b").read_bytes()
    other = raw.replace(b'"a"', b'"c"')
    for content, imported, skipped in ((raw, 3, 0), (raw, 0, 3), (other, 1, 2)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        report = await memory.import_file("-")
        assert (report.imported, report.skipped) == (imported, skipped)


async def test_another_organisation_begins_anew(memory: AsyncMemory, tmp_path: Path) -> None:
    path = log(tmp_path / "log.jsonl", "one", "a", "b")
    theirs = await memory.organization(new_slug())
    assert (await memory.import_file(path)).imported == 3
    assert (await theirs.import_file(path)).imported == 3
