"""How close a row is to the question in meaning."""

from __future__ import annotations

from mnemon.memory.recall.signals.signal import MatchSignal

SIGNALS = (
    MatchSignal(
        name="meaning",
        weight=0.7,
        about="meaning",
        says="close in meaning",
        measures="cosine of the question (without names) and the row",
        measure=lambda evidence: evidence.column("cosine"),
        columns=("cosine",),
        bounds=(-1.0, 1.0),
    ),
    MatchSignal(
        name="context",
        weight=0.65,
        about="meaning",
        says="in talk that is close in meaning",
        measures="cosine of the question and the row together with two neighbours on each side (weights 0.7 and 0.4)",
        measure=lambda evidence: evidence.column("context"),
        columns=("context",),
        bounds=(-1.0, 1.0),
    ),
)
