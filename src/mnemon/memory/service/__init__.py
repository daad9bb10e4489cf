"""The verbs of memory."""

from mnemon.memory.service.access import AccessCounter
from mnemon.memory.service.change import forget, update
from mnemon.memory.service.maintain import maintain
from mnemon.memory.service.read import get, history, list_items
from mnemon.memory.service.remember import remember
from mnemon.memory.service.searching import recall, search

__all__ = [
    "AccessCounter",
    "forget",
    "get",
    "history",
    "list_items",
    "maintain",
    "recall",
    "remember",
    "search",
    "update",
]
