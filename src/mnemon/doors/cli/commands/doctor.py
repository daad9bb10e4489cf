"""doctor: what is well, what is not, and what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from mnemon.core.errors import MnemonError
from mnemon.doors.cli.state import run, settings, state

if TYPE_CHECKING:
    from mnemon.ai.embedders import Embedder
    from mnemon.core.settings import Settings
    from mnemon.db.startup import Facts

Level = Literal["ok", "note", "wrong"]

_OLDEST_SERVER = 15
_OLDEST_VECTOR = (0, 8)
_DISK_WRONG = 200_000_000
_DISK_NOTE = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: its name.
        level: ``ok``; ``note``: it works, and could be better; ``wrong``: something must be done.
        found: what was found.
        do: what to do about it.
    """

    what: str
    level: Level
    found: str
    do: str | None = None


def doctor() -> None:
    """Look at everything that Mnemon needs and say what to do; exit code 1 when something must be done."""
    from mnemon.doors.cli.output import working

    with working("Looking"):
        findings = list(_all())
    wrong = sum(finding.level == "wrong" for finding in findings)
    if state.json:
        from mnemon.doors.cli.output import emit

        emit({"ok": not wrong, "findings": [asdict(finding) for finding in findings]})
    else:
        _show(findings, wrong)
    if wrong:
        raise typer.Exit(1)


def _all() -> Iterator[Finding]:
    from mnemon._version import __version__

    yield Finding("Mnemon", "ok", f"{__version__} on Python {platform.python_version()}, {platform.system()}")
    try:
        wanted = settings()
    except MnemonError as error:
        yield _wrong("settings", error)
        return
    yield _settings(wanted)
    embedder, finding = _embedder(wanted)
    yield finding
    with _database(wanted) as (url, found):
        yield from found
        if url is not None:
            yield from _inside(url, wanted, embedder)
    if wanted.database_url is None:
        yield _disk(wanted)


def _settings(wanted: Settings) -> Finding:
    given = sorted(name for name in wanted.model_fields_set if getattr(wanted, name) is not None)
    return Finding("settings", "ok", ", ".join(given) if given else "none set: the defaults serve")


def make_configured_embedder(wanted: Settings) -> Embedder:
    """The embedder of the settings; its provider is imported and, where it is local, its model loaded."""
    from mnemon.ai.registry import make_embedder

    key = wanted.embedding_api_key
    return make_embedder(
        wanted.embedding_model,
        api_key=key.get_secret_value() if key else None,
        base_url=wanted.embedding_base_url,
        dimensions=wanted.embedding_dimensions,
        timeout=wanted.embedding_timeout,
    )


def _embedder(wanted: Settings) -> tuple[Embedder | None, Finding]:
    try:
        embedder = make_configured_embedder(wanted)
        run(_embed_once(embedder))
    except MnemonError as error:
        return None, _wrong("embedder", error)
    return embedder, Finding("embedder", "ok", f"{embedder.name}, {embedder.dimensions} dimensions")


async def _embed_once(embedder: Embedder) -> None:
    try:
        await embedder.embed(["Does it answer?"])
    finally:
        await embedder.aclose()


@contextmanager
def _database(wanted: Settings) -> Iterator[tuple[str | None, list[Finding]]]:
    """Where the application connects, None if it cannot; the embedded server is started for the look."""
    if wanted.database_url is not None:
        yield wanted.database_url.get_secret_value(), []
        return
    from mnemon.app import APP_ROLE, DATABASE
    from mnemon.db import embedded
    from mnemon.doors.cli.commands.server import place

    directory = place(wanted)
    try:
        before = embedded.status(directory)
        if before.version is None:
            yield None, [Finding("database", "note", f"none yet in {directory}", "The first command makes it.")]
            return
        lease = embedded.acquire(directory, version=wanted.embedded_version)
    except MnemonError as error:
        yield None, [_wrong("embedded server", error)]
        return
    with lease:
        how = "runs" if before.running else "starts when it is needed"
        kept = ", kept by `mnemon up`" if before.kept else ""
        size = f"{before.size_bytes / 1_000_000:,.0f} MB in {directory}"
        yield (
            lease.endpoint.url(APP_ROLE, DATABASE),
            [Finding("embedded server", "ok", f"{how}{kept}; {size}")],
        )


def _inside(url: str, wanted: Settings, embedder: Embedder | None) -> Iterator[Finding]:
    """What the database says of itself."""
    from mnemon.doors.cli.commands.server import inspect

    try:
        facts = run(inspect(url, wanted))
    except MnemonError as error:
        yield _wrong("connection", error)
        return
    yield Finding("connection", "ok", f"as role {facts.role}")
    yield from _versions(facts)
    yield from _role(facts, wanted)
    yield from _schema(facts, wanted)
    if embedder is not None and facts.dimensions not in {None, embedder.dimensions}:
        yield Finding(
            "dimensions",
            "wrong",
            f"the embedder makes {embedder.dimensions}, the database keeps {facts.dimensions}",
            "Set EMBEDDING_MODEL (or EMBEDDING_DIMENSIONS) to what the database was made with.",
        )
    elif facts.dimensions is not None:
        yield Finding("dimensions", "ok", str(facts.dimensions))
        yield _waiting()


