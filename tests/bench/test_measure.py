"""The benchmarks' arithmetic: a wrong metric would praise a wrong change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench.machine import facts, resident_mb
from bench.measure import Question, Timing, by_category, evidence_ids, number, read_questions, recall_at
from bench.page import filled
from bench.report import Report
from bench.scale_data import organizations, skewed
from bench.texts import Sentences


@pytest.mark.parametrize(
    ("evidence", "ids"),
    [
        (["D1:3"], ["D1:3"]),
        (["D8:6; D9:17"], ["D8:6", "D9:17"]),
        (["D9:1 D4:4 D4:6"], ["D9:1", "D4:4", "D4:6"]),
        (["D:11:26", "D30:05"], ["D11:26", "D30:5"]),
        (["D1:3", "D1:3"], ["D1:3"]),
        ("D2:2", ["D2:2"]),
        (["D", ""], []),
        (None, []),
    ],
)
def test_evidence_is_read_however_it_is_written(evidence: object, ids: list[str]) -> None:
    assert evidence_ids(evidence) == ids


def test_recall_is_the_share_of_what_is_wanted() -> None:
    assert recall_at(["a", "b", "c"], ["c", "z"], 3) == 0.5
    assert recall_at(["a", "b", "c"], ["c"], 2) == 0.0
    assert recall_at([], ["c"], 5) == 0.0


def test_questions_without_evidence_are_counted_and_left_out() -> None:
    sample = {
        "sample_id": "s",
        "sessions": [{"turns": [{"dia_id": "D1:1"}, {"dia_id": "D1:2"}]}],
        "questions": [
            {"question": "whole", "category": 1, "evidence": ["D1:1; D1:2"]},
            {"question": "part", "category": 5, "evidence": ["D1:2", "D7:7"]},
            {"question": "none", "category": 2, "evidence": ["D7:7"]},
            {"question": "nothing said", "category": 3},
        ],
    }
    found = read_questions(sample)
    assert [(q.text, q.evidence) for q in found.kept] == [("whole", ("D1:1", "D1:2")), ("part", ("D1:2",))]
    assert (found.skipped, found.partial) == (2, 1)


def test_categories_one_to_four_are_put_together_and_five_is_apart() -> None:
    questions = [Question("s", "a", 1, ("x",)), Question("s", "b", 4, ("y",)), Question("s", "c", 5, ("z",))]
    result = by_category(questions, [["x"], ["?"], ["z"]])
    assert result["1-4"]["R@10"] == 50.0
    assert result["5"]["R@5"] == 100.0
    assert result["1-4"]["questions"] == 2
    assert "2" not in result


def test_times_are_in_milliseconds() -> None:
    timing = Timing.of([0.001, 0.002, 0.003])
    assert timing.median == pytest.approx(2.0)
    assert timing.p95 == pytest.approx(2.9)
    assert str(Timing(1234.5, 12.34, 3)) == "1,234 / 12.3"


def test_numbers_are_short() -> None:
    assert [number(v) for v in (None, 0.123, 12.34, 1234.0)] == ["-", "0.12", "12.3", "1,234"]


def test_organizations_are_the_same_every_time_and_the_others_are_skewed() -> None:
    many = organizations([100, 200], others=10, other_rows=1000)
    assert many == organizations([100, 200], others=10, other_rows=1000)
    assert [one.rows for one in many if one.measured] == [100, 200]
    others = [one.rows for one in many if not one.measured]
    assert others == sorted(others, reverse=True)
    assert others[0] == pytest.approx(2 * others[1], rel=0.05)
    assert len({one.id for one in many}) == len(many)


def test_weights_are_cumulative() -> None:
    assert skewed(3) == pytest.approx([1, 1.5, 1.5 + 1 / 3])


def test_sentences_are_the_same_for_a_seed(tmp_path: Path) -> None:
    source = tmp_path / "talk.jsonl"
    source.write_text(json.dumps({"text": "the quick brown fox jumps over the lazy dog again"}) + "\n")
    one, other = Sentences(source, seed=1), Sentences(source, seed=1)
    texts = [one.one() for _ in range(50)]
    assert texts == [other.one() for _ in range(50)]
    assert all(len(text.split()) >= 6 for text in texts)


def test_a_report_leaves_a_table_and_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("sample", "python -m bench sample", tmp_path)
    report.numbers["answer"] = 42
    report.table("A table:", ("name", "value"), [("one", "1")])
    report.save()
    capsys.readouterr()
    saved = json.loads((tmp_path / "sample.json").read_text())
    assert saved["answer"] == 42
    assert saved["machine"]["cores"] >= 1
    assert "| one  | 1     |" in (tmp_path / "sample.md").read_text()


def test_the_page_takes_each_result_between_its_marks(tmp_path: Path) -> None:
    (tmp_path / "scale.md").write_text("new\n")
    page = "# B\n<!-- result: scale -->\nold\n<!-- end -->\n<!-- result: peers -->\nkept\n<!-- end -->\n"
    text = filled(page, tmp_path)
    assert "\nnew\n" in text
    assert "old" not in text
    assert "kept" in text


def test_the_machine_is_described() -> None:
    import os

    assert facts()["python"]
    assert resident_mb(os.getpid()) > 1
