"""JSON Lines: what is read, what is refused and where, and going on from every checkpoint."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnemon.adapters.importers import Broken, Position, Record, Utterance, open_import
from mnemon.core.errors import Invalid

MORNING = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def write(path: Path, *lines: str | bytes | dict[str, Any], end: bytes = b"\n") -> Path:
    raw = [
        json.dumps(line).encode() if isinstance(line, dict) else line.encode() if isinstance(line, str) else line
        for line in lines
    ]
    path.write_bytes(b"".join(line + end for line in raw))
    return path


def read(path: Path, **options: Any) -> list[Record]:
    return list(open_import(path, format="jsonl", **options))


def said(path: Path, **options: Any) -> list[Utterance]:
    records = read(path, **options)
    assert all(isinstance(record, Utterance) for record in records), records
    return [record for record in records if isinstance(record, Utterance)]


def test_every_field_is_read(tmp_path: Path) -> None:
    record = {
        "id": 7,
        "at": "2026-03-01T09:00:00+01:00",
        "conversation": "quay",
        "session": 2,
        "speaker": "Ada",
        "role": "Human",
        "text": "The tide is out.",
        "tags": ["tide", "tide", "quay"],
        "metadata": {"weather": "fog"},
        "elapsed": "000:00:02",
    }
    (one,) = said(write(tmp_path / "log.jsonl", record))
    assert (one.text, one.at, one.speaker, one.role) == ("The tide is out.", MORNING, "Ada", "user")
    assert (one.conversation, one.session, one.source, one.source_id) == ("quay", "2", "jsonl", "quay:7")
    assert one.tags == ("tide", "quay")
    assert one.metadata == {"weather": "fog", "elapsed": "000:00:02"}
    assert (one.position.file, one.position.line, one.position.offset) == ("log.jsonl", 1, 0)


def test_the_words_of_other_logs_are_known(tmp_path: Path) -> None:
    first = {"content": "a", "timestamp": 1772352000, "author": "Bo", "thread": "x", "role": "bot"}
    second = {"content": [{"type": "text", "text": "b"}, "c"], "created_at": 1772352000123, "name": "Cy"}
    third = {"text": "d", "date": "2026-03-01 08:00:00", "user": {"name": "Di"}, "role": "narrator"}
    a, b, c = said(write(tmp_path / "log.ndjson", first, second, third))
    assert (a.text, a.at, a.speaker, a.conversation, a.role) == ("a", MORNING, "Bo", "x", "assistant")
    assert (b.text, b.at, b.conversation) == ("b\nc", MORNING + timedelta(milliseconds=123), "log")
    assert (c.at, c.speaker, c.role, c.metadata) == (MORNING, "Di", "user", {"role": "narrator"})


def test_columns_and_conversation_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "log.jsonl", {"body": "hello", "text": "not this", "when": "2026-03-01T08:00:00Z"})
    (one,) = said(path, columns={"text": "body", "at": "when"}, conversation="named")
    assert (one.text, one.at, one.conversation) == ("hello", MORNING, "named")
    assert one.metadata == {"text": "not this"}
    with pytest.raises(Invalid, match="nothing to read as `colour`"):
        read(path, columns={"colour": "body"})


def test_a_bom_crlf_and_blank_lines_do_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "log.jsonl", b'\xef\xbb\xbf{"text": "a"}', b"", b"  ", b'{"text": "b"}', end=b"\r\n")
    a, b = said(path)
    assert (a.text, a.position.line, b.text, b.position.line) == ("a", 1, "b", 4)


BROKEN: list[tuple[bytes, str]] = [
    (b"{nope}", "not JSON"),
    (b"[1, 2]", "not a JSON object but an array"),
    (b"12", "not a JSON object but a number"),
    (b'{"at": "2026-03-01"}', "no `text` or `content`"),
    (b'{"text": ""}', "the text is blank"),
    (b'{"text": " \\n\\t"}', "the text is blank"),
    (b'{"text": 5}', "not a text but a number"),
    (b'{"text": "a\\u0000b"}', "`text` contains a NUL"),
    (b'{"text": "a\\ud83d"}', "`text` contains half of a surrogate pair"),
    (b'{"text": "a", "note": {"deep": ["\\udc00"]}}', "`deep` contains half of a surrogate pair"),
    (b'{"text": "a", "at": "soon"}', "the date 'soon'"),
    (b'{"text": "a", "at": true}', "the date 'True'"),
    (b'{"text": "a", "at": 1e30}', "the date '1e+30'"),
    (b'{"text": "a", "at": "0001-01-01T00:00:00+14:00"}', "the date"),
    (b'{"text": "a", "n": NaN}', "NaN is not a JSON number"),
    (b'{"text": "a", "n": 1e999}', "1e999 is too large"),
    (b'{"text": "a", "speaker": ["Ada"]}', "the speaker is neither"),
    (b'{"text": "a", "tags": [1]}', "the tags are not a list of texts"),
    (b'{"text": "caf\xe9"}', "not UTF-8 at byte 14"),
    (b'{"text": "a", "n": ' + b"[" * 100_000 + b"}", "nested more than 100 deep"),
    (b'{"text": "' + b"y" * (5 * 1024 * 1024) + b'"}', "the line has 5,242,893 bytes"),
]


def test_broken_lines_are_named_and_never_stop_the_reading(tmp_path: Path) -> None:
    lines: list[str | bytes | dict[str, Any]] = []
    for raw, _ in BROKEN:
        lines += [raw, b"", {"text": "good", "at": "2026-03-01T08:00:00Z"}]
    path = write(tmp_path / "log.jsonl", *lines)
    records = read(path)
    assert len(records) == 2 * len(BROKEN)
    for number, (_, reason) in enumerate(BROKEN):
        broken, good = records[2 * number : 2 * number + 2]
        assert isinstance(broken, Broken)
        assert isinstance(good, Utterance)
        assert broken.reason.startswith(f"line {3 * number + 1}: ")
        assert reason in broken.reason
        assert (broken.position.line, good.position.line) == (3 * number + 1, 3 * number + 3)
        assert len(broken.excerpt) <= 80
        assert broken.excerpt.isprintable()
    assert_resumes(path, records)


def assert_resumes(path: Path, records: list[Record]) -> None:
    for number, record in enumerate(records, 1):
        start = Position.from_dict(json.loads(json.dumps(record.position.as_dict())))
        assert list(open_import(path, start=start)) == records[number:]


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30).filter(
    lambda text: not text.isspace()
)
words = st.one_of(st.none(), st.sampled_from(["Ada", "Bo", "Żółw 🐢", "a/b:c"]))
moments = st.one_of(
    st.none(),
    st.sampled_from([MORNING, MORNING + timedelta(seconds=1)]),
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),  # noqa: DTZ001
)
lines = st.fixed_dictionaries(
    {
        "text": st.one_of(st.sampled_from(["yes", "no"]), texts),
        "at": moments.map(lambda at: at and at.isoformat()),
        "speaker": words,
        "conversation": words,
        "role": st.sampled_from(["user", "assistant", "system", "tool"]),
        "session": words,
        "id": st.one_of(st.none(), st.uuids().map(str)),
        "tags": st.lists(st.sampled_from(["a", "b", "ö"]), unique=True),
        "metadata": st.dictionaries(st.sampled_from(["k", "ключ"]), st.one_of(texts, st.integers(), st.booleans())),
    }
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(lines, st.just("{broken"), st.just("")), max_size=25), st.booleans())
def test_what_is_written_is_read_and_resumes_from_everywhere(written: list[Any], ascii_only: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trip.jsonl"
        raw = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=ascii_only) for line in written]
        path.write_bytes("".join(line + "\n" for line in ["", *raw, '{"text": "end"}']).encode())
        records = read(path)
        good = [line for line in written if isinstance(line, dict)]
        found = [record for record in records if isinstance(record, Utterance)][:-1]
        assert sum(isinstance(record, Broken) for record in records) == written.count("{broken")
        for line, one in zip(good, found, strict=True):
            assert (one.text, one.speaker, one.role) == (line["text"], line["speaker"], line["role"])
            assert one.at == (datetime.fromisoformat(line["at"]) if line["at"] else None)
            assert (one.conversation, one.session) == (line["conversation"] or "trip", line["session"])
            assert (list(one.tags), one.metadata) == (line["tags"], line["metadata"])
        assert read(path) == records
        assert_resumes(path, records)


def test_what_is_said_twice_at_the_same_time_has_two_ids(tmp_path: Path) -> None:
    yes = {"text": "yes", "at": "2026-03-01T08:00:00Z", "speaker": "Ada"}
    no = {**yes, "text": "no"}
    later = {**yes, "at": "2026-03-01T08:00:01Z"}
    undated = {"text": "yes"}
    path = write(tmp_path / "log.jsonl", yes, no, yes, yes, later, undated, undated)
    ids = [one.source_id for one in said(path)]
    assert len(set(ids)) == 7


def test_a_run_of_one_date_is_cut_into_parts_and_resumes(tmp_path: Path) -> None:
    same = [{"text": f"line {n % 7}", "at": "2026-03-01"} for n in range(25_003)]
    path = write(tmp_path / "log.jsonl", *same)
    records = read(path)
    assert len({one.source_id for one in said(path)}) == len(same)
    for number in (1, 9_999, 10_000, 10_001, 19_999, 20_000, 20_001, 25_002, 25_003):
        rest = iter(open_import(path, start=records[number - 1].position))
        assert list(islice(rest, 20)) == records[number : number + 20]
        assert records[number - 1].position.skip <= 10_000


def test_a_longer_later_file_gives_the_same_ids_and_goes_on_where_it_was(tmp_path: Path) -> None:
    first = [{"text": f"t{n // 3}", "at": f"2026-03-01T08:00:{n // 4:02d}Z"} for n in range(20)]
    path = write(tmp_path / "log.jsonl", *first)
    before = open_import(path)
    old = list(before)
    with path.open("ab") as stream:
        stream.write(b'{"text": "new"}\n')
    after = open_import(path, start=old[-1].position)
    assert after.fingerprint == before.fingerprint
    assert [record.text for record in after if isinstance(record, Utterance)] == ["new"]
    assert read(path)[:20] == old


def test_an_unfinished_last_line_is_read_again_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"text": "a", "at": 1}\n{"text": "b", "at": 1}\n{"text": "b", "a')
    records = read(path)
    assert isinstance(records[-1], Broken)
    with path.open("ab") as stream:
        stream.write(b't": 1}\n')
    (again,) = read(path, start=records[-1].position)
    assert isinstance(again, Utterance)
    assert again == read(path)[2]


def test_another_file_is_not_taken_for_the_one_that_was_begun(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {"text": "a"}, {"text": "b"}, {"text": "c"})
    start = read(path)[1].position
    write(path, {"text": "a"}, {"text": "B"}, {"text": "c"})
    with pytest.raises(Invalid, match="not the file that this import began with") as caught:
        read(path, start=start)
    assert caught.value.code == "invalid.import.changed"
    write(path, {"text": "a"})
    with pytest.raises(Invalid, match="not the file"):
        read(path, start=start)
    other = write(tmp_path / "b.jsonl", {"text": "z"})
    assert open_import(other).fingerprint != open_import(path).fingerprint
    with pytest.raises(Invalid, match="not the position of an import"):
        Position.from_dict({"file": "a"})


def test_gzip_is_read_and_resumed(tmp_path: Path) -> None:
    plain = write(tmp_path / "log.jsonl", *({"text": f"t{n}", "at": n} for n in range(50)))
    packed = tmp_path / "log.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    records = read(packed)
    assert [r.source_id for r in records if isinstance(r, Utterance)] == [r.source_id for r in said(plain)]
    assert_resumes(packed, records)
    opened = open_import(packed)
    assert sum(1 for _ in opened) == 50
    assert opened.bytes_read == opened.total_bytes == packed.stat().st_size


def test_damaged_gzip_keeps_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.gz"
    whole = gzip.compress(b"".join(b'{"text": "%d", "x": "%d"}\n' % (n, n**9) for n in range(20_000)))
    path.write_bytes(whole[: len(whole) // 2])
    *good, last = read(path)
    assert len(good) > 5_000
    assert isinstance(last, Broken)
    assert "damaged" in last.reason
    path.write_bytes(whole[:8])
    with pytest.raises(Invalid, match=r"ended before .+ It is damaged"):
        open_import(path)


def test_standard_input_is_read_and_resumed(tmp_path: Path) -> None:
    path = write(tmp_path / "log.jsonl", *({"text": f"t{n}", "conversation": "c"} for n in range(5)))
    program = (
        "import json, sys; from pathlib import Path; from mnemon.adapters.importers import *\n"
        "start = json.loads(sys.argv[1]); start = start and Position.from_dict(start)\n"
        "opened = open_import(Path('-'), start=start)\n"
        "print(json.dumps([opened.fingerprint, opened.total_bytes, [r.text for r in opened]]))"
    )
    records = said(path)
    for start, rest in ((None, records), (records[2].position, records[3:])):
        argument = json.dumps(start and start.as_dict())
        ran = subprocess.run(
            [sys.executable, "-c", program, argument], input=path.read_bytes(), capture_output=True, check=True
        )
        fingerprint, total, found = json.loads(ran.stdout)
        assert (fingerprint, total) == (open_import(path).fingerprint, None)
        assert found == [one.text for one in rest]


def test_moments_with_other_zones_are_utc(tmp_path: Path) -> None:
    at = datetime(2026, 3, 1, 10, 0, tzinfo=timezone(timedelta(hours=2)))
    (one,) = said(write(tmp_path / "log.jsonl", {"text": "a", "at": at.isoformat()}))
    assert one.at == MORNING
    assert one.at.tzinfo is UTC


MEASURE = """
import resource, sys
from pathlib import Path
from mnemon.adapters.importers import open_import
small, large = (Path(p) for p in sys.argv[1:])
assert sum(1 for _ in open_import(small)) == 2000
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert sum(1 for _ in open_import(large)) == 200_000
unit = 1 if sys.platform == "darwin" else 1024
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit)
"""


def test_memory_stays_flat_however_long_the_file(tmp_path: Path) -> None:
    def generate(path: Path, count: int) -> Path:
        with path.open("w") as stream:
            for n in range(count):
                # One date for all: the worst case for telling equal lines apart.
                stream.write(f'{{"at": "2026-03-01", "speaker": "s{n % 9}", "text": "utterance {n} of a long day"}}\n')
        return path

    small, large = generate(tmp_path / "s.jsonl", 2_000), generate(tmp_path / "l.jsonl", 200_000)
    ran = subprocess.run([sys.executable, "-c", MEASURE, small, large], capture_output=True, check=True, text=True)
    assert int(ran.stdout) < 8 * 1024 * 1024
