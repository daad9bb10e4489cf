"""audit: the trail sealed, held against its seal, and what was written down of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mnemon.core.errors import Invalid
from mnemon.doors.cli.session import session
from mnemon.doors.cli.state import settings, state

if TYPE_CHECKING:
    from mnemon.operations.schemas import AuditVerification, VerifyAudit

app = typer.Typer(no_args_is_help=True, help="The audit trail: seal, verify, anchors.")


@app.callback()
def audit() -> None:
    """The audit trail: seal, verify, anchors."""


@app.command()
def seal() -> None:
    """Seal the organisation's trail now, and write its newest block down; a worker does it every minute."""
    from mnemon.doors.cli.output import emit
    from mnemon.operations.service import seal_audit

    with session() as opened:
        report = opened.run(seal_audit(opened.run(opened.memory.open())))
    if state.json:
        emit(report.model_dump(mode="json"))
    elif not state.quiet:
        typer.echo(f"Sealed: {report.rows:,} entries.")


@app.command()
def verify(
    anchor: Annotated[
        str | None,
        typer.Option(metavar="NUMBER:HASH", help="A block that you wrote down: the chain must still have it."),
    ] = None,
) -> None:
    """Hold the organisation's trail against its chain, signatures and anchors; exit code 1 if something is wrong."""
    from mnemon.doors.cli.output import emit
    from mnemon.operations.service import verify_audit

    request = _request(anchor)
    with session() as opened:
        verification = opened.run(verify_audit(opened.run(opened.memory.open()), request))
    if state.json:
        emit(verification.model_dump(mode="json"))
    elif not state.quiet:
        _print(verification)
    if not verification.valid:
        raise typer.Exit(1)


def _request(anchor: str | None) -> VerifyAudit | None:
    from mnemon.core.text import parse
    from mnemon.operations.schemas import VerifyAudit as Request

    if anchor is None:
        return None
    number, _, digest = anchor.partition(":")
    if not number.isdecimal():
        raise Invalid(
            "An anchor is the number of a block, a colon and its hash.",
            code="invalid.anchor",
            hint="`mnemon audit anchors` prints them.",
            field="anchor",
        )
    return parse(Request, {"anchor": {"number": int(number), "hash": digest}})


def _print(found: AuditVerification) -> None:
    typer.echo(
        f"{found.blocks:,} blocks with {found.sealed:,} entries; {found.unsealed:,} wait for their seal, "
        f"{found.expired:,} have gone by retention; {found.anchors:,} anchors."
    )
    if found.first_broken is None:
        typer.echo("Everything is as it was sealed.")
        return
    first = found.first_broken
    where = f"block {first.block}" + (f", entry {first.row_id}" if first.row_id else "")
    typer.echo(f"Wrong: {found.broken:,}. The first: {first.problem} ({where}).")


@app.command()
def anchors() -> None:
    """Show what was written down of all trails, and where; needs no database."""
    from mnemon.core.errors import Unavailable
    from mnemon.doors.cli.output import emit
    from mnemon.operations.trail import Anchors
    from mnemon.operations.trail.keys import installation_of

    configured = settings()
    installation = installation_of(configured)
    if installation is None:
        raise Unavailable(
            "There is no installation key, by which the file of anchors is named.",
            code="unavailable.installation_key",
            hint="Set MNEMON_INSTALLATION_KEY, or begin with `mnemon up`.",
        )
    file = Anchors.of(configured, installation)
    newest = sorted(file.newest().values(), key=lambda anchor: anchor.organization.int)
    if state.json:
        rows = [
            {"organization": anchor.organization, "number": anchor.number, "hash": anchor.hash.hex(), "at": anchor.at}
            for anchor in newest
        ]
        emit({"path": file.path, "anchors": rows})
        return
    if not state.quiet:
        typer.echo(f"{file.path}")
    for anchor in newest:
        typer.echo(f"{anchor.organization} {anchor.number}:{anchor.hash.hex()} {anchor.at:%Y-%m-%d %H:%M:%S %Z}")
