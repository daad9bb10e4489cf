"""mnemon erase: asks for the name, erases, prints a receipt."""

from __future__ import annotations

import pytest

from mnemon.doors.cli import output
from tests.doors.cli.conftest import Cli


def test_a_person_is_erased_with_a_receipt(cli: Cli) -> None:
    cli("remember", "Ada likes figs.", "--user", "ada")
    cli("remember", "Ben likes bees.", "--user", "ben")
    refused = cli("erase", "--user", "ada")
    assert (refused.code, "--yes" in refused.err) == (2, True)
    done = cli("erase", "--user", "ada", "--yes", "--json")
    assert done.code == 0, done.err
    receipt = done.json
    assert receipt["counts"]["memories"] == 1
    assert (receipt["kind"], receipt["remaining"], receipt["remnants"]) == ("user", 0, [])
    assert receipt["subject_id"] in receipt["verification"]
    assert cli("recall", "figs").out.count("Ada") == 0
    assert "bees" in cli("list").out
    assert cli("erase", "--user", "ada", "--yes", "--json").error["code"] == "not_found.user"
    again = cli("erase", "--user", receipt["subject_id"], "--yes")
    assert again.out == "Erased before; rows left that name it: 0.\n"


def test_the_receipt_as_a_table(cli: Cli) -> None:
    cli("remember", "Figs.", "--conversation", "talk", "--sender", "ada")
    told = cli("erase", "--conversation", "talk", "-y").out
    assert told.startswith("Erased conversation ")
    assert "messages" in told
    assert told.rstrip().endswith(": 0 rows")
    assert cli("erase", "--whole-organization", "-y").code == 0


def test_the_organisation_is_named_after_the_command(cli: Cli, slug: str) -> None:
    cli("remember", "Ada likes figs.", "--user", "ada")
    # Whose person it is, is said before the command or after it; and alone it is not enough.
    assert cli("erase", "-o", slug, "--yes", "--json").error["code"] == "invalid.erase"
    assert cli("erase", "--organization", slug, "--user", "ben", "--yes", "--json").error["code"] == "not_found.user"
    done = cli("erase", "--organization", slug, "--yes", "--json")
    assert (done.json["kind"], done.json["counts"]["memories"], done.json["remaining"]) == ("organization", 1, 0)
    cli("remember", "Ada likes figs.", "--user", "ada")
    assert cli("erase", f"--organization={slug}", "-y", "--json").json["counts"]["memories"] == 1
    assert cli("erase", "--organization").code == 2


@pytest.mark.parametrize(("typed", "code"), [(b"eda\n", 1), (b"ada\n", 0)])
def test_the_name_has_to_be_typed(cli: Cli, monkeypatch: pytest.MonkeyPatch, typed: bytes, code: int) -> None:
    cli("remember", "Ada likes figs.", "--user", "ada")
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    assert cli("erase", "--user", "ada", stdin=typed).code == code
    assert ("figs" in cli("list").out) is (code == 1)


def test_what_is_refused(cli: Cli) -> None:
    for arguments in ((), ("--user", "a", "--conversation", "b"), ("--user", "a", "--whole-organization")):
        assert cli("erase", *arguments, "--yes", "--json").error["code"] == "invalid.erase"


def test_a_preview_shows_and_changes_nothing(cli: Cli) -> None:
    cli("remember", "Ada likes figs.", "--user", "ada")
    shown = cli("erase", "--user", "ada", "--preview")
    assert (shown.code, "memories" in shown.out, "Rows that go" in shown.out) == (0, True, True)
    told = cli("erase", "--user", "ada", "--dry-run", "--json").json
    assert (told["kind"], told["label"], told["counts"]["memories"], told["detached"]) == ("user", "ada", 1, {})
    assert "figs" in cli("list").out
    refused = cli("erase", "--user", "ada", "--json")
    assert (refused.code, refused.error["code"], "--yes" in refused.error["hint"]) == (2, "invalid.unconfirmed", True)
    assert cli("erase", "--user", "bo", "--preview", "--json").error["code"] == "not_found.user"


@pytest.mark.parametrize("json", [False, True])
def test_what_goes_is_shown_before_it_is_asked(cli: Cli, monkeypatch: pytest.MonkeyPatch, json: bool) -> None:
    cli("remember", "Ada likes figs.", "--user", "ada")
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    done = cli("erase", "--user", "ada", *(["--json"] if json else []), stdin=b"ada\n")
    assert done.code == 0
    shown = done.err if json else done.out
    assert shown.index("Would erase") < shown.index("memories") < shown.index("Type ada")
    if json:  # and standard output is the receipt alone
        assert done.json["counts"]["memories"] == 1


def test_a_name_that_means_two(cli: Cli) -> None:
    cli("remember", "Ada likes figs.", "--user", "ada")
    one = cli("erase", "--user", "ada", "--preview", "--json").json["subject_id"]
    cli("remember", "Mallory was here.", "--user", one)
    refused = cli("erase", "--user", one, "--yes", "--json")
    assert (refused.code != 0, refused.error["code"]) == (True, "conflict.ambiguous")
    assert {c["matched"][0] for c in refused.error["data"]["candidates"]} == {"id", "external_id"}
    assert "--by" in cli("erase", "--user", one, "--yes").err
    assert cli("erase", "--user", one, "--by", "nothing", "--yes", "--json").error["kind"] == "invalid"
    done = cli("erase", "--user", one, "--by", "external-id", "--yes", "--json").json
    assert done["subject_id"] != one
    assert "figs" in cli("list").out
    assert cli("erase", "--user", one, "--by", "id", "--yes", "--json").json["subject_id"] == one
