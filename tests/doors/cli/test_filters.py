"""The options that say which rows a command sees stand in one place and hold everywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from mnemon.core.errors import Invalid
from mnemon.doors.cli import filters
from mnemon.doors.cli.application import application
from mnemon.memory.schemas import Scope

EVERY = [
    *("--user", "ada", "--agent", "helper", "--said-by", "bo", "--conversation", "standup", "--team", "ship"),
    *("--type", "semantic", "--type", "episodic", "--tag", "one", "--since", "2026-03-31", "--until", "2026-04-01"),
    *("--as-of", "2026-04-02T09:30", "--valid-at", "2026-04-03T09:30+02:00", "--metadata", "page=3", "--utc"),
    *("--part-of", "0197f000-0000-7000-8000-000000000001"),
]


def ask(arguments: list[str], *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a command is called with."""
    called: dict[str, Any] = {}
    app = typer.Typer()

    @app.command()
    @filters.with_conditions(without=without)
    def command(query: str, *, conditions: filters.Conditions, utc: filters.Utc = False) -> None:
        called.update(query=query, conditions=conditions, utc=utc)

    CliRunner().invoke(app, arguments, standalone_mode=False, catch_exceptions=False)
    return called


def test_every_condition_is_a_field_of_the_scope() -> None:
    names = [condition.name for condition in filters.CONDITIONS]
    assert sorted(names) == sorted(set(names))
    assert set(names) <= set(Scope.model_fields)


def test_each_condition_is_read_as_its_field() -> None:
    called = ask(["what?", *EVERY])
    assert called == {
        "query": "what?",
        "utc": True,
        "conditions": {
            "user": "ada",
            "agent": "helper",
            "said_by": "bo",
            "conversation": "standup",
            "team": "ship",
            "types": ["semantic", "episodic"],
            "tags": ["one"],
            "since": datetime(2026, 3, 31, tzinfo=UTC),
            "until": datetime(2026, 4, 1, tzinfo=UTC),
            "as_of": datetime(2026, 4, 2, 9, 30, tzinfo=UTC),
            "valid_at": datetime(2026, 4, 3, 7, 30, tzinfo=UTC),
            "metadata": {"page": 3},
            "part_of": "0197f000-0000-7000-8000-000000000001",
        },
    }
    assert set(called["conditions"]) == {condition.name for condition in filters.CONDITIONS}
    Scope.model_validate(called["conditions"])


def test_what_was_not_said_is_no_condition() -> None:
    assert ask(["what?"])["conditions"] == {}


def test_times_are_local_unless_they_are_in_utc() -> None:
    local = ask(["x", "--since", "2026-07-01T12:00"])["conditions"]["since"]
    assert local == datetime(2026, 7, 1, 10, tzinfo=UTC)  # TZ is Europe/Berlin


@pytest.mark.parametrize("option", ["since", "until", "as-of", "valid-at"])
def test_a_wrong_time_is_told_by_its_option(option: str) -> None:
    with pytest.raises(Invalid, match=f"^--{option}: 'soon' is no date"):
        ask(["x", f"--{option}", "soon"])


def test_a_command_can_leave_a_condition_out() -> None:
    assert ask(["x", "--tag", "one"], without=("as_of",))["conditions"] == {"tags": ["one"]}
    with pytest.raises(Exception, match="No such option: --as-of"):
        ask(["x", "--as-of", "now"], without=("as_of",))


def test_search_recall_and_list_offer_every_condition_and_forget_all_but_two() -> None:
    commands: Any = typer.main.get_command(application())
    every = {condition.name for condition in filters.CONDITIONS}
    for name, expected in {
        "search": every,
        "recall": every,
        "list": every,
        "forget": every - {"as_of", "valid_at"},
    }.items():
        offered = [
            option.name
            for option in commands.commands[name].params
            if getattr(option, "rich_help_panel", "") == "Which rows"
        ]
        assert set(offered) == expected, name
