"""Importers by entry point: which there are, who is asked in which order, and what a bad one does to the others."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from mnemon.adapters.importers import Broken, Certainty, Utterance, detect, formats, importers, limits, open_import
from mnemon.adapters.importers.registry import GROUP, find, in_package
from mnemon.core.errors import Invalid, MnemonError, Unavailable
from tests.house.helpers import ROOT

from .distributions import install

RECORD = b'{"text": "hello"}\n'
CERTAIN = """
@classmethod
def recognises(cls, sample):
    return Certainty.CERTAIN
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory on the path, for distributions."""
    directory = tmp_path / "site"
    directory.mkdir()
    monkeypatch.syspath_prepend(str(directory))
    return directory


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A file that is in none of Mnemon's own formats."""
    path = tmp_path / "talk.log"
    path.write_text("first\nsecond\nthird\n")
    return path


def said(path: Path, format_: str | None = None) -> list[str]:
    return [one.text if isinstance(one, Utterance) else one.reason for one in open_import(path, format=format_)]


def test_each_of_ours_is_registered_under_its_format() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    found = {entry.name: entry.value for entry in in_package()}
    assert declared == found, "a format is one class and one line of pyproject.toml under mnemon.importers"
    ours = {name: one.entry.value for name, one in importers().items() if one.is_ours}
    assert ours == declared, "the installed metadata are old: `make test` installs them again"
    for importer in importers().values():
        kind = importer.load()
        assert kind.title
        assert kind.description.endswith("."), kind


def test_the_page_lists_the_formats() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "generate_importers_doc.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run `make docs` and commit the page"


def test_a_tree_of_sources_without_metadata_has_the_same_formats(tmp_path: Path) -> None:
    """As where `src` is only on the path: no installer has written down any entry point."""
    code = (
        "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p] + [sys.argv[1]]\n"
        "from importlib.machinery import PathFinder\n"
        "import importlib.metadata as m\n"
        "class Without(PathFinder):\n"
        "    @classmethod\n"
        "    def find_distributions(cls, context=m.DistributionFinder.Context()):\n"
        "        return iter(())\n"
        "sys.path += sys.argv[2:]\n"
        "sys.meta_path[:] = [f for f in sys.meta_path if f is not PathFinder] + [Without]\n"
        "assert not list(m.distributions())\n"
        "from mnemon.adapters.importers import formats, open_import\n"
        "print(*formats())\n"
    )
    packages = [path for path in sys.path if "site-packages" in path]
    ran = subprocess.run(
        [sys.executable, "-c", code, str(ROOT / "src"), *packages], check=True, capture_output=True, text=True
    )
    assert tuple(ran.stdout.split()) == tuple(name for name, one in importers().items() if one.is_ours)


def test_names_are_known_without_importing_a_plug_in(place: Path) -> None:
    install(place, "loud", "loud", module="raise SystemExit('imported')")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from mnemon.doors.cli.main import main\n"
        "code = main(sys.argv[2:])\n"
        "assert 'plug_loud' not in sys.modules\n"
        "print(sorted(n for n in sys.modules if n.startswith('mnemon.adapters.importers.')), file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    command = [sys.executable, "-c", code, str(place)]
    helped = subprocess.run([*command, "--help"], check=True, capture_output=True, text=True)
    assert helped.stderr.strip() == "[]", "`mnemon --help` needs no importer"
    helped = subprocess.run([*command, "import", "--help"], check=True, capture_output=True, text=True)
    assert "loud" in helped.stdout
    assert "chatgpt" in helped.stdout


def test_a_plug_in_reads_its_files(place: Path, log: Path) -> None:
    install(place, "tea-importer", "tea", body='suffixes = (".tea",)')
    assert formats()[-1] == "tea"
    assert (find("tea").distribution, find("tea").is_ours) == ("tea-importer", False)
    named = log.rename(log.with_suffix(".TEA"))
    assert detect(named) == "tea"
    opened = open_import(named)
    assert (opened.format, opened.total_bytes, len(opened.fingerprint)) == ("tea", 19, 32)
    records = list(opened)
    assert [one.text for one in records if isinstance(one, Utterance)] == ["first", "second", "third"]
    assert {one.source for one in records if isinstance(one, Utterance)} == {"tea"}, "whatever it says itself"
    rest = open_import(named, start=records[1].position)
    assert [one.text for one in rest if isinstance(one, Utterance)] == ["third"]
    with pytest.raises(Invalid, match="`columns` has no meaning for tea"):
        open_import(named, columns={"text": "x"})
    named.write_text("first\nanother\nthird\n")
    with pytest.raises(Invalid, match="not the file that this import began with"):
        list(open_import(named, start=records[1].position))


