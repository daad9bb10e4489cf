"""remember, search, recall, get, list, history, update, forget, maintain."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import uuid4

import pytest

from mnemon import Memory

from .conftest import Cli


@pytest.fixture
def lisbon(cli: Cli) -> str:
    """A memory of Ada's; its id."""
    done = cli("remember", "I moved to Lisbon in May", "--user", "ada", "--tag", "move", "--at", "2026-05-03", "--json")
    assert done.code == 0, done.err
    assert done.json["created"] is True
    return str(done.json["id"])


def test_what_is_remembered_is_found_with_the_reasons(cli: Cli, lisbon: str) -> None:
    found = cli("search", "Where does Ada live? Lisbon?", "--user", "ada")
    assert found.code == 0
    assert "I moved to Lisbon in May" in found.out
    assert "2026-05-03" in found.out
    assert "00:00+02:00" in found.out
    assert "█" in found.out
    assert "1 hit" in found.out
    as_json = cli("search", "Lisbon", "--json").json
    assert as_json["hits"][0]["item"]["id"] == lisbon
    assert as_json["hits"][0]["item"]["at"] == "2026-05-02T22:00:00Z"
    assert as_json["hits"][0]["why"]["match"]


def test_times_are_in_utc_when_asked(cli: Cli, lisbon: str) -> None:
    assert "2026-05-02" in cli("search", "Lisbon", "--utc").out
    assert cli("search", "Lisbon", "--since", "2026-05-03", "--json").json["hits"]
    assert not cli("search", "Lisbon", "--since", "2026-05-03", "--utc", "--json").json["hits"]


def test_recall_explains_every_signal(cli: Cli, lisbon: str) -> None:
    told = cli("recall", "Lisbon", "--explain", "--weights", "semantic=.5,recency=.1", "--token-budget", "500")
    assert told.code == 0
    for words in ("matches the question", "recent", "important", "same words", "close in meaning", "weight", lisbon):
        assert words in told.out
    found = cli(
        "recall", "Lisbon", "--weights", "semantic=1,recency=0,importance=0,continuity=0,relationship=0", "--json"
    )
    why = found.json["hits"][0]["why"]["recall"]
    assert why["semantic"]["weight"] == 1
    assert why["recency"]["share"] == 0


def test_what_a_budget_leaves_out_is_said(cli: Cli, lisbon: str) -> None:
    cli("remember", "Lisbon has seven hills, or more, depending on who counts them")
    assert "1 hit, 1 left out by the token budget" in cli("recall", "Lisbon", "--token-budget", "8").out


def test_another_organisation_finds_nothing_and_is_told_what_to_try(cli: Cli, lisbon: str) -> None:
    found = cli("search", "Lisbon", organization="somebody-else")
    assert found.code == 0
    assert "Nothing is remembered in 'somebody-else'" in found.out
    assert "mnemon import" in found.out
    assert cli("get", lisbon, organization="somebody-else").code == 3
    assert cli("history", lisbon, organization="somebody-else").code == 3
    assert cli("forget", lisbon, organization="somebody-else").code == 3
    assert cli("update", lisbon, "--importance", "9", organization="somebody-else").code == 3
    assert cli("list", "--json", organization="somebody-else").json == {"items": [], "next_cursor": None}
    assert cli("get", lisbon).code == 0


def test_nothing_found_under_conditions_names_them(cli: Cli, lisbon: str) -> None:
    found = cli("search", "Lisbon", "--user", "bob", "--tag", "move")
    assert "tags, user" in found.out


def test_get_shows_one_in_full(cli: Cli, lisbon: str) -> None:
    told = cli("get", lisbon)
    for words in ("I moved to Lisbon in May", lisbon, "memory, semantic", "2026-05-03 00:00+02:00", "move"):
        assert words in told.out
    assert cli("get", lisbon, "--json").json["user"] == "ada"


