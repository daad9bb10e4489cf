"""LoCoMo (Maharana et al., ACL 2024): long dated conversations between two people, in sessions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import MAXYEAR, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, ClassVar

from mnemon.adapters.importers.base import Counter
from mnemon.adapters.importers.dates import parse_locomo
from mnemon.adapters.importers.jsonstream import DamagedJson
from mnemon.adapters.importers.records import (
    Anchor,
    Record,
    Utterance,
    character_problem,
    excerpt,
    printable,
    shown,
    text_problem,
)
from mnemon.adapters.importers.wholefile import WholeFile

_READ = {"sample_id", "speakers", "sessions", "conversation"}
_SESSION = {"session", "date_time", "turns"}
_TURNS = re.compile(r"session_\d{1,9}(_date_time)?")


class Locomo(WholeFile):
    """One sample or a list of them, in the paper's shape (``session_1``, ``session_1_date_time``) or as ``sessions``.

    The dates name no zone; turn `i` of a session is `i` seconds after its beginning, which
    keeps the order. What an image shows is part of the text, so that it can be found.
    """

    format: ClassVar[str] = "locomo"
    title: ClassVar[str] = "LoCoMo"
    shape: ClassVar[frozenset[str]] = frozenset({"qa", "sample_id", "sessions", "conversation", "speakers"})
    needs: ClassVar[str] = "samples with `sessions` or `conversation`"
    description: ClassVar[str] = "The dialogues of the LoCoMo benchmark, one or a list of them, as JSON."
    keys: ClassVar[frozenset[str]] = frozenset({"qa", "sessions", "sample_id"})

    def records(self, anchor: Anchor) -> Iterator[Record]:
        """Yield the turns of each sample."""
        counter = Counter()
        self.left_out.clear()
        try:
            for number, sample in enumerate(self.elements()):
                yield from self._sample(sample, number, counter)
        except DamagedJson as error:
            yield counter.broken(self.file, str(error))

    def _sample(self, sample: Any, number: int, counter: Counter) -> Iterator[Record]:
        if not isinstance(sample, dict):
            yield counter.broken(self.file, f"sample {number + 1}: not an object")
            return
        name = sample.get("sample_id")
        key = shown(name) if name not in (None, "") else f"{Path(self.file).stem}-{number + 1}"
        title = _title(sample)
        for name_of, holder in _beside(sample):
            self.leave_out(f"`{printable(name_of)[:40]}` of a {holder}, which is no turn")
        if problem := character_problem([key, title], "its name"):
            yield counter.broken(self.file, f"sample {number + 1}: {problem}", excerpt(key))
            return
        for session, date_time, turns in _sessions(sample):
            begin = _begin(date_time, self.zone)
            for index, turn in enumerate(turns):
                where = f"{excerpt(key)}, session {session}, turn {index + 1}"
                at = begin + timedelta(seconds=index) if begin else None
                yield self._turn(turn, where, counter, key, title, session, at, date_time)

    def _turn(
        self,
        turn: Any,
        where: str,
        counter: Counter,
        key: str,
        title: str | None,
        session: str,
        at: datetime | None,
        date_time: str | None,
    ) -> Record:
        file = self.file
        if not isinstance(turn, dict) or not isinstance(turn.get("text", ""), str):
            return counter.broken(file, f"{where}: not a turn with a text", shown(turn))
        caption = turn.get("image_caption") or turn.get("blip_caption")
        text = turn.get("text", "")
        if caption:
            text = f"{text} [image: {caption}]".strip()
        if problem := text_problem(text) or character_problem(turn, "the turn"):
            return counter.broken(file, f"{where}: {problem}", excerpt(text))
        dia_id = excerpt(str(turn.get("dia_id") or "")) or f"{session}:{where.rsplit(' ', 1)[1]}"
        taken = {"text", "speaker", "dia_id", "image_caption", "blip_caption"}
        metadata: dict[str, Any] = {"dia_id": dia_id, **{k: v for k, v in turn.items() if k not in taken}}
        if caption:
            metadata["image_caption"] = caption
        if date_time and at is None:
            metadata["date_time"] = date_time
        return Utterance(
            text=text,
            at=at,
            speaker=str(turn["speaker"]) if turn.get("speaker") else None,
            role="user",
            conversation=key,
            conversation_title=title,
            session=f"session {session}",
            source=self.format,
            source_id=f"{key}:{dia_id}",
            position=counter.next(file, f"{key}:{dia_id}:{text}"),
            metadata=metadata,
        )


def _sessions(sample: dict[str, Any]) -> Iterator[tuple[str, str | None, list[Any]]]:
    """Yield each session's number, date and turns, in the order of the numbers."""
    listed = sample.get("sessions")
    if isinstance(listed, list):
        for index, session in enumerate(listed):
            if isinstance(session, dict) and isinstance(session.get("turns"), list):
                label = shown(session.get("session", index + 1))
                yield label, _date_time(session.get("date_time")), session["turns"]
        return
    talk = sample.get("conversation")
    if not isinstance(talk, dict):
        return
    numbers = [key.removeprefix("session_") for key in talk if key.startswith("session_")]
    for number in sorted((n for n in numbers if n.isdecimal() and len(n) < 10), key=int):
        turns = talk[f"session_{number}"]
        if isinstance(turns, list):
            yield number, _date_time(talk.get(f"session_{number}_date_time")), turns


def _beside(sample: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the keys of a sample, and of its sessions, that are neither read nor empty, each with what it is of."""
    yield from ((name, "sample") for name in sample.keys() - _READ)
    listed, talk = sample.get("sessions"), sample.get("conversation")
    if isinstance(listed, list):
        sessions = (session for session in listed if isinstance(session, dict))
        yield from (
            (name, "session")
            for session in sessions
            for name, value in session.items()
            if name not in _SESSION and value
        )
        if talk:
            yield "conversation", "sample with `sessions`"
        return
    for name, value in talk.items() if isinstance(talk, dict) else ():
        if not _TURNS.fullmatch(name) and name not in ("speaker_a", "speaker_b") and value:
            yield name, "conversation"


def _date_time(value: object) -> str | None:
    """Return a session's date as it is written: each of its turns carries it."""
    return excerpt(value) if isinstance(value, str) else None


def _begin(date_time: str | None, zone: tzinfo) -> datetime | None:
    try:
        begin = parse_locomo(date_time, zone) if date_time else None
    except ValueError:
        # The words are worth more than their date: the turns are read without a time, the date kept as it is.
        return None
    # The last seconds of the last year leave no room for the turns.
    return begin if begin is None or begin.year < MAXYEAR else None


def _title(sample: dict[str, Any]) -> str | None:
    talk = sample.get("conversation")
    names = sample.get("speakers") or (
        [talk.get("speaker_a"), talk.get("speaker_b")] if isinstance(talk, dict) else None
    )
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return excerpt(" and ".join(names[:20]), 200)
