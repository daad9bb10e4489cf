"""import_file from end to end: what a file says is in memory once, however often and however far it was read."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mnemon import AsyncMemory, Invalid, NotFound
from mnemon.adapters import importing
from mnemon.adapters.importers import limits
from tests.factories import context_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def line(n: int, **fields: Any) -> str:
    at = (NOON + timedelta(minutes=n)).isoformat()
    return json.dumps(
        {"text": f"line {n}", "speaker": ("ada", "bob")[n % 2], "at": at, "conversation": "log", **fields}
    )


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{one}\n" for one in lines), encoding="utf-8")
    return path


async def said(memory: AsyncMemory) -> list[str]:
    items: list[Any] = []
    page = await memory.list(limit=1000)
    items += page.items
    while page.next_cursor:
        page = await memory.list(limit=1000, cursor=page.next_cursor)
        items += page.items
    return [item.content for item in reversed(items)]


async def checkpoints(memory: AsyncMemory, admin: Any) -> list[Any]:
    found: list[Any] = await admin.fetch(
        "SELECT source, position::text, imported, skipped, broken, finished_at FROM import_checkpoints "
        "WHERE organization_id = $1",
        context_of(memory).principal.organization_id,
    )
    return found


async def test_a_file_is_read_once(memory: AsyncMemory, admin: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "log.jsonl", [line(n) for n in range(2500)])
    reports = []
    report = await memory.import_file(path, user="ada", agent="guide", on_progress=lambda r: reports.append(r.imported))
    assert (report.format, report.imported, report.skipped, report.broken) == ("jsonl", 2500, 0, 0)
    assert report.bytes_read == report.total_bytes == path.stat().st_size
    assert report.rate > 0
    assert reports == [250, 750, 1750, 2500]
    assert await said(memory) == [f"line {n}" for n in range(2500)]
    item = (await memory.list(limit=1)).items[0]
    assert (item.user, item.agent, item.conversation, item.speaker) == ("ada", "guide", "log", "bob")
    (place,) = await checkpoints(memory, admin)
    assert (place["imported"], place["skipped"], place["broken"]) == (2500, 0, 0)
    assert place["finished_at"] is not None
    again = await memory.import_file(path)
    assert (again.imported, again.skipped, again.resumed_after) == (0, 0, 2500)
    over = await memory.import_file(path, restart=True)
    assert (over.imported, over.skipped, over.resumed_after) == (0, 2500, 0)
    assert len(await said(memory)) == 2500


async def test_what_was_appended_is_read_next_time(memory: AsyncMemory, tmp_path: Path) -> None:
    path = write(tmp_path / "log.jsonl", [line(n) for n in range(10)])
    await memory.import_file(path)
    write(path, [line(n) for n in range(15)])
    report = await memory.import_file(path)
    assert (report.imported, report.resumed_after) == (5, 10)
    assert await said(memory) == [f"line {n}" for n in range(15)]


@pytest.mark.parametrize("after", [1, 2, 3])
async def test_an_interrupted_import_goes_on(
    memory: AsyncMemory, admin: Any, tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 100)
    path = write(tmp_path / "log.jsonl", [line(n) for n in range(450)])

    def stop(report: importing.ImportReport) -> None:
        if report.imported >= after * 100:
            raise KeyError

    with pytest.raises(KeyError):
        await memory.import_file(path, on_progress=stop)
    assert await said(memory) == [f"line {n}" for n in range(after * 100)]
    (place,) = await checkpoints(memory, admin)
    assert place["finished_at"] is None
    report = await memory.import_file(path)
    assert report.imported == 450 - after * 100
    assert report.skipped == 0
    assert await said(memory) == [f"line {n}" for n in range(450)]
    (place,) = await checkpoints(memory, admin)
    assert place["finished_at"] is not None


async def test_a_cancelled_import_goes_on(memory: AsyncMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 50)
    path = write(tmp_path / "log.jsonl", [line(n) for n in range(400)])
    for delay in (0.01, 0.03, 0.06):
        task = asyncio.create_task(memory.import_file(path))
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await memory.import_file(path)
    assert await said(memory) == [f"line {n}" for n in range(400)]


async def test_two_at_once_store_everything_once(memory: AsyncMemory, tmp_path: Path) -> None:
    path = write(tmp_path / "log.jsonl", [line(n) for n in range(300)])
    reports = await asyncio.gather(memory.import_file(path), memory.import_file(path))
    assert sum(report.imported for report in reports) == 300
    assert len(await said(memory)) == 300


async def test_broken_lines_are_reported_and_passed_over(memory: AsyncMemory, admin: Any, tmp_path: Path) -> None:
    deep: Any = {}
    for _ in range(40):
        deep = {"a": deep}
    lines = [
        line(0),
        "not json",
        line(1, text=""),
        line(2, text=5),
        line(3, tags=["x" * 101]),
        line(4, metadata=deep),
        line(5, text="a\\u0000b").replace("\\\\u0000", "\\u0000"),
        line(6, big=10**400),
        line(7, at="yesterday"),
        line(8, id="i" * 400, conversation="c" * 300),
        line(9),
    ]
    path = write(tmp_path / "log.jsonl", lines)
    report = await memory.import_file(path)
    assert await said(memory) == ["line 0", "line 8", "line 9"]
    assert (report.imported, report.broken) == (3, 8)
    assert [problem.position.line for problem in report.problems] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert all(problem.reason for problem in report.problems)
    (place,) = await checkpoints(memory, admin)
    assert (place["imported"], place["broken"]) == (3, 8)
    again = await memory.import_file(path)
    assert (again.imported, again.broken, again.resumed_after, again.broken_before) == (0, 0, 11, 8)


@pytest.mark.parametrize("bad", [1, 2, 4])
async def test_a_strict_import_stops_and_goes_on_once_it_is_mended(
    memory: AsyncMemory, tmp_path: Path, bad: int
) -> None:
    good = [line(n) for n in range(6)]
    path = write(tmp_path / "log.jsonl", [*good[:bad], "not json", *good[bad + 1 :]])
    for _ in range(2):
        with pytest.raises(Invalid) as caught:
            await memory.import_file(path, stop_on_broken=True)
        assert caught.value.code == "invalid.import.broken"
        assert caught.value.data["line"] == bad + 1
        assert await said(memory) == [f"line {n}" for n in range(bad)]
    write(path, good)
    report = await memory.import_file(path, stop_on_broken=True)
    assert (report.imported, report.skipped) == (6 - bad, 0)
    assert await said(memory) == [f"line {n}" for n in range(6)]


async def test_a_file_that_changed_before_its_place_is_another_import(memory: AsyncMemory, tmp_path: Path) -> None:
    path = write(tmp_path / "log.jsonl", [line(n) for n in range(10)])
    await memory.import_file(path)
    write(path, [line(0), *(line(n, text="other") for n in range(1, 12))])
    report = await memory.import_file(path)
    assert (report.imported, report.skipped, report.resumed_after) == (11, 1, 0)
    report = await memory.import_file(path)
    assert (report.imported, report.skipped, report.resumed_after) == (0, 0, 12)


async def test_compressed_and_named_otherwise(memory: AsyncMemory, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(line(n) for n in range(5)).encode()))
    assert (await memory.import_file(str(path))).imported == 5
    report = await memory.import_file(path, format="jsonl", conversation="elsewhere")
    assert report.imported == 0


async def test_what_cannot_be_imported(memory: AsyncMemory, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await memory.import_file(tmp_path / "nothing.jsonl")
    path = write(tmp_path / "log.jsonl", [line(0)])
    with pytest.raises(Invalid):
        await memory.import_file(path, format="nonsense")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(Invalid):
        await memory.import_file(tmp_path / "nothing")
    (tmp_path / "empty.jsonl").write_bytes(b"")
    with pytest.raises(Invalid):
        await memory.import_file(tmp_path / "empty.jsonl")


async def test_garbage_is_collected_as_before_once_the_last_import_is_over(memory: AsyncMemory, tmp_path: Path) -> None:
    before = gc.get_threshold()
    during: set[tuple[int, int, int]] = set()
    files = [write(tmp_path / f"{n}.jsonl", [line(m, conversation=f"c{n}") for m in range(600)]) for n in range(2)]
    await asyncio.gather(
        *(memory.import_file(file, on_progress=lambda _: during.add(gc.get_threshold())) for file in files)
    )
    assert gc.get_threshold() == before
    assert during == {(100_000, 50, 100)}


async def test_a_batch_is_small_where_its_metadata_is_large(
    memory: AsyncMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two thousand lines of four megabytes each would be held at once."""
    monkeypatch.setattr(limits, "BATCH_BYTES", 50_000)
    path = write(tmp_path / "log.jsonl", [line(n, extra=["x" * 90] * 100) for n in range(100)])
    packed = tmp_path / "log.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes().replace(b"line ", b"Line ")))
    reports: list[int] = []
    for one in (path, packed):
        reports.clear()
        report = await memory.import_file(one, conversation="c", on_progress=lambda r: reports.append(r.imported))
        assert report.imported == 100
        assert len(reports) > 10
        assert max(after - before for before, after in zip([0, *reports], reports, strict=False)) < 10


