"""doctor: what is well, what is not, and what to do about it."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from mnemon.core.errors import MnemonError
from mnemon.doors.cli.state import run, settings, state

if TYPE_CHECKING:
    from mnemon.ai.embedders import Embedder
    from mnemon.core.settings import Settings
    from mnemon.db.startup import Facts
    from mnemon.installation.doctor import Finding, Level

_WIDTH = 100
_WALL = "wall between organisations"

Findings = dict[str, "list[Finding]"]
"""By subject, in the order in which they are told."""


def doctor() -> None:
    """Look at everything that Mnemon needs and say what to do; exit code 1 when something must be done."""
    from mnemon.doors.cli.output import working

    with working("Looking"):
        by_subject = _all()
    wrong = sum(finding.level == "wrong" for findings in by_subject.values() for finding in findings)
    if state.json:
        from mnemon.doors.cli.output import emit

        rows = [
            {"subject": subject, **asdict(each_finding)}
            for subject, findings in by_subject.items()
            for each_finding in findings
        ]
        emit({"ok": not wrong, "findings": rows})
    else:
        _show(by_subject, wrong)
    if wrong:
        raise typer.Exit(1)


def _all() -> Findings:
    from mnemon._version import __version__
    from mnemon.installation.doctor import Finding

    process_findings = [
        Finding("Mnemon", "ok", f"{__version__} on Python {platform.python_version()}, {platform.system()}")
    ]
    findings: Findings = {"Mnemon": process_findings}
    try:
        configured = settings()
    except MnemonError as error:
        process_findings.append(_wrong("settings", error))
        return findings
    process_findings.append(_settings(configured))
    embedder, finding = _embedder(configured)
    process_findings.append(finding)
    with _database(configured) as (url, server_findings):
        findings["server"] = server_findings
        if url is not None:
            _inside(findings, url, configured, embedder)
    if configured.database_url is None:
        _on_this_machine(findings, configured)
    return findings


def _settings(wanted: Settings) -> Finding:
    from mnemon.installation.doctor import Finding

    given = sorted(name for name in wanted.model_fields_set if getattr(wanted, name) is not None)
    return Finding("settings", "ok", ", ".join(given) if given else "none set: the defaults serve")


def _embedder(wanted: Settings) -> tuple[Embedder | None, Finding]:
    from mnemon.ai.registry import configured_embedder
    from mnemon.installation.doctor import Finding

    try:
        embedder = configured_embedder(wanted)
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
    """Open what the application connects to, None if it cannot; the embedded server is started for the look."""
    if wanted.database_url is not None:
        yield wanted.database_url.get_secret_value(), []
        return
    from mnemon.app import APP_ROLE, DATABASE
    from mnemon.db import embedded
    from mnemon.doors.cli.database import place
    from mnemon.installation.doctor import Finding

    directory = place(wanted)
    try:
        before = embedded.status(directory)
        if before.version is None:
            yield None, [Finding("database", "note", f"none yet in {directory}", "The first command makes it.")]
            return
        key = embedded.KeySource.of(wanted)
        lease = embedded.acquire(directory, version=wanted.embedded_version, key=key)
    except MnemonError as error:
        yield None, [_wrong("embedded server", error)]
        return
    with lease:
        how = "runs" if before.running else "starts when it is needed"
        is_kept = ", kept by `mnemon up`" if before.kept else ""
        size = f"{before.size_bytes / 1_000_000:,.0f} MB in {directory}"
        yield (
            lease.endpoint.url(APP_ROLE, DATABASE),
            [Finding("embedded server", "ok", f"{how}{is_kept}; {size}")],
        )


def _inside(found: Findings, url: str, wanted: Settings, embedder: Embedder | None) -> None:
    """Ask the database about itself: as the application's role, and as the one that sees most."""
    from mnemon.db.address import EMBEDDED
    from mnemon.doors.cli.database import inspect, owner
    from mnemon.installation.doctor import Finding, examine, policies

    try:
        facts = run(inspect(url, wanted))
    except MnemonError as error:
        found["server"].append(_wrong("connection", error))
        return
    found["server"].append(Finding("connection", "ok", f"as role {facts.role}"))
    found["schema"] = [*_schema(facts, wanted), *_dimensions(facts, embedder)]
    found[_WALL] = [policies.role(facts, wanted)]
    if wanted.database_url is not None and wanted.database_owner_url is None:
        do = "Set DATABASE_OWNER_URL for a look at everything."
        found["server"].append(Finding("view", "ok", "as the application's role alone, which sees less", do))
    try:
        with owner(wanted) as (most, own):
            by_subject = run(examine(most, wanted, setting=own or EMBEDDED))
    except MnemonError as error:
        found["server"].append(_wrong("owner's connection", error))
        return
    for subject, findings in by_subject.items():
        found.setdefault(subject, []).extend(findings)


