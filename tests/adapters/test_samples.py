"""The sample that comes with the product."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from mnemon import samples
from mnemon.adapters.importers import Utterance, open_import


def test_the_sample_is_whole_and_its_questions_have_answers() -> None:
    records = list(open_import(samples.harbour()))
    assert all(isinstance(record, Utterance) for record in records)
    said = [record for record in records if isinstance(record, Utterance)]
    assert 350 <= len(said) <= 450
    assert len({one.source_id for one in said}) == len(said)
    assert len({one.text for one in said}) == len(said)
    assert set(Counter(one.conversation for one in said)) == {
        "team",
        "ingrid-and-skipper",
        "tomasz-and-plumb",
        "launch-planning",
    }
    assert {one.speaker for one in said if one.role == "assistant"} == {"Skipper", "Plumb"}
    moments = [one.at for one in said if one.at]
    assert len(moments) == len(said)
    assert moments == sorted(moments)
    assert moments[0] >= datetime(2026, 2, 20, tzinfo=UTC)
    assert moments[-1] < datetime(2026, 4, 10, tzinfo=UTC)

    ids = {one.source_id.rpartition(":")[2] for one in said}
    named = set(re.findall(r"h-\d{3}", Path(samples.__file__).read_text()))
    assert len(samples.QUESTIONS) >= 8
    assert len(named) >= len(samples.QUESTIONS)
    assert named <= ids
