"""What is written down outside: at once on the disk, whole lines, by many at a time, never washed away."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from mnemon.context import Context
from mnemon.core.errors import Invalid, Unavailable
from mnemon.core.installation import InstallationKey
from mnemon.core.settings import Settings
from mnemon.operations import service
from mnemon.operations.schemas import AuditEvent
from mnemon.operations.trail import Anchor, Anchors, anchors
from mnemon.operations.trail.anchors import thinned
from tests.factories import KEY, with_settings
from tests.patience import PATIENCE

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ONE = UUID(int=1)


def anchor(number: int, *, of: UUID = ONE, at: datetime = NOW, what: str = "") -> Anchor:
    word = f"{number}{what}".encode()
    return Anchor(of, number, word.ljust(32, b"."), word.ljust(32, b","), at)


def test_written_and_read(tmp_path: Path) -> None:
    file = Anchors(tmp_path / "new" / "anchors.jsonl")
    assert (file.read().there, file.newest()) == (False, {})
    assert file.write([anchor(1), anchor(1, of=UUID(int=2))]) == 2
    assert file.write([anchor(1)]) == 0, "it is there"
    assert file.write([anchor(2)]) == 1
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    found = file.read()
    assert (found.anchors, found.damaged) == ((anchor(1), anchor(1, of=UUID(int=2)), anchor(2)), 0)
    assert file.newest() == {ONE: anchor(2), UUID(int=2): anchor(1, of=UUID(int=2))}


def test_where_it_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    own = Settings(data_dir=data, database_url=None, audit_anchors=None)
    assert Anchors.of(own.model_copy(update={"audit_anchors": None}), KEY).path == tmp_path / "data.anchors"
    name = f"anchors-{KEY.newest.hex()}.jsonl"
    for given, place in (
        (tmp_path, tmp_path / name),
        (tmp_path / "later", tmp_path / "later" / name),
        (tmp_path / "a.jsonl", tmp_path / "a.jsonl"),
    ):
        assert Anchors.of(own.model_copy(update={"audit_anchors": given}), KEY).path == place
    # It stays the same file while keys are changed.
    rotated = InstallationKey((b"n" * 32, b"k" * 32))
    assert Anchors.of(own.model_copy(update={"audit_anchors": tmp_path}), rotated).path == tmp_path / name
    elsewhere = own.model_copy(update={"audit_anchors": None, "database_url": "postgresql+asyncpg://x@y/z"})
    assert Anchors.of(elsewhere, KEY).path.name == name


@pytest.mark.parametrize("cut", [1, 30, 100, 250])
def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path, cut: int) -> None:
    file = Anchors(tmp_path / "a.jsonl")
    file.write([anchor(1), anchor(2)])
    whole = file.path.read_text()
    file.path.write_text(whole + whole[:cut])
    assert file.read().anchors[:2] == (anchor(1), anchor(2))
    assert file.read().damaged == 0
    file.write([anchor(3)])
    assert file.newest() == {ONE: anchor(3)}
    assert file.read().damaged == 0, "it was an anchor's beginning"


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[]",
        "null",
        '{"organization": 1}',
        "[" * 900,
        "x" * 5000,
        '{"number": NaN}',
        "\x00",
        '{"hash": "zz"}',
    ],
)
def test_what_is_no_anchor_is_counted(tmp_path: Path, line: str) -> None:
    file = Anchors(tmp_path / "a.jsonl")
    file.write([anchor(1)])
    file.path.write_text(file.path.read_text() + line + "\n")
    file.write([anchor(2)])
    assert (file.read().anchors, file.read().damaged) == ((anchor(1), anchor(2)), 1)


def test_what_was_contradicted_is_not_washed_away() -> None:
    cut = [anchor(5), anchor(9), anchor(4, what="forged"), anchor(12, what="forged"), anchor(13, what="forged")]
    kept = thinned(cut)
    assert anchor(9) in kept, "the chain ended there before it was cut off"
    assert anchor(4, what="forged") in kept
    assert anchor(13, what="forged") in kept
    same = [anchor(9), anchor(9, what="forged"), anchor(10)]
    assert thinned(same) == same
    days = [anchor(n, at=NOW + timedelta(hours=n)) for n in range(96)]
    assert [one.number for one in thinned(days)] == [11, 35, 59, 83, 95]
    assert [one.number for one in thinned(days, "")] == [95]


def test_it_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anchors, "LARGE", 20_000)
    file = Anchors(tmp_path / "a.jsonl")
    file.write([anchor(1000)])
    file.write([anchor(7, what="forged")])
    for number in range(8, 400):
        file.write([anchor(number, what="forged", at=NOW + timedelta(minutes=number))])
    assert file.path.stat().st_size < 25_000
    found = file.read()
    assert found.damaged == 0
    assert anchor(1000) in found.anchors
    assert found.anchors[-1].number == 399
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


_WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from mnemon.operations.trail import Anchor, Anchors, anchors
anchors.LARGE = 30_000
file, who = Anchors(Path(sys.argv[1])), UUID(int=int(sys.argv[2]))
for number in range(1, int(sys.argv[3]) + 1):
    file.write([Anchor(who, number, bytes([number % 256]) * 32, b"m" * 32, datetime.now(UTC))])
    print(number, flush=True)
"""


