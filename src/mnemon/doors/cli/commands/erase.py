"""erase: a person, a conversation or the whole organisation, for good, with a preview and a receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemon.core.errors import Invalid
from mnemon.doors.cli.session import session
from mnemon.doors.cli.state import state

if TYPE_CHECKING:
    from mnemon.operations.schemas import ErasurePreview, ErasureReceipt


def erase(
    user: Annotated[
        str | None, typer.Option(metavar="NAME", help="The person: id, external id or e-mail address.")
    ] = None,
    conversation: Annotated[str | None, typer.Option(metavar="NAME", help="The conversation: id or name.")] = None,
    by: Annotated[str | None, typer.Option(metavar="FIELD", help="What the name is: id, external-id or email.")] = None,
    whole_organization: Annotated[
        bool,
        typer.Option("--whole-organization", help="The organisation of -o: an earlier way to say it.", hidden=True),
    ] = False,
    # What main.py makes of --organization SLUG after the command.
    organization_named: Annotated[bool, typer.Option("--organization-named", hidden=True)] = False,
    preview: Annotated[
        bool, typer.Option("--preview", "--dry-run", help="Only show what would go; nothing is changed.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not show and ask first.")] = False,
) -> None:
    """Erase for good, in one transaction; prints a receipt. What forget leaves to --as-of, this does not.

    Shows first what would go, counted, and asks for the name to be typed again. A name that means more than one is
    refused, with all that it can mean; --by says which it is. --organization SLUG after the command, with neither
    --user nor --conversation, is the organisation itself with all it has.
    """
    from mnemon.doors.cli.output import emit

    # -o says whose person or conversation it is; only its long name, written after the command, says what to erase.
    whole = whole_organization or (organization_named and user is None and conversation is None)
    if sum((user is not None, conversation is not None, whole)) != 1:
        raise Invalid(
            "Give one of --user, --conversation and --organization.",
            code="invalid.erase",
            hint="Such as: mnemon erase --user NAME, or mnemon erase --organization SLUG.",
        )
    with session() as opened:
        field = None if by is None or whole else by.replace("-", "_")
        selected: dict[str, Any] = {"user": user, "conversation": conversation, "organization": whole, "by": field}
        if preview:
            shown = opened.run(opened.memory.preview_erasure(**selected))
            if state.json:
                emit(shown)
            else:
                _show(shown)
            return
        if not yes:
            selected["preview"] = _confirmed(opened, selected, user or conversation or _slug(opened))
        receipt = opened.run(opened.memory.erase(**selected))
    if state.json:
        emit(receipt.model_dump(mode="json") | {"remaining": receipt.remaining})
    elif not state.quiet:
        _print(receipt)


def _slug(opened: Any) -> str:
    return str(opened.memory.settings.organization)


def _confirmed(opened: Any, selected: dict[str, Any], name: str) -> ErasurePreview:
    """Return the preview, once somebody has seen it and typed the name."""
    from mnemon.doors.cli.output import is_terminal

    if not is_terminal():
        raise Invalid(
            "Erasing cannot be undone, and there is no terminal to ask on.",
            code="invalid.unconfirmed",
            hint="See what would go with --preview; then add --yes.",
        )
    shown: ErasurePreview = opened.run(opened.memory.preview_erasure(**selected))
    _show(shown, aside=state.json)
    if typer.prompt(f"This cannot be undone. Type {name} to erase it", err=state.json) != name:
        raise typer.Exit(1)
    return shown


def _show(shown: ErasurePreview, *, aside: bool = False) -> None:
    """Show what would go, on standard output or, beside JSON, on standard error."""
    from mnemon.doors.cli.output import console, errors_console, one_line

    label = f" ({one_line(shown.label)})" if shown.label else ""
    typer.echo(f"Would erase {shown.kind} {shown.subject_id}{label}:", err=aside)
    (errors_console() if aside else console()).print(
        _table(("Rows that go", shown.counts), ("Rows that lose a reference", shown.detached))
    )
    typer.echo(f"Blanked in the audit trail: {shown.blanked}", err=aside)


def _table(*columns: tuple[str, dict[str, int]]) -> Any:
    from rich.table import Table

    table = Table("Table", *(title for title, _ in columns), box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for name in sorted({name for _, counts in columns for name in counts}):
        table.add_row(name, *(str(counts.get(name, "")) for _, counts in columns))
    return table


def _print(receipt: ErasureReceipt) -> None:
    from mnemon.doors.cli.output import console

    if receipt.already_erased:
        typer.echo(f"Erased before; rows left that name it: {receipt.remaining}.")
        return
    typer.echo(f"Erased {receipt.kind} {receipt.subject_id} at {receipt.erased_at:%Y-%m-%d %H:%M:%S %Z}")
    typer.echo(f"Receipt {receipt.id}")
    console().print(_table(("Rows removed", receipt.counts), ("Lost a reference", receipt.detached)))
    for name, count in receipt.grown.items():
        typer.echo(f"More than was shown: {count} of {name}")
    typer.echo(f"Blanked in the audit trail: {receipt.blanked}")
    typer.echo(f"{receipt.verification}: {receipt.remaining} rows")
