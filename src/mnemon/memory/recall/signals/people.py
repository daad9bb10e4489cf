"""Who is named in the question, and what they have to do with the row."""

from __future__ import annotations

from mnemon.memory.recall.signals.signal import MatchSignal

SIGNALS = (
    MatchSignal(
        name="speaker",
        weight=0.3,
        about="people",
        says="said by who is named",
        measures="exactly one participant is named, and said it (or the memory mentions them)",
        measure=lambda evidence: evidence.people.speaks,
        columns=("spoke", "present", "own"),
    ),
    MatchSignal(
        name="present",
        weight=0.5,
        about="people",
        says="who is named took part",
        measures="somebody named spoke in the session",
        measure=lambda evidence: evidence.people.is_there,
        columns=("spoke", "present", "own"),
    ),
)