def _dimensions(facts: Facts, embedder: Embedder | None) -> list[Finding]:
    from mnemon.installation.doctor import Finding

    if facts.dimensions is None:
        return []
    if embedder is not None and facts.dimensions != embedder.dimensions:
        found = f"the embedder makes {embedder.dimensions}, the database keeps {facts.dimensions}"
        do = "Set EMBEDDING_MODEL (or EMBEDDING_DIMENSIONS) to what the database was made with."
        return [Finding("dimensions", "wrong", found, do)]
    return [Finding("dimensions", "ok", str(facts.dimensions))]


def _schema(facts: Facts, wanted: Settings) -> Iterator[Finding]:
    from mnemon.db.address import EMBEDDED
    from mnemon.doors.cli.database import describe, owner
    from mnemon.installation.doctor import Finding
    from mnemon.migrations import runner

    try:
        with owner(wanted) as (url, own):
            comparison = run(runner.check(url, setting=own or EMBEDDED))
    except MnemonError as error:
        # The application's own role may not look at everything; the revision it can see.
        level: Level = "note" if facts.revision == runner.head() else "wrong"
        yield Finding("schema", level, f"revision {facts.revision or '-'}; {error.message}", error.hint)
        return
    if comparison.ok:
        yield Finding("schema", "ok", f"revision {comparison.revision}, as it should be")
        return
    first, *further = describe(comparison.revision, comparison.head, comparison.differences, comparison.stale_objects)
    others = f" And {len(further)} more." if further else ""
    yield Finding("schema", "wrong", first + others, "Run `mnemon db upgrade`; `mnemon db check` lists everything.")


def _on_this_machine(found: Findings, wanted: Settings) -> None:
    """Look at what this machine alone can tell of the embedded server's data."""
    from mnemon.db import embedded
    from mnemon.doors.cli.database import place
    from mnemon.installation.doctor import disk, encryption

    directory = place(wanted)
    found.setdefault("disk", []).append(disk.free(directory))
    server = embedded.status(directory)
    if server.version is not None or server.encrypted:
        encryption_findings = encryption.on_disk(
            directory, encrypted=server.encrypted, plain=embedded.plain_remains(directory)
        )
        found["encryption"] = [*encryption_findings, *found.get("encryption", [])]


def _wrong(what: str, error: MnemonError) -> Finding:
    from mnemon.installation.doctor import Finding

    return Finding(what, "wrong", error.message, error.hint)


def _show(found: Findings, wrong: int) -> None:
    from rich.table import Table
    from rich.text import Text

    from mnemon.doors.cli.output import console, one_line, say

    signs = {"ok": ("✓", "green"), "note": ("·", "yellow"), "wrong": ("✗", "bold red")}
    out = console()
    out.width = min(out.width, _WIDTH)
    for subject, findings in found.items():
        if not findings:
            continue
        table = Table.grid(padding=(0, 1))
        table.add_column(width=2)
        table.add_column(width=19)
        table.add_column(ratio=1)
        for finding in findings:
            sign, style = signs[finding.level]
            text = Text(one_line(finding.found))
            if finding.do:
                text.append(f"\n{one_line(finding.do)}", style=style if finding.level != "ok" else "dim")
            table.add_row(Text(sign, style=style), Text(finding.what), text)
        out.print(Text(subject, style="bold"))
        out.print(table)
    notes = sum(finding.level == "note" for findings in found.values() for finding in findings)
    could = f" {notes} could be better (·)." if notes else ""
    many = "" if wrong == 1 else "s"
    say(("Nothing must be done." if not wrong else f"{wrong} thing{many} must be done.") + could, style="bold")
