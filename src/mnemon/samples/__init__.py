"""Sample data: five weeks of a small invented team and its two agents, to try Mnemon on.

Four colleagues, a stand-in and two agents build tide-powered buoys for a harbour, from late February to early April
2026. Much of what is true at the beginning is not true at the end: the launch date, the supplier, the budget, the
database, who decides and where people live. People, places and firms are invented.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

QUESTIONS: tuple[str, ...] = (
    # 24 April. h-388 replaces h-192 (10 April), which replaced h-005 (27 March).
    "When do the buoys go into the water now, and which dates were given up before?",
    # Postgres: h-031, given up in h-138 for disk space, taken back in h-288 because of what h-284 measured.
    "Which database do the readings go into, and why was it changed twice?",
    # Nordvik Floats: h-211; the first hulls cracked (h-155) because the maker had changed its resin (h-160).
    "Who makes the hulls, and what was wrong with the first ones?",
    # Hazelnuts: h-048, said once.
    "What must not be in a cake for Leila?",
    # Oriane, from 17 March back on 27 April: h-231, h-232; the baby came early (h-220).
    "Who stands in for Desmond, since when, and when is he back?",
    # 71,500 euros: h-181; so Turnstone was dropped (h-185); it was 84,000 (h-005).
    "How much money does the project have, and what did it give up when that was cut?",
    # Aarhus since mid March: h-239, announced in h-096.
    "Where does Tomasz live?",
    # Piet Halloran from 1 April, Agnete Brandt retired: h-400.
    "Who is the contact at the harbour office?",
    # Every fifteen minutes: h-308, because of h-304; it was ten (h-052).
    "How often do the buoys take a reading, and why not more often?",
    # The preservation society refused an antenna on the lighthouse (h-114), so cellular: h-119.
    "Why do the buoys use cellular radio?",
)
"""Questions that the sample answers; beside each, the ids of the utterances that do."""


def harbour() -> Path:
    """Return the sample conversations as a JSON Lines file that the importer reads."""
    return Path(str(files(__name__) / "harbour.jsonl"))