def test_a_change_supersedes_and_the_past_stays_visible(cli: Cli, lisbon: str) -> None:
    changed = cli("update", lisbon, "--content", "I moved to Porto in May", "--reason", "mistaken", "--json")
    assert changed.code == 0
    new = changed.json["id"]
    assert new != lisbon
    now = cli("search", "Where did I move?", "--json").json["hits"]
    assert [hit["item"]["content"] for hit in now] == ["I moved to Porto in May"]
    before = cli("get", lisbon, "--json").json["recorded_at"]
    then = cli("search", "Where did I move?", "--as-of", before, "--json").json["hits"]
    assert [hit["item"]["id"] for hit in then] == [lisbon]
    story = cli("history", lisbon)
    for words in ("Lisbon", "Porto", "mistaken"):
        assert words in story.out
    assert len(cli("history", new, "--json").json["versions"]) == 2
    again = cli("update", lisbon, "--content", "I moved to Faro", "--json")
    assert (again.code, again.error["code"]) == (4, "conflict.superseded")


def test_other_fields_change_in_place(cli: Cli, lisbon: str) -> None:
    told = cli(
        "update", lisbon, "--importance", "9", "--pin", "--tag", "home", "--tier", "hot", "--metadata", '{"a": 1}'
    )
    assert told.code == 0
    assert "Changed: version 2" in told.out
    item = cli("get", lisbon, "--json").json
    assert (item["importance"], item["is_pinned"], item["tags"], item["tier"]) == (9, True, ["home"], "hot")
    assert item["metadata"] == {"a": 1}
    stale = cli("update", lisbon, "--importance", "1", "--expected-version", "1")
    assert stale.code == 4


def test_forget_by_id(cli: Cli, lisbon: str) -> None:
    assert cli("forget", lisbon, "--reason", "asked to").out == "Forgotten: 0 messages, 1 memories.\n"
    assert cli("get", lisbon).code == 3
    assert cli("forget", lisbon).code == 3


def test_forget_by_conditions_asks_or_wants_yes(cli: Cli, lisbon: str) -> None:
    refused = cli("forget", "--user", "ada", stdin=b"")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert cli("get", lisbon).code == 0
    assert cli("forget", "--user", "ada", "--yes", "--json").json == {"messages": 0, "memories": 1}


@pytest.mark.parametrize("arguments", [["forget"], ["forget", str(uuid4()), "--user", "ada"]])
def test_forget_never_forgets_everything_by_accident(cli: Cli, lisbon: str, arguments: list[str]) -> None:
    assert cli(*arguments, "--yes").code == 2
    assert cli("get", lisbon).code == 0


def test_list_goes_on_where_a_page_ended(cli: Cli) -> None:
    for number in range(3):
        cli("remember", f"Note {number}", "--at", f"2026-01-0{number + 1}")
    first = cli("list", "--limit", "2", "--json").json
    assert [item["content"] for item in first["items"]] == ["Note 2", "Note 1"]
    rest = cli("list", "--limit", "2", "--cursor", first["next_cursor"], "--json").json
    assert [item["content"] for item in rest["items"]] == ["Note 0"]
    assert rest["next_cursor"] is None
    told = cli("list", "--limit", "2")
    assert "Note 2" in told.out
    assert "--cursor " in told.out
    lines = cli("list", "--all", "--json").out.splitlines()
    assert [json.loads(line)["content"] for line in lines] == ["Note 2", "Note 1", "Note 0"]
    assert cli("list", "--since", "2026-02-01").out == "Nothing matches these conditions.\n"


def test_a_message_has_a_conversation_and_a_speaker(cli: Cli) -> None:
    cli("remember", "Hello there", "--conversation", "chat", "--speaker", "Ben", "--role", "user", "--source-id", "m-1")
    again = cli("remember", "Hello there", "--conversation", "chat", "--speaker", "Ben", "--source-id", "m-1")
    assert again.out.startswith("Already remembered: ")
    told = cli("search", "hello", "--conversation", "chat")
    assert "Ben" in told.out
    assert "chat" in told.out
    assert cli("list", "--json").json["items"][0]["kind"] == "message"


def test_standard_input_is_the_text(cli: Cli) -> None:
    done = cli("remember", "-", "-q", stdin="Grüße aus Łódź\n".encode())
    assert cli("get", done.out.strip(), "--json").json["content"] == "Grüße aus Łódź"
    wrong = cli("remember", "-", stdin=b"\xff\xfe")
    assert wrong.code == 2
    assert "UTF-8" in wrong.err