def test_a_key_of_a_document_decides_for_a_plug_in_too(place: Path, tmp_path: Path) -> None:
    body = """
    keys = frozenset({"teapot", "mapping"})

    @classmethod
    def document(cls, sample):
        return next((name for name in sample.names if name.endswith("tea.json")), None)
    """
    install(place, "tea", "tea", body=body)
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"x": 1, "teapot": [], "sessions": []}]))
    assert detect(path) == "locomo", "one of Mnemon's own has a key in it"
    path.write_text(json.dumps([{"x": 1, "teapot": []}]))
    assert detect(path) == "tea"
    path.write_text(json.dumps([{"teapot": [], "mapping": {}}]))
    assert detect(path) == "chatgpt"
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"teapot": 1, "text": "hello"}\n')
    assert detect(lines) == "jsonl", "its first line has a text"
    lines.write_text('{"teapot": 1}\n{"said": "hello"}\n')
    assert detect(lines) == "tea"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/tea.json", json.dumps({"teapot": 1}))
    assert detect(tmp_path / "a.zip") == "tea"


def test_a_plug_in_that_takes_everything_gets_only_what_nobody_else_is_certain_of(
    place: Path, tmp_path: Path, log: Path
) -> None:
    install(place, "greedy", "greedy", body=CERTAIN)
    ours = {
        "a.jsonl": (RECORD, "jsonl"),
        "a.log": (RECORD, "jsonl"),
        "a.mbox": (b"From a Mon Mar  2 10:00:00 2026\nFrom: a\n\nhi\n", "mbox"),
        "a.json": (b'[{"mapping": {}}]', "chatgpt"),
        "b.json": (b'[{"chat_messages": []}]', "claude"),
        "c.json": (b'{"sample_id": "s"}', "locomo"),
    }
    for name, (content, wanted) in ours.items():
        (tmp_path / name).write_bytes(content)
        assert detect(tmp_path / name) == wanted
    assert detect(Path("-")) == "jsonl"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("channels.json", "[]")
    assert detect(tmp_path / "a.zip") == "slack"
    assert detect(log) == "greedy"
    assert "plug_greedy" in sys.modules
    # Lines that say nothing to Mnemon are JSON Lines by their name alone, and somebody may know better.
    (tmp_path / "b.jsonl").write_text('{"kind": "session", "sessions": 3}\n{"kind": "turn"}\n')
    assert detect(tmp_path / "b.jsonl") == "greedy"


def test_a_plug_in_is_not_imported_for_a_file_of_ours(place: Path, tmp_path: Path) -> None:
    install(place, "aloof", "aloof", body=CERTAIN)
    (tmp_path / "a.jsonl").write_bytes(RECORD)
    assert said(tmp_path / "a.jsonl") == ["hello"]
    assert "plug_aloof" not in sys.modules


def test_two_that_are_equally_sure_are_told(place: Path, log: Path) -> None:
    install(place, "one", "one", body=CERTAIN)
    install(place, "two", "two", body=CERTAIN)
    with pytest.raises(Invalid, match=r"may be `one` \(of one\) or `two` \(of two\)\. Name the format") as caught:
        detect(log)
    assert caught.value.code == "invalid.import.ambiguous"
    assert said(log, "two") == ["first", "second", "third"]


def test_a_name_of_ours_stays_ours_and_two_others_of_one_name_are_told(place: Path, tmp_path: Path, log: Path) -> None:
    install(place, "thief", "jsonl", body=CERTAIN)
    install(place, "first", "twice", body=CERTAIN)
    install(place, "second", "twice", body=CERTAIN)
    (tmp_path / "a.jsonl").write_bytes(RECORD)
    assert said(tmp_path / "a.jsonl", "jsonl") == ["hello"]
    assert find("jsonl").unused == ("thief",)
    assert "plug_thief" not in sys.modules
    with pytest.raises(Invalid, match="`twice` is the name of formats of first and second") as caught:
        open_import(log, format="twice")
    assert caught.value.code == "invalid.import.format_twice"
    with pytest.raises(Invalid, match=r"in no format that is known here.*first and second"):
        detect(log)


