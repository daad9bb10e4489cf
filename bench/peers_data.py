"""peers: the rows that everybody gets, the questions, and what is measured of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench.measure import evidence_ids, read_questions
from mnemon.adapters.importers.dates import parse_locomo


@dataclass(frozen=True, slots=True)
class PeerRow:
    """Something to remember: who said what and when."""

    id: str
    user: str
    speaker: str
    said: str
    at: str

    @property
    def text(self) -> str:
        """As it goes into a memory that knows no speakers."""
        return f"{self.speaker}: {self.said}"


@dataclass(frozen=True, slots=True)
class PeerQuery:
    """A question of categories 1 to 4, with the rows that answer it."""

    user: str
    text: str
    wanted: tuple[str, ...]


def read_all(folder: Path, transcript: Path) -> tuple[list[PeerRow], list[PeerQuery]]:
    """The LoCoMo conversations, then the transcript as one more user; the questions of categories 1 to 4."""
    rows: list[PeerRow] = []
    queries: list[PeerQuery] = []
    for path in sorted(folder.glob("conv-*.json")):
        sample = json.loads(path.read_text(encoding="utf-8"))
        user = str(sample["sample_id"])
        for session in sample["sessions"]:
            begin = parse_locomo(session["date_time"])
            rows += [_turn(user, turn, begin + timedelta(seconds=n)) for n, turn in enumerate(session["turns"])]
        queries += [
            PeerQuery(user, question.text, tuple(f"{user}/{one}" for one in question.evidence))
            for question in read_questions(sample).kept
            if question.category != 5
        ]
    with transcript.open(encoding="utf-8") as file:
        for n, line in enumerate(file):
            one = json.loads(line)
            rows.append(PeerRow(f"transcript/{n}", "transcript", one["speaker"], one["text"], one["at"]))
    return rows, queries


def _turn(user: str, turn: dict[str, Any], at: datetime) -> PeerRow:
    said = str(turn.get("text", ""))
    if turn.get("image_caption"):
        said = f"{said} [image: {turn['image_caption']}]".strip()
    return PeerRow(f"{user}/{evidence_ids([turn['dia_id']])[0]}", user, str(turn["speaker"]), said, at.isoformat())


def write(path: Path, rows: Sequence[PeerRow]) -> Path:
    """As JSON Lines, for a process of another environment."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(as_given(row)) + "\n" for row in rows)
    return path


def as_given(row: PeerRow | PeerQuery) -> dict[str, Any]:
    """As another process gets it: with the text that a memory gets which knows no speakers, and one with the day."""
    fields = asdict(row)
    if isinstance(row, PeerRow):
        fields |= {"text": row.text, "dated": f"[{row.at[:10]}] {row.text}"}
    return fields