def _versions(facts: Facts) -> Iterator[Finding]:
    major, minor = divmod(facts.server_version, 10_000)
    if major < _OLDEST_SERVER:
        yield Finding("PostgreSQL", "wrong", f"{major}.{minor}", f"Upgrade the server to {_OLDEST_SERVER} or newer.")
    else:
        yield Finding("PostgreSQL", "ok", f"{major}.{minor}")
    version = facts.vector_version
    numbers = tuple(int(part) for part in (version or "").split(".")[:2] if part.isdigit())
    if version is None:
        yield Finding(
            "pgvector", "wrong", "not in this database", "Run `mnemon db upgrade`, or CREATE EXTENSION vector."
        )
    elif numbers < _OLDEST_VECTOR:
        do = "Install pgvector 0.8 or newer on the server, then ALTER EXTENSION vector UPDATE."
        yield Finding("pgvector", "wrong", version, do)
    else:
        yield Finding("pgvector", "ok", version)


def _role(facts: Facts, wanted: Settings) -> Iterator[Finding]:
    from mnemon.db.startup import refuse_unsafe

    try:
        refuse_unsafe(facts, allowed=False)
        yield Finding("role", "ok", f"{facts.role} cannot get around row-level security")
    except MnemonError as error:
        finding = _wrong("role", error)
        if facts.unsafe and wanted.allow_unsafe_role:
            finding = Finding("role", "note", f"{error.message} It is allowed by the settings.", error.hint)
        yield finding
    if facts.revision is None:
        return
    if facts.match_operator == "@@":
        yield Finding(
            "text search",
            "note",
            "without the leakproof operator: policies keep the text index from being used, so that searching a large "
            "organisation takes tens of times longer",
            "Let a superuser run `mnemon db upgrade` once.",
        )
    else:
        yield Finding("text search", "ok", "leakproof operator, the text index is used")


def _schema(facts: Facts, wanted: Settings) -> Iterator[Finding]:
    from mnemon.doors.cli.commands.db import describe, owner
    from mnemon.migrations import runner

    try:
        with owner(wanted) as (url, _):
            found = run(runner.check(url))
    except MnemonError as error:
        # The application's own role may not look at everything; the revision it can see.
        level: Level = "note" if facts.revision == runner.head() else "wrong"
        yield Finding("schema", level, f"revision {facts.revision or '-'}; {error.message}", error.hint)
        return
    if found.ok:
        yield Finding("schema", "ok", f"revision {found.revision}, as it should be")
        return
    first, *more = describe(found.revision, found.head, found.differences, found.stale_objects)
    rest = f" And {len(more)} more." if more else ""
    yield Finding("schema", "wrong", first + rest, "Run `mnemon db upgrade`; `mnemon db check` lists everything.")


def _waiting() -> Finding:
    """How many rows wait for the index; asks the service that would index them to take none."""
    from mnemon.doors.cli.state import session

    try:
        with session() as opened:
            waiting = opened.run(opened.memory.maintain(max_rows=0)).remaining
            organization = opened.memory.settings.organization
    except MnemonError as error:
        return _wrong("index", error)
    if waiting:
        return Finding("index", "note", f"{waiting} rows of {organization!r} wait for it", "Run `mnemon maintain`.")
    return Finding("index", "ok", f"nothing of {organization!r} waits for it")


def _disk(wanted: Settings) -> Finding:
    from mnemon.doors.cli.commands.server import place

    there: Path = place(wanted)
    while not os.path.lexists(there):
        there = there.parent
    free = shutil.disk_usage(there).free
    level: Level = "wrong" if free < _DISK_WRONG else "note" if free < _DISK_NOTE else "ok"
    return Finding(
        "disk", level, f"{free / 1e9:,.1f} GB free for {there}", None if level == "ok" else "Free some space there."
    )


def _wrong(what: str, error: MnemonError) -> Finding:
    return Finding(what, "wrong", error.message, error.hint)


def _show(findings: list[Finding], wrong: int) -> None:
    from rich.table import Table
    from rich.text import Text

    from mnemon.doors.cli.output import console, one_line, say

    signs = {"ok": ("✓", "green"), "note": ("·", "yellow"), "wrong": ("✗", "bold red")}
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        sign, style = signs[finding.level]
        text = Text(one_line(finding.found))
        if finding.do:
            text.append(f"\n{one_line(finding.do)}", style=style)
        table.add_row(Text(sign, style=style), Text(finding.what), text)
    console().print(table)
    say(
        "Nothing must be done." if not wrong else f"{wrong} thing{'s' if wrong > 1 else ''} must be done.", style="bold"
    )
