"""Which utterances of a meeting answer a question, as QMSum says it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.meetings import read_meeting, read_meetings

LONG = "The committee agreed to paint every lantern green before winter."
GIVEN: dict[str, Any] = {
    "meeting_transcripts": [
        {"speaker": "Ada", "content": f"{{vocalsound}} {LONG}"},
        {"speaker": "Bob", "content": "Yeah, it is."},
        {"speaker": "Ada", "content": LONG},
    ],
    "specific_query_list": [
        {"query": "What colour?", "relevant_text_span": [["0", "1"]]},
        {"query": "Nothing that counts", "relevant_text_span": [["1", "1"]]},
        {"query": "No place", "relevant_text_span": [["0", "end"]]},
        {"query": "Beyond the end", "relevant_text_span": [["2", "9"]]},
    ],
}


def test_short_utterances_answer_nothing_and_noises_are_left_out() -> None:
    meeting = read_meeting("m", GIVEN)
    assert meeting.said[0] == ("Ada", LONG)
    assert meeting.questions == (("What colour?", frozenset({0})), ("Beyond the end", frozenset({2})))


def test_a_meeting_that_is_in_two_files_counts_once(tmp_path: Path) -> None:
    for name in ("ALL/jsonl/test.jsonl", "Product/jsonl/train.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(GIVEN) + "\n", encoding="utf-8")
    assert [meeting.name for meeting in read_meetings(tmp_path)] == ["ALL/jsonl/test/0"]
