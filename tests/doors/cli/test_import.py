"""import: reports, broken lines, interruption."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.patience import PATIENCE

from .conftest import MNEMON, Cli, jsonl


def _count(cli: Cli) -> int:
    return len(cli("list", "--all", "--json").out.splitlines())


def test_a_file_is_imported_once(cli: Cli, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "talk.jsonl", 30)
    told = cli("import", path)
    assert told.code == 0
    assert "talk.jsonl" in told.out
    assert told.err == ""
    first = json.loads(cli("import", path, "--json").out)
    assert (first["imported"], first["resumed_after"]) == (0, 30)
    again = json.loads(cli("import", path, "--restart", "--json").out)
    assert (again["imported"], again["skipped"]) == (0, 30)
    assert _count(cli) == 30
    assert "Line 7" in cli("search", "Line 7 topic 7", "-k", "1").out


def test_broken_lines_are_listed_with_their_place(cli: Cli, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "talk.jsonl", 90, broken_every=3)
    told = cli("import", path)
    assert told.code == 0
    places = [line for line in told.err.splitlines() if line.startswith("talk.jsonl:")]
    assert places[0].startswith("talk.jsonl:3  not JSON")
    assert len(places) == 20
    assert "and 10 more that could not be read" in told.err
    assert _count(cli) == 60


def test_a_file_of_which_nothing_can_be_read_ends_with_one_and_says_its_keys(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text("".join(json.dumps({"body": f"hello {n}", "when": "2026-03-01"}) + "\n" for n in range(30)))
    for _ in range(3):
        told = cli("import", path)
        assert told.code == 1
        (line,) = told.err.splitlines()
        assert line.startswith("odd.jsonl: none of its 30 records could be read; the first: there is no `text`")
        assert "It has the keys body, when" in line
    told = cli("import", path, "--json")
    assert (told.code, told.json["broken"], told.json["keys"]) == (1, 30, ["body", "when"])
    good = jsonl(tmp_path / "talk.jsonl", 3)
    told = cli("import", path, good)
    assert (told.code, _count(cli)) == (1, 3)
    told = cli("import", path, "--column", "content=body", "--column", "at=when")
    assert (told.code, told.err, _count(cli)) == (0, "", 33)
    for wrong in ("body", "=body", "text="):
        assert cli("import", path, "--column", wrong).code == 2
    assert "nothing to read as `colour`" in cli("import", path, "--column", "colour=body").err


def test_a_folder_has_a_report_a_file_and_a_sum(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    jsonl(folder / "talk.jsonl", 5)
    (folder / "chat.txt").write_text("31.12.23, 23:59 - Rosa: Hi\n31.12.23, 23:59 - Ben: <Media omitted>\n")
    (folder / "tool.py").write_text("import os\n")
    told = cli("import", folder, "--timezone", "Europe/Oslo")
    assert told.code == 0
    rows = [line.split()[:3] for line in told.out.splitlines() if line.split()[2:3] in (["5"], ["1"], ["6"])]
    assert rows == [["chat.txt", "whatsapp", "1"], ["talk.jsonl", "jsonl", "5"], ["exports", "folder", "6"]]
    assert "chat.txt: left out: 1 x media that the export leaves out" in told.err
    assert "not imported:" in told.err
    assert "tool.py" in told.err
    report = cli("import", folder, "--json").json
    assert (report["imported"], report["resumed_after"], len(report["files"])) == (0, 6, 2)
    assert "no time zone" in cli("import", folder, "--timezone", "Nowhere/At-all").err


def test_lines_that_are_no_objects_end_with_one_each_time(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text("[1]\n[2]\nnope\n")
    for _ in range(2):
        told = cli("import", path)
        assert (told.code, len(told.err.splitlines())) == (1, 1)
        assert "not a JSON object but an array" in told.err


def test_broken_lines_are_counted_the_second_time_too(cli: Cli, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "talk.jsonl", 90, broken_every=3)
    cli("import", path)
    told = cli("import", path)
    assert told.code == 0
    assert told.out.split()[-7:] == ["talk.jsonl", "jsonl", "0", "60", "30", told.out.split()[-2], "-"]


def test_strict_stops_at_the_first_and_goes_on_after_the_mending(cli: Cli, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "talk.jsonl", 20, broken_every=15)
    told = cli("import", path, "--strict")
    assert told.code == 2
    assert "line 15" in told.err
    assert cli("import", path).code == 0
    assert _count(cli) == 19


def test_standard_input_and_several_files(cli: Cli, tmp_path: Path) -> None:
    one, two = jsonl(tmp_path / "one.jsonl", 5), tmp_path / "two.jsonl"
    two.write_text('{"text": "From a file", "id": "a"}\n')
    told = cli("import", one, two, "--json", "--user", "ada")
    assert [json.loads(line)["imported"] for line in told.out.splitlines()] == [5, 1]
    piped = cli(
        "import",
        "-",
        "--format",
        "jsonl",
        "--conversation",
        "pipe",
        "--json",
        stdin=b'{"text": "Piped in", "id": "p"}\n',
    )
    assert piped.code == 0, piped.err
    assert piped.json["imported"] == 1
    assert cli("search", "piped", "--conversation", "pipe", "--json").json["hits"]
    assert cli("search", "file", "--user", "ada", "--json").json["hits"]


@pytest.mark.parametrize(
    ("arguments", "code"), [(["missing.jsonl"], 3), (["odd.bin"], 2), (["odd.bin", "--format", "tea"], 2), ([], 2)]
)
def test_what_cannot_be_imported(cli: Cli, tmp_path: Path, arguments: list[str], code: int) -> None:
    (tmp_path / "odd.bin").write_bytes(b"\x00\x01\x02" * 100)
    told = cli("import", *arguments)
    assert told.code == code
    assert len(told.err.splitlines()) <= 2


def test_killed_in_the_middle_it_goes_on_where_it_was(
    cli: Cli, home: Path, slug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = jsonl(tmp_path / "long.jsonl", 40_000)
    monkeypatch.setenv("MNEMON_AUTO_MAINTENANCE", "false")  # the index is another matter, and takes longer
    command = [*MNEMON, "--data-dir", str(home), "-o", slug, "import", str(path)]
    victim = subprocess.Popen(command)
    deadline = time.monotonic() + PATIENCE
    while not cli("list", "--limit", "1", "--json").json["items"]:
        assert time.monotonic() < deadline
        assert victim.poll() is None
    victim.kill()
    assert victim.wait() == -signal.SIGKILL
    rest = cli("import", path, "--json").json
    assert 0 < rest["imported"] < 40_000
    assert rest["skipped"] == 0
    lines = [json.loads(line)["source_id"] for line in cli("list", "--all", "--json").out.splitlines()]
    assert len(lines) == len(set(lines)) == 40_000


def test_ctrl_c_says_that_it_resumes(cli: Cli, home: Path, slug: str, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "long.jsonl", 100_000)
    command = [*MNEMON, "--data-dir", str(home), "-o", slug, "import", str(path)]
    patient = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + PATIENCE
    while not cli("list", "--limit", "1", "--json").json["items"]:
        assert time.monotonic() < deadline
    patient.send_signal(signal.SIGINT)
    told = patient.communicate(timeout=PATIENCE)[1]
    assert patient.returncode == 130
    assert "The same command goes on from there" in told
    assert "Traceback" not in told
    assert "Stopped: 0 of" not in told


def test_each_file_of_a_folder_that_fails_is_told_and_ends_with_one(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "utf16.jsonl").write_bytes('{"text": "a"}'.encode("utf-16"))
    (folder / "tool.py").write_text("import os\n")
    for quiet in ((), ("--quiet",)):
        told = cli("import", folder, *quiet)
        assert told.code == 1
        assert "failed: " in told.err
        assert "utf16.jsonl is UTF-16 text, and JSON Lines is UTF-8. Save it as UTF-8." in told.err
        assert "not imported: " in told.err
        assert "tool.py" in told.err
        assert bool(told.out) is not bool(quiet)
    jsonl(folder / "talk.jsonl", 5)
    told = cli("import", folder, "--json")
    assert (told.code, told.json["imported"], told.json["failed"]) == (1, 5, 1)
    assert {bool(one["error"]) for one in told.json["files"]} == {False, True}
    (folder / "utf16.jsonl").unlink()
    told = cli("import", folder, "--quiet")
    assert (told.code, told.out) == (0, "")
    assert "not imported: " in told.err


def test_a_file_that_is_refused_leaves_the_others_to_be_imported(cli: Cli, tmp_path: Path) -> None:
    noise, good = tmp_path / "noise.bin", tmp_path / "good.jsonl"
    noise.write_bytes(bytes(range(256)))
    good.write_text('{"text": "The newt sleeps", "speaker": "Rosa"}\n', encoding="utf-8")
    gone = tmp_path / "gone.jsonl"
    done = cli("import", str(noise), str(good), str(gone))
    assert done.code == 2  # of the first that was refused
    assert "good.jsonl" in done.out
    assert "noise.bin" in done.err
    assert "gone.jsonl" in done.err
    assert "The newt sleeps" in cli("list").out


def test_strict_stops_at_the_first_file_that_is_refused(cli: Cli, tmp_path: Path) -> None:
    noise, good = tmp_path / "noise.bin", tmp_path / "good.jsonl"
    noise.write_bytes(bytes(range(256)))
    good.write_text('{"text": "The newt wakes", "speaker": "Rosa"}\n', encoding="utf-8")
    assert cli("import", "--strict", str(noise), str(good)).code == 2
    assert "The newt wakes" not in cli("list").out
