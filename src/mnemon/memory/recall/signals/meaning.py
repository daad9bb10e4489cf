"""How close a row is to the question in meaning."""

from __future__ import annotations

from mnemon.memory.recall.signals.signal import MatchSignal

SIGNALS = (
    MatchSignal(
        name="meaning",
        weight=1.0,
        about="meaning",
        says="close in meaning",
        measures="cosine of the question (without names) and the row",
        measure=lambda evidence: evidence.column("cosine"),
        columns=("cosine",),
        bounds=(-1.0, 1.0),
    ),
)