def test_text_cannot_steer_the_terminal_or_the_layout(cli: Cli) -> None:
    cli("remember", "[red]markup[/red] \x1b[2J\x1b]0;title\x07 :smile:")
    for arguments in (["search", "markup"], ["search", "markup", "--explain"], ["list"]):
        out = cli(*arguments).out
        assert "[red]markup[/red]" in out
        assert ":smile:" in out
        assert "\x1b" not in out
        assert "\x07" not in out


def test_metadata_is_matched_by_value(cli: Cli) -> None:
    cli("remember", "Page three", "--metadata", '{"page": 3, "book": "log"}')
    assert cli("search", "page", "--metadata", "page=3", "--metadata", "book=log", "--json").json["hits"]
    assert not cli("search", "page", "--metadata", "page=4", "--json").json["hits"]


def test_maintain_says_what_it_did(cli: Cli, lisbon: str) -> None:
    assert cli("maintain").out == "Indexed 0 rows; 0 remain.\n"
    assert cli("maintain", "--json").json == {"indexed": 0, "remaining": 0, "looked_at": 0, "unread": False}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["search", ""], 2, "empty"),
        (["search", "x", "-k", "0"], 2, "'-k'"),
        (["search", "x", "--since", "soon"], 2, "2026-03-31"),
        (["search", "x", "--since", "2026-02-01", "--until", "2026-01-01"], 2, "since is not before until"),
        (["search", "x", "--type", "dream"], 2, "semantic"),
        (["search", "x", "--metadata", "page"], 2, "KEY=VALUE"),
        (["recall", "x", "--weights", "semantic"], 2, "semantic=.5"),
        (["recall", "x", "--weights", "charm=1"], 2, "charm"),
        (["recall", "x", "--weights", "semantic=2"], 2, "semantic"),
        (["remember", "x", "--metadata", "[1]"], 2, "JSON object"),
        (["remember", "x", "--importance", "11"], 2, "importance"),
        (["remember", "x", "--team", "nobody"], 3, "team"),
        (["get", "x"], 2, "UUID"),
        (["get", str(uuid4())], 3, "no message or memory"),
        (["history", str(uuid4())], 3, "no message or memory"),
        (["update", str(uuid4())], 2, "Nothing is to be changed"),
        (["list", "--cursor", "x"], 2, "cursor"),
        (["serach", "x"], 2, "Did you mean 'search'"),
        (["search"], 2, "Missing argument"),
        (["search", "x", "--nope"], 2, "--nope"),
    ],
)
def test_what_is_wrong_is_said_in_two_lines(cli: Cli, arguments: list[str], code: int, words: str) -> None:
    told = cli(*arguments)
    assert told.code == code
    assert words in told.err
    assert told.out == ""
    assert len(told.err.splitlines()) <= 2
    assert "Traceback" not in told.err
    as_json = cli(*arguments, "--json")
    assert as_json.code == code
    assert set(as_json.error) == {"kind", "code", "message", "hint", "data"}
    assert as_json.out == ""


def test_a_bad_organisation_is_invalid(cli: Cli) -> None:
    assert cli("list", organization="No Slug").code == 2


def test_options_for_every_command_may_come_last(cli: Cli, home: Path, lisbon: str, slug: str) -> None:
    assert cli("search", "Lisbon", "--json", f"--organization={slug}", organization="somebody-else").json["hits"]


