"""The verbs of memory."""

from mnemon.memory.service.access import AccessCounter
from mnemon.memory.service.change import forget, update
from mnemon.memory.service.maintain import maintain
from mnemon.memory.service.read import get, history, list_items
from mnemon.memory.service.remember import Prepared, prepare, remember, write
from mnemon.memory.service.searching import recall, search

__all__ = [
    "AccessCounter",
    "Prepared",
    "forget",
    "get",
    "history",
    "list_items",
    "maintain",
    "prepare",
    "recall",
    "remember",
    "search",
    "update",
    "write",
]