def writer(path: Path, who: int, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path), str(who), str(count)], stdout=subprocess.PIPE, text=True
    )


def test_many_processes_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    running = [writer(path, who, 60) for who in range(1, 5)]
    for one in running:
        one.communicate(timeout=PATIENCE)
        assert one.returncode == 0
    found = Anchors(path)
    assert {who.int: one.number for who, one in found.newest().items()} == dict.fromkeys(range(1, 5), 60)
    assert found.read().damaged == 0


def test_killed_in_the_middle_it_has_what_was_acknowledged(tmp_path: Path) -> None:
    for turn in range(4):
        path = tmp_path / f"{turn}.jsonl"
        one = writer(path, 1, 100_000)
        assert one.stdout is not None
        told = [int(next(one.stdout)) for _ in range(20 + 35 * turn)]
        os.kill(one.pid, signal.SIGKILL)
        one.wait()
        file = Anchors(path)
        assert file.newest()[ONE].number >= told[-1]
        assert file.read().damaged == 0
        file.write([anchor(10**9)])  # no lock was left
        assert file.newest()[ONE].number == 10**9


def test_the_program_gets_each_line(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    script = tmp_path / "store"
    script.write_text(f"#!/bin/sh\ncat >> {copy}\n")
    script.chmod(0o700)
    file = Anchors(tmp_path / "a.jsonl", f"{script} 'a b; touch {tmp_path}/harm'")
    file.write([anchor(1), anchor(2)])
    file.write([anchor(2)])
    assert [json.loads(line)["number"] for line in copy.read_text().splitlines()] == [1, 2]
    assert not (tmp_path / "harm").exists(), "no shell reads it"


@pytest.mark.parametrize("command", ["/nonexistent/program", "false", "'"])
def test_a_program_that_fails_is_told_and_the_file_has_it(tmp_path: Path, command: str) -> None:
    file = Anchors(tmp_path / "a.jsonl", command)
    with pytest.raises(Unavailable) as caught:
        file.write([anchor(1)])
    assert caught.value.code == "unavailable.audit_anchor_command"
    assert file.newest() == {ONE: anchor(1)}


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable) as caught:
        Anchors(tmp_path / "file" / "a.jsonl").write([anchor(1)])
    assert (caught.value.code, "MNEMON_AUDIT_ANCHORS" in (caught.value.hint or "")) == (
        "unavailable.audit_anchors",
        True,
    )
    with pytest.raises(Invalid):
        Anchors(tmp_path).read()
    (tmp_path / "target").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(Unavailable):
        Anchors(tmp_path / "link").write([anchor(1)])
    assert (tmp_path / "target").read_text() == ""


async def test_sealing_writes_it_down(ctx: Context, tmp_path: Path) -> None:
    ctx = with_settings(ctx, audit_anchors=tmp_path / "a.jsonl")
    file = Anchors(tmp_path / "a.jsonl")
    own = ctx.principal.organization_id
    await service.seal_audit(ctx)
    first = file.newest()[own]
    await service.record_event(ctx, AuditEvent(action="test:write"))
    await service.seal_audit(ctx)
    second = file.newest()[own]
    assert (first.number, second.number) == (1, 2)
    # Killed between its seal and its anchor: the next sealing writes it down, though there is nothing new to seal.
    lines = file.path.read_text().splitlines()
    file.path.write_text(lines[0] + "\n")
    await service.seal_audit(ctx)
    assert file.newest()[own].number == 2
    found = await service.verify_audit(ctx)
    assert (found.valid, found.anchors) == (True, 2)


async def test_what_cannot_be_written_down_is_sealed_all_the_same(ctx: Context, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ctx = with_settings(ctx, audit_anchors=tmp_path / "file" / "a.jsonl")
    with pytest.raises(Unavailable):
        await service.seal_audit(ctx)
    assert (await service.verify_audit(with_settings(ctx, audit_anchors=tmp_path / "b.jsonl"))).blocks == 1


async def test_many_sealers_at_once(ctx: Context, tmp_path: Path, admin: Any) -> None:
    ctx = with_settings(ctx, audit_anchors=tmp_path / "a.jsonl")

    async def work() -> None:
        for _ in range(10):
            await service.record_event(ctx, AuditEvent(action="test:write", resource_id=uuid4().hex))
            await service.seal_audit(ctx)

    await asyncio.gather(*(work() for _ in range(5)))
    found = await service.verify_audit(ctx)
    assert (found.valid, found.unsealed) == (True, 0), found
    assert Anchors(tmp_path / "a.jsonl").newest()[ctx.principal.organization_id].number == found.blocks
