"""The verbs of memory."""

from mnemon.memory.service.access import AccessCounter
from mnemon.memory.service.change import forget, update
from mnemon.memory.service.facts import assert_fact, facts_at, history_of, reconstruct, retract_fact
from mnemon.memory.service.maintain import maintain
from mnemon.memory.service.preparing import Prepared, prepare, refuse_long
from mnemon.memory.service.rate import rate
from mnemon.memory.service.read import get, history, list_items, read
from mnemon.memory.service.remember import remember, write
from mnemon.memory.service.searching import recall, search
from mnemon.memory.service.usage import note_use, usage_of

__all__ = [
    "AccessCounter",
    "Prepared",
    "assert_fact",
    "facts_at",
    "forget",
    "get",
    "history",
    "history_of",
    "list_items",
    "maintain",
    "note_use",
    "prepare",
    "rate",
    "read",
    "recall",
    "reconstruct",
    "refuse_long",
    "remember",
    "retract_fact",
    "search",
    "update",
    "usage_of",
    "write",
]
