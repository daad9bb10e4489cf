"""erase: a person, a conversation or the whole organisation, for good, with a receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemon.core.errors import Invalid
from mnemon.doors.cli.state import session, state

if TYPE_CHECKING:
    from mnemon.operations.schemas import ErasureReceipt


def erase(
    user: Annotated[
        str | None, typer.Option(metavar="NAME", help="The person: id, external id or e-mail address.")
    ] = None,
    conversation: Annotated[str | None, typer.Option(metavar="NAME", help="The conversation: id or name.")] = None,
    whole_organization: Annotated[
        bool,
        typer.Option("--whole-organization", help="The organisation of -o: an earlier way to say it.", hidden=True),
    ] = False,
    # What main.py makes of --organization SLUG after the command.
    organization_named: Annotated[bool, typer.Option("--organization-named", hidden=True)] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for the name to be typed again.")] = False,
) -> None:
    """Erase for good, in one transaction; prints a receipt. What forget leaves to --as-of, this does not.

    --organization SLUG after the command, with neither --user nor --conversation, is the organisation itself with all
    it has.
    """
    from mnemon.doors.cli.output import emit, is_terminal

    # -o says whose person or conversation it is; only its long name, written after the command, says what to erase.
    whole = whole_organization or (organization_named and user is None and conversation is None)
    if sum((user is not None, conversation is not None, whole)) != 1:
        raise Invalid(
            "Give one of --user, --conversation and --organization.",
            code="invalid.erase",
            hint="Such as: mnemon erase --user NAME, or mnemon erase --organization SLUG.",
        )
    with session() as opened:
        name = user or conversation or opened.memory.settings.organization
        if not yes:
            if not is_terminal():
                raise Invalid(
                    "Erasing cannot be undone, and there is no terminal to ask on.",
                    code="invalid.unconfirmed",
                    hint="Add --yes.",
                )
            if typer.prompt(f"This cannot be undone. Type {name} to erase it") != name:
                raise typer.Exit(1)
        selected: dict[str, Any] = {"user": user, "conversation": conversation, "organization": whole}
        receipt = opened.run(opened.memory.erase(**selected))
    if state.json:
        emit(receipt.model_dump(mode="json") | {"remaining": receipt.remaining})
    elif not state.quiet:
        _print(receipt)


def _print(receipt: ErasureReceipt) -> None:
    from rich.table import Table

    from mnemon.doors.cli.output import console

    if receipt.already_erased:
        typer.echo(f"Erased before; rows left that name it: {receipt.remaining}.")
        return
    table = Table("Table", "Rows removed", box=None)
    table.columns[1].justify = "right"
    for name, count in receipt.counts.items():
        table.add_row(name, str(count))
    typer.echo(f"Erased {receipt.kind} {receipt.subject_id} at {receipt.erased_at:%Y-%m-%d %H:%M:%S %Z}")
    typer.echo(f"Receipt {receipt.id}")
    console().print(table)
    typer.echo(f"Blanked in the audit trail: {receipt.blanked}")
    typer.echo(f"{receipt.verification}: {receipt.remaining} rows")