def test_times_are_read_and_shown_in_the_zone_of_the_setting(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMON_TIMEZONE", "America/New_York")  # TZ is Europe/Berlin
    done = cli("remember", "The boat is in", "--user", "ada", "--at", "2026-03-01T23:30", "--json").json["id"]
    assert cli("get", done, "--json").json["at"] == "2026-03-02T04:30:00Z"
    assert "2026-03-01 23:30-05:00" in cli("get", done).out
    assert "2026-03-02 04:30+00:00" in cli("get", done, "--utc").out
    for command in (["search", "boat"], ["list"]):
        assert "23:30-05:00" in cli(*command).out
        assert "23:30-05:00" in cli(*command, "--user", "ada", "--since", "2026-03-01T23:30").out
        assert "boat" not in cli(*command, "--since", "2026-03-01T23:31").out
        assert "boat" not in cli(*command, "--user", "ada", "--since", "2026-03-01T23:31").out
        assert "boat" in cli(*command, "--user", "ada", "--since", "2026-03-02T04:30", "--utc").out
    monkeypatch.setenv("MNEMON_TIMEZONE", "Mars/Olympus")
    refused = cli("list")
    assert refused.code == 2
    assert "Europe/Berlin" in refused.err


def test_times_are_read_and_shown_in_the_zone_of_the_user(cli: Cli, home: Path, slug: str) -> None:
    with Memory(data_dir=home, organization=slug) as memory:
        memory.set_timezone("Asia/Tokyo", user="ada")
    done = cli("remember", "The boat is in", "--user", "ada", "--at", "2026-03-01T23:30", "--json").json["id"]
    assert cli("get", done, "--json").json["at"] == "2026-03-01T14:30:00Z"
    assert "15:30+01:00" in cli("search", "boat").out
    for command in (["search", "boat"], ["recall", "boat"], ["list"]):
        found = cli(*command, "--user", "ada", "--since", "2026-03-01T23:30", "--until", "2026-03-01T23:31")
        assert "23:30+09:00" in found.out
        assert "boat" not in cli(*command, "--user", "ada", "--since", "2026-03-01T23:31").out


@pytest.mark.parametrize("time", ["soon", "2026-02-29", "0001-01-01", "9999-12-31", "2026-03-01 10:00 Mars/Olympus"])
def test_what_is_no_time_says_what_to_write(cli: Cli, time: str) -> None:
    for arguments in ("remember x --at", "list --since", "search x --user a --as-of"):
        done = cli(*arguments.split(), time)
        assert done.code == 2
        assert "2026-03-31T09:30+02:00" in done.err


def test_what_was_said_is_rated(cli: Cli) -> None:
    message = cli("remember", "The boat is blue", "--role", "assistant", "--json").json["id"]
    assert "Rated negative" in cli("rate", message, "negative", "--comment", "it is red").out
    assert "negative it is red" in cli("get", message).out
    assert cli("rate", message, "positive", "--json").json["feedback_rating"] == "positive"
    assert "Not rated any more" in cli("rate", message, "none").out
    assert cli("rate", message, "good").code == 2
    assert cli("rate", str(uuid4()), "positive").code == 3


def test_what_an_answer_used_is_noted(cli: Cli) -> None:
    answer = cli("remember", "At noon", "--role", "assistant", "--json").json["id"]
    said = cli("remember", "The boat leaves at noon", "--role", "user", "--json").json["id"]
    kept = cli("remember", "Ada likes boats", "--json").json["id"]
    assert cli("note-use", answer, said, kept, said, "--helpful").out == "Noted: 2 used.\n"
    assert cli("note-use", answer, said, "--not-helpful", "--json").json == {"count": 1}
    uses = {use["used_id"]: use for use in cli("usage", "--answer", answer, "--json").json["items"]}
    assert {(use["used_kind"], use["helpful"]) for use in uses.values()} == {("message", False), ("memory", True)}
    shown = cli("usage", "--used", kept).out
    assert answer in shown
    assert "yes" in shown
    assert "No use of it is noted." in cli("usage", "--used", answer).out
    assert cli("usage").code == 2
    assert cli("note-use", answer, str(uuid4())).code == 3
    assert cli("note-use", answer, "x").code == 2
    assert cli("note-use", answer, answer).code == 2


def test_a_long_text_is_kept_in_parts_and_printed_whole(cli: Cli) -> None:
    text = "\n\n".join(f"Chapter {n} is about the number {n * 7919}. " + "It goes on. " * 110 for n in range(40))
    refused = cli("remember", "-", stdin=text.encode())
    assert refused.code == 2
    assert "--split" in refused.err
    done = cli("remember", "-", "--split", "--json", stdin=text.encode()).json["id"]
    assert cli("read", done).out == text
    assert cli("read", done, "--json").json["text"] == text
    for arguments in (["search", "the number 158380"], ["search", "the number 158380", "--explain"], ["list"]):
        assert re.search(r"part \d+ of \d+", cli(*arguments).out)
    assert len(cli("search", "number", "--part-of", done, "--json").json["hits"]) == 10
    assert "Forgotten: 0 messages, 1 memories." in cli("forget", done).out
    assert cli("read", done).code == 3
