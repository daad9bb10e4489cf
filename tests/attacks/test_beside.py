"""Ways beside statements: options of a connection, what other sessions show of themselves, signals, notifications."""

from __future__ import annotations

import asyncio
import os
import select
from typing import Any

import pytest

from mnemon import AsyncMemory
from tests.attacks import tries_catalogues
from tests.attacks.conftest import Ground
from tests.attacks.run import Arena
from tests.attacks.tries import Situation
from tests.attacks.tries_settings import PROBE
from tests.attacks.wire import Closed, Wire
from tests.conftest import APP
from tests.factories import context_of, settings_of

LOGINS = ("mnemon_app", "mnemon_worker")


@pytest.mark.parametrize("role", LOGINS)
def test_options_of_a_connection_bring_nobody_elsewhere(arena: Arena, role: str) -> None:
    """What a session may not set, it may not bring with it either; what it may set shows nothing of B."""
    b = arena.field.b
    noted = b.replace("-", "") + "_" * 64
    refused = 0
    arena.wire(role).close()  # without options it is let in
    for name in (*arena.field.catalogue.ours, "role", "session_authorization", "search_path"):
        for value in (b, noted, f"{b},,", "mnemon_owner", "pg_temp"):
            try:
                wire = Wire(arena.endpoint, role, arena.database, f"-c {name}={value}")
            except Closed:
                refused += 1
                continue
            answers = wire.ask(
                [PROBE, "SELECT m::text FROM public.memories m", "BEGIN", arena.enter(), PROBE, "ROLLBACK"]
            )
            said = b"\n".join(answer.said for answer in answers)
            assert not [m for m in arena.field.theirs.marks(said, b) if m not in noted], (name, value)
            wire.close()
    assert refused >= 5  # the parameter in which it stands, and the roles
    for setting in arena.field.catalogue.settings:
        for value in setting.values[:2]:
            if " " in value or not value:
                continue
            try:
                wire = Wire(arena.endpoint, role, arena.database, f"-c {setting.name}={value}")
                assert not arena.field.theirs.marks(wire.ask([PROBE])[0].said, "")
                wire.close()
            except Closed:
                continue


async def test_what_other_sessions_show_of_themselves(ground: Ground, arena: Arena) -> None:
    """The catalogue while B works: statements of the product carry no content, whoever reads pg_stat_activity."""
    url = ground.server.url(APP, arena.database)
    slug = f"{arena.field.theirs.prefix}slug"
    async with AsyncMemory(settings=settings_of(url, organization=slug)) as memory:
        word = f"{arena.field.theirs.prefix}0a1b2c3d"
        await memory.remember(f"the {word} opens at dawn", user=word)
        await memory.recall(word, user=word)
        ctx = context_of(memory)
        async with ctx.database.transaction(ctx.principal) as connection:
            await connection.fetch("SELECT content FROM memories WHERE content = $1", word)
            views = ("activity", "pg_stat", "prepared", "cursors", "locks")
            tries = [one for one in tries_catalogues.told(arena.field) if any(view in one.name for view in views)]
            for role in arena.roles:
                outcome = await asyncio.to_thread(arena.run, tries, role, Situation("A", True))
                assert outcome.tries > 50
                shown = [line for line in outcome.through if not line.startswith("changed")]  # B is at work
                assert not shown, shown[:20]


def _notifications(wire: Wire, seconds: float) -> bytes:
    """What arrives without having been asked for."""
    said = b""
    while select.select([wire._socket], [], [], seconds)[0]:
        kind, body = wire._message()
        if kind == ord("A"):
            said += body
    return said


def test_notifications_name_no_content(arena: Arena) -> None:
    """Whoever listens hears that some job waits, or the id of one that is to stop: no content, no organisation."""
    listener, b = arena.wire(APP), arena.field.b
    listener.one("LISTEN mnemon_jobs")
    arena.admin.one(
        "BEGIN; INSERT INTO background_jobs (organization_id, kind, queue, payload) VALUES "
        f"('{b}', 'mail.send', 'default', '{{\"to\": \"{arena.field.theirs.prefix}00000000\"}}'); COMMIT"
    )
    said = _notifications(listener, 1.0)
    assert b"queued" in said
    assert not arena.field.theirs.marks(said, "")
    listener.close()


def test_a_forged_notification_cancels_nothing(arena: Arena) -> None:
    """Anybody may notify: it wakes workers, who then look at what the rows say."""
    job = arena.field.theirs.rows["background_jobs"]["id"]
    state = f"SELECT j::text FROM background_jobs j WHERE id = '{job}'"
    before = arena.admin.value(state)
    wire = arena.wire(APP)
    wire.one(f"SELECT pg_notify('mnemon_jobs', 'cancel {job}')")
    assert arena.admin.value(state) == before
    wire.close()


def _pid(wire: Wire) -> str:
    return wire.value("SELECT pg_backend_pid()") or ""


def test_only_sessions_of_the_same_login_can_be_ended(arena: Arena) -> None:
    """PostgreSQL lets a login end its own sessions; those of the worker, the owner and a superuser it does not."""
    attacker = arena.wire(APP)
    for role in ("mnemon_worker", "mnemon_owner", "mnemon_admin"):
        victim = Wire(arena.endpoint, role, arena.database)
        for function in ("pg_terminate_backend", "pg_cancel_backend"):
            answer = attacker.ask([f"SELECT {function}({_pid(victim)})"])[0]
            assert answer.error == "42501", (role, function)
        assert victim.one("SELECT 1").rows == [("1",)]
        victim.close()
    attacker.close()


def test_nothing_runs_as_the_server(arena: Arena) -> None:
    """No file, no program: as each login, by each function that PostgreSQL has for it."""
    names = ("pg_read_file('PG_VERSION')", "pg_read_binary_file('PG_VERSION')", "pg_stat_file('PG_VERSION')",
             "pg_ls_dir('.')", "lo_import('/etc/passwd')", "pg_current_logfile()", "pg_ls_tmpdir()",
             "pg_ls_archive_statusdir()")  # fmt: skip
    for role in arena.roles:
        wire = arena.wire(role)
        for name in names:
            assert wire.ask([f"SELECT * FROM {name}"])[0].error == "42501", name
        for statement in ("COPY (SELECT 1) TO PROGRAM 'id'", f"COPY (SELECT 1) TO '/tmp/{os.getpid()}'"):
            assert wire.ask([statement])[0].error == "42501", statement
        wire.close()


def _call(wire: Wire, function: str, *arguments: bytes) -> Any:
    """A function by the protocol's own call, past SQL."""
    import struct

    body = struct.pack("!ihh", int(function), 0, len(arguments))
    body += b"".join(struct.pack("!i", len(a)) + a for a in arguments) + struct.pack("!h", 0)
    wire._send(b"F" + struct.pack("!i", len(body) + 4) + body)
    return wire._answer()


def test_the_protocols_own_call_has_the_same_rights(arena: Arena) -> None:
    """The fast path calls a function by its number: what a login may not execute, it may not execute so."""
    closed = arena.admin.one(
        "SELECT p.oid, p.oid::regprocedure FROM pg_proc p WHERE p.pronargs = 1 AND p.prokind = 'f' "
        "AND NOT has_function_privilege('mnemon_app', p.oid, 'EXECUTE') AND NOT p.proretset "
        "AND p.prorettype <> 'trigger'::regtype"
    ).rows
    assert len(closed) > 20
    wire = arena.wire(APP)
    for number, name in closed:
        assert _call(wire, number or "", b"1").error == "42501", name
    wire.close()