BAD = {
    "raises": ("raise ImportError('no such library: teapot')", "cannot be loaded: ImportError.*teapot"),
    "syntax": ("class Plug(", "cannot be loaded: SyntaxError"),
    "leaves": ("raise SystemExit(3)", "cannot be loaded: SystemExit"),
    "lacks": ("x = 1", "cannot be loaded: AttributeError"),
    "function": ("def Plug(path): ...", "not a subclass of mnemon.adapters.importers.Import"),
    "abstract": (
        "from mnemon.adapters.importers import Import\nclass Plug(Import): format = 'abstract'",
        "does not define bytes_read, records",
    ),
    "other": (
        "from mnemon.adapters.importers import WholeFile\nclass Plug(WholeFile):\n  format = 'x'\n  records = None",
        "its `format` is 'x'",
    ),
    "untitled": (
        "from mnemon.adapters.importers import *\nclass Plug(WholeFile):\n  format = 'untitled'\n  records = None",
        "has no `title`",
    ),
    "iterates": (
        "from mnemon.adapters.importers import *\nclass Plug(WholeFile): format = 'iterates'; __iter__ = records = 1",
        "overrides __iter__",
    ),
    "listed": (
        "from mnemon.adapters.importers.slack import Slack\nclass Plug(Slack): format = 'listed'; suffixes = ['.x']",
        "its `suffixes` is not a tuple of texts",
    ),
    "keyed": (
        "from mnemon.adapters.importers.slack import Slack\nclass Plug(Slack): format = 'keyed'; keys = 'teapot'",
        "its `keys` is not a frozenset of texts",
    ),
    "Upper": ("from mnemon.adapters.importers.slack import Slack as Plug", "a format's name matches"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_plug_in_is_told_when_it_is_asked_for_and_the_others_go_on(
    place: Path, tmp_path: Path, log: Path, name: str
) -> None:
    module, message = BAD[name]
    install(place, f"bad-{name}", name, module=module)
    install(place, f"good-{name}", "good", body='suffixes = (".good",)')
    with pytest.raises(Unavailable, match=message) as caught:
        open_import(log, format=name)
    assert caught.value.code == "unavailable.importer"
    assert f"of bad-{name}" in caught.value.message
    assert caught.value.data == {"format": name, "distribution": f"bad-{name}"}
    good = tmp_path / "a.good"
    good.write_text("fine\n")
    assert said(good) == ["fine"]
    (tmp_path / "a.jsonl").write_bytes(RECORD)
    assert said(tmp_path / "a.jsonl") == ["hello"]
    with pytest.raises(Invalid, match=f"in no format that is known here.*bad-{name}"):
        detect(log)


FAILING = {
    "asked": ("@classmethod\ndef recognises(cls, sample): return 1 / 0", "failed at .*ZeroDivisionError"),
    "document": (
        "keys = frozenset({'x'})\n@classmethod\ndef document(cls, sample): return sample.names[7]",
        "failed at .*IndexError",
    ),
    "answer": ("@classmethod\ndef recognises(cls, sample): return 'yes'", "failed at .*'yes'"),
}


@pytest.mark.parametrize("name", FAILING)
def test_one_that_fails_when_it_is_asked_is_passed_over(
    place: Path, log: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, message = FAILING[name]
    install(place, f"plug-{name}", name, body=body)
    with pytest.raises(Invalid, match=message):
        detect(log)
    install(place, f"rescue-{name}", f"rescue-{name}", body=CERTAIN)
    monkeypatch.syspath_prepend(str(place.parent))  # another path, so that what is installed is looked for again
    assert detect(log) == f"rescue-{name}"


OPENING = {
    "init": ("def __init__(self, path, **given): raise KeyError('x')", "failed at .*KeyError"),
    "print": ("fingerprint = property(lambda self: 'x' * 300, lambda self, value: None)", "a fingerprint that is not"),
    "bytes": ("bytes_read = property(lambda self: 'half')", "a number of bytes that is not one"),
}


@pytest.mark.parametrize("name", OPENING)
def test_one_that_fails_to_open_is_named(place: Path, log: Path, name: str) -> None:
    install(place, f"open-{name}", f"open-{name}", body=OPENING[name][0])
    with pytest.raises(Invalid, match=OPENING[name][1]) as caught:
        open_import(log, format=f"open-{name}")
    assert caught.value.data["distribution"] == f"open-{name}"


RECORDS: dict[str, tuple[str, str]] = {
    "blank": ("{'text': ' '}", "the text is blank"),
    "long": ("{'text': 'x' * 4_194_305}", "4,194,305 characters"),
    "number": ("{'text': 5}", "not a text"),
    "nul": ("{'text': 'a' + chr(0)}", "NUL"),
    "surrogate": ("{'speaker': chr(0xd800)}", "surrogate"),
    "name": ("{'conversation': 'c' * 1001}", "`conversation` is not a text of 1 to 1,000"),
    "identity": ("{'source_id': ''}", "`source_id` is not a text"),
    "anonymous": ("{'source_id': None}", "`source_id` is not a text"),
    "zone": ("{'at': __import__('datetime').datetime(2026, 1, 1)}", "`at` is not a time with a zone"),
    "role": ("{'role': 'king'}", "`role` is none of user"),
    "list": ("{'metadata': []}", "`metadata` is not a dictionary"),
    "deep": ("{'metadata': __import__('functools').reduce(lambda a, _: {'a': a}, range(200), {})}", "deeper than 100"),
    "infinite": ("{'metadata': {'a': float('inf')}}", "which is not JSON"),
    "object": ("{'metadata': {'a': object()}}", "which is not JSON"),
    "keys": ("{'metadata': {1: 2}}", "a key that is not a text"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_what_a_plug_in_yields_is_held_to_our_limits(place: Path, log: Path, name: str) -> None:
    fields, message = RECORDS[name]
    install(place, f"yields-{name}", f"yields-{name}", fields=fields)
    records = list(open_import(log, format=f"yields-{name}"))
    assert len(records) == 3
    for number, record in enumerate(records, 1):
        assert isinstance(record, Broken)
        assert message in record.reason
        assert record.position.line == number


def test_metadata_that_hold_themselves_are_broken(place: Path, log: Path) -> None:
    install(place, "circle", "circle", fields="(lambda d: d.update(a=d) or {'metadata': d})({})")
    assert all(isinstance(record, Broken) for record in open_import(log, format="circle"))


def test_one_that_fails_on_the_way_is_named_and_what_came_before_is_given(place: Path, log: Path) -> None:
    install(place, "halfway", "halfway", fields="{'text': [line, line][number > 2 and 1 / 0]}")
    given: list[str] = []
    with pytest.raises(Invalid, match=r"`halfway` of halfway failed after record 2: ZeroDivisionError") as caught:
        given.extend(one.text for one in open_import(log, format="halfway") if isinstance(one, Utterance))
    assert given == ["first", "second"]
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_limits_of_the_readers_hold_for_a_plug_in(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(place, "lines", "lines")
    path = tmp_path / "a.lines"
    path.write_text("short\n" + "x" * 2000 + "\nafter\n")
    monkeypatch.setattr(limits, "MAX_LINE", 1000)
    records = [one for one in open_import(path, format="lines") if isinstance(one, Utterance)]
    assert (records[0].text, records[-1].text) == ("short", "after")
    # A line that is too long comes in pieces, and each has its place.
    assert "".join(one.text for one in records[1:-1]) == "x" * 2000
    assert max(len(one.text) for one in records) <= 1001
    assert list(open_import(path, format="lines", start=records[-2].position)) == records[-1:]
    body = """
    def records(self, anchor):
        counter = Counter()
        for value in self.elements():
            yield counter.broken(self.file, str(value))

    _rest = None
    """
    module = (
        "from mnemon.adapters.importers import *\nclass Plug(WholeFile):\n"
        "    format, title, description = 'nested', 'n', 'n.'\n" + body
    )
    install(place, "nested", "nested", module=module)
    monkeypatch.syspath_prepend(str(place.parent))
    path.write_text("[1, " + "[" * 200 + "]" * 200 + "]")
    *_, last = open_import(path, format="nested")
    assert isinstance(last, Broken)
    assert "nested more than 100 deep" in last.reason


def test_a_sample_is_bounded(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mnemon.adapters.importers import Sample

    monkeypatch.setattr(limits, "MAX_HEAD", 100)
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf" + b"x" * 5000)
    assert Sample(path).head == b"x" * 97
    monkeypatch.setattr(limits, "MAX_ENTRIES", 3)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(5):
            archive.writestr(f"{number}", "")
    with pytest.raises(MnemonError, match="more than 3 files"):
        _ = Sample(tmp_path / "a.zip").names
    assert Sample(Path("-")).head == b""
    assert Certainty.NO < Certainty.POSSIBLE < Certainty.CERTAIN