async def test_a_file_that_turns_hostile_keeps_what_came_before_and_is_resumed_there(
    memory: AsyncMemory, admin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "FIRST", 10)
    monkeypatch.setattr(importing, "BATCH", 10)
    path = tmp_path / "log.jsonl.gz"
    good = "".join(f"{line(n)}\n" for n in range(35)).encode()
    path.write_bytes(gzip.compress(good + b'{"text": "' + b"a" * 40_000_000 + b'"}\n', 9))
    for attempt in range(2):
        with pytest.raises(Invalid) as caught:
            await memory.import_file(path)
        assert caught.value.code == "invalid.import.bomb", attempt
        assert await said(memory) == [f"line {n}" for n in range(35)]
        (place,) = await checkpoints(memory, admin)
        assert place["finished_at"] is None
    path.write_bytes(gzip.compress(good))
    report = await memory.import_file(path)
    assert (report.imported, report.skipped, report.resumed_after) == (0, 0, 35)
    assert await said(memory) == [f"line {n}" for n in range(35)]


async def test_nested_json_is_refused_with_its_place(memory: AsyncMemory, tmp_path: Path) -> None:
    """The attack: eighty kilobytes that took four gigabytes."""
    path = tmp_path / "conversations.json"
    path.write_bytes(b"[" * 80_000)
    with pytest.raises(Invalid) as caught:
        await memory.import_file(path)
    assert caught.value.code == "invalid.import.format"
    report = await memory.import_file(path, format="chatgpt")
    assert (report.imported, report.broken) == (0, 1)
    assert "nested more than 100 deep" in report.problems[0].reason
