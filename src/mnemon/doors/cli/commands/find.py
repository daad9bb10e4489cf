"""search and recall: a question, and what comes back with the reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemon.doors.cli import filters
from mnemon.doors.cli.session import session
from mnemon.doors.cli.state import state

if TYPE_CHECKING:
    from mnemon.memory.schemas import Recollection

Query = Annotated[str, typer.Argument(help="A question, or words.", show_default=False)]
Explain = Annotated[bool, typer.Option("--explain", help="Every signal of each hit: value, weight and share.")]


@filters.with_conditions()
def search(
    query: Query,
    k: filters.Hits = 10,
    *,
    conditions: filters.Conditions,
    explain: Explain = False,
    utc: filters.Utc = False,
) -> None:
    """Find what matches a question best, with the reasons."""
    with session() as opened:
        hits = opened.run(opened.memory.search(query, k=k, **conditions))
        opened.show_times_of(conditions.get("user"))
    _show(hits, conditions, explain=explain, utc=utc)


@filters.with_conditions()
def recall(
    query: Query,
    k: filters.Hits = 10,
    token_budget: Annotated[
        int | None, typer.Option(min=1, metavar="TOKENS", help="Tokens that the hits may have together.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=NUMBER,...",
            help="semantic, recency, importance, continuity, relationship; those not given keep their defaults.",
        ),
    ] = None,
    running: Annotated[
        str | None, typer.Option(metavar="CONVERSATION", help="The conversation that is going on.")
    ] = None,
    *,
    conditions: filters.Conditions,
    explain: Explain = False,
    utc: filters.Utc = False,
) -> None:
    """Bring to mind what an agent should know: what matches, and is recent, important, connected."""
    weighed = filters.weights(weights)
    with session() as opened:
        recollection = opened.run(
            opened.memory.recall(query, k=k, token_budget=token_budget, weights=weighed, running=running, **conditions)
        )
        opened.show_times_of(conditions.get("user"))
    _show(recollection, conditions, explain=explain, utc=utc)


def _show(found: Recollection, conditions: dict[str, Any], *, explain: bool, utc: bool) -> None:
    from mnemon.doors.cli import output

    if state.json:
        output.emit(found)
    elif found.hits:
        from mnemon.doors.cli.hits import show

        show(found, explain=explain, utc=utc)
    else:
        _nothing(conditions)


def _nothing(conditions: dict[str, Any]) -> None:
    from mnemon.doors.cli.output import say
    from mnemon.doors.cli.state import settings

    organization = settings().organization
    say(f"Nothing is remembered in {organization!r} that this could mean.")
    if conditions:
        say(f"Try without some of the conditions ({', '.join(sorted(conditions))}).", style="dim")
    else:
        say(
            "`mnemon list` shows what is there; `mnemon import FILE` and `mnemon remember TEXT` add to it.", style="dim"
        )
        say("Another organisation's memory is reached with -o SLUG.", style="dim")
