"""remember, update, forget, maintain: what changes the memory."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemon.core.errors import Invalid
from mnemon.doors.cli import filters
from mnemon.doors.cli.session import OpenedMemory, session
from mnemon.doors.cli.state import state
from mnemon.doors.cli.times import moment

if TYPE_CHECKING:
    from mnemon.memory.schemas import Item, Remembered

_COUNTED = 1000

Type = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="semantic, episodic, procedural, user_profile, ...")
]
SourceId = Annotated[
    str | None, typer.Option(metavar="ID", help="Its id where it comes from: the same id is kept once.")
]
Dedupe = Annotated[bool, typer.Option("--dedupe/--no-dedupe", help="Do not keep twice what is there word for word.")]

Split = Annotated[bool, typer.Option("--split", help="Keep a long text in parts, which are found as one text.")]


def remember(
    text: Annotated[str, typer.Argument(help="What to remember; - reads standard input.", show_default=False)],
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Whose memory it is.")] = None,
    agent: Annotated[str | None, typer.Option(metavar="NAME", help="The agent that takes part or keeps it.")] = None,
    conversation: Annotated[
        str | None, typer.Option(metavar="NAME", help="The conversation it was said in: makes it a message.")
    ] = None,
    role: Annotated[
        str | None, typer.Option(metavar="ROLE", help="user, assistant, system or tool: makes it a message.")
    ] = None,
    speaker: Annotated[str | None, typer.Option(metavar="NAME", help="Who said it: makes it a message.")] = None,
    sender: Annotated[str | None, typer.Option(metavar="NAME", help="The user who said it.")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help=filters.WHEN)] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="A label; repeatable.")] = None,
    importance: Annotated[int | None, typer.Option(metavar="1-10", help="How much recall weighs it.")] = None,
    memory_type: Type = None,
    team: Annotated[str | None, typer.Option(metavar="SLUG", help="The team that shares it.")] = None,
    source_id: SourceId = None,
    language: filters.Language = None,
    metadata: Annotated[str | None, typer.Option(metavar="JSON", help="A JSON object of yours.")] = None,
    dedupe: Dedupe = True,
    split: Split = False,
    utc: filters.Utc = False,
) -> None:
    """Remember one thing: a memory, or a message if it has a conversation, a role or a speaker."""
    fields: dict[str, Any] = {"importance": importance, "memory_type": memory_type, "sender": sender}
    fields |= {"language": language, "split": split}
    fields = {name: value for name, value in fields.items() if value is not None}
    content = _standard_input() if text == "-" else text
    details = filters.json_object(metadata, "--metadata")
    when = moment(at, "--at", utc=utc, user=user)
    with session() as opened:
        remembered = opened.run(
            opened.memory.remember(
                content,
                user=user,
                agent=agent,
                conversation=conversation,
                role=role,
                speaker=speaker,
                at=when,
                tags=tags,
                team=team,
                source_id=source_id,
                metadata=details,
                dedupe=dedupe,
                **fields,
            )
        )
    _remembered(remembered)


def _remembered(done: Remembered) -> None:
    if state.json:
        from mnemon.doors.cli.output import emit

        emit({"id": done.id, "created": bool(done.created)})
    elif state.quiet:
        typer.echo(str(done.id))
    else:
        typer.echo(f"{'Remembered' if done.created else 'Already remembered'}: {done.id}")


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise Invalid(
            f"Standard input is not UTF-8 (byte {error.start}).", code="invalid.encoding", field="content"
        ) from None


def update(
    item_id: Annotated[str, typer.Argument(metavar="ID", help="The memory.", show_default=False)],
    content: Annotated[str | None, typer.Option(metavar="TEXT", help="The corrected text.")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="When that became true; now, if left out.")] = None,
    importance: Annotated[int | None, typer.Option(metavar="1-10", help="How much recall weighs it.")] = None,
    confidence: Annotated[float | None, typer.Option(metavar="0-1", help="How sure it is.")] = None,
    pinned: Annotated[bool | None, typer.Option("--pin/--unpin", help="As important as can be.")] = None,
    tier: Annotated[str | None, typer.Option(metavar="TIER", help="hot, warm or cold: how fast it ages.")] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="Its labels; repeatable.")] = None,
    metadata: Annotated[str | None, typer.Option(metavar="JSON", help="Its metadata: a JSON object.")] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; kept in its history.")] = None,
    expected_version: Annotated[
        int | None, typer.Option(metavar="N", help="Refuse if it has another version by now.")
    ] = None,
    utc: filters.Utc = False,
) -> None:
    """Change a memory: new text supersedes the old, which its history and --as-of still show."""
    fields: dict[str, Any] = {
        "at": moment(at, "--at", utc=utc),
        "importance": importance,
        "confidence": confidence,
        "is_pinned": pinned,
        "tier": tier,
        "tags": tags or None,
        "metadata": filters.json_object(metadata, "--metadata"),
        "reason": reason,
        "expected_version": expected_version,
    }
    with session() as opened:
        changed = opened.run(opened.memory.update(item_id, content, **fields))
    _changed(changed, item_id)


def _changed(item: Item, before: str) -> None:
    if state.json:
        from mnemon.doors.cli.output import emit

        emit(item)
    elif state.quiet:
        typer.echo(str(item.id))
    elif str(item.id) != before:
        typer.echo(f"Superseded by {item.id}")
    else:
        typer.echo(f"Changed: version {item.version}")


@filters.with_conditions(without={"as_of", "valid_at"})
def forget(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="What to forget; or conditions.")] = None,
    *,
    conditions: filters.Conditions,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before forgetting by conditions.")] = False,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; kept in the history.")] = None,
    utc: filters.Utc = False,
) -> None:
    """Forget, by ids or by conditions; --as-of an earlier time still shows it."""
    if bool(ids) == bool(conditions):
        raise Invalid(
            "Give either ids or conditions.",
            code="invalid.forget",
            hint="Such as: mnemon forget ID, or mnemon forget --conversation NAME.",
        )
    with session() as opened:
        if conditions and not yes:
            _ask(opened, conditions)
        forgotten = opened.run(opened.memory.forget(ids or None, reason=reason, **conditions))
    if state.json:
        from mnemon.doors.cli.output import emit

        emit(forgotten)
    elif not state.quiet:
        typer.echo(f"Forgotten: {forgotten.messages} messages, {forgotten.memories} memories.")


def _ask(opened: OpenedMemory, conditions: dict[str, Any]) -> None:
    from mnemon.doors.cli.output import is_terminal

    if not is_terminal():
        raise Invalid(
            "Forgetting by conditions asks first, and there is no terminal to ask on.",
            code="invalid.unconfirmed",
            hint="Add --yes, after `mnemon list` with the same conditions has shown what they match.",
        )
    page = opened.run(opened.memory.list(limit=_COUNTED, **conditions))
    count = f"more than {_COUNTED}" if page.next_cursor else str(len(page.items))
    if page.items and not typer.confirm(f"Forget {count} messages and memories?"):
        raise typer.Exit(1)


def rate(
    message: Annotated[str, typer.Argument(metavar="ID", help="The message.", show_default=False)],
    rating: Annotated[str, typer.Argument(metavar="RATING", help="positive, negative, or none to take it back.")],
    comment: Annotated[str | None, typer.Option(metavar="TEXT", help="Why.")] = None,
) -> None:
    """Rate what was said: positive or negative; said again, it replaces the rating and the comment."""
    chosen: Any = None if rating == "none" else rating
    with session() as opened:
        rated = opened.run(opened.memory.rate(message, chosen, comment=comment))
    if state.json:
        from mnemon.doors.cli.output import emit

        emit(rated)
    elif not state.quiet:
        typer.echo(f"Rated {rated.feedback_rating}: {rated.id}" if chosen else f"Not rated any more: {rated.id}")


def maintain(
    max_rows: Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after about this many rows.")] = None,
) -> None:
    """Index what large writes have left to be indexed; safe to run at any time."""
    from mnemon.doors.cli.indexing import index
    from mnemon.doors.cli.output import emit

    with session() as opened:
        maintained = index(opened, max_rows=max_rows)
    if state.json:
        emit(maintained)
    elif not state.quiet:
        typer.echo(f"Indexed {maintained.indexed} rows; {maintained.remaining} remain.")
        if maintained.looked_at or maintained.unread:
            left = "there are more" if maintained.unread else "none is left"
            typer.echo(f"Looked for the language of {maintained.looked_at} rows from before; {left}.")
