"""Importers: conversations kept elsewhere, read as a stream of utterances.

Parsers only: they know no database and no network. :func:`open_import` finds out the format and yields
:class:`Utterance` and :class:`Broken` in flat memory; reading the same file twice, or a longer later export of it,
gives the same ``source_id`` for the same utterance.
"""

from mnemon.adapters.importers.base import Import
from mnemon.adapters.importers.detect import FORMATS, detect
from mnemon.adapters.importers.opening import open_import
from mnemon.adapters.importers.records import (
    MAX_TEXT,
    Anchor,
    Broken,
    Position,
    Record,
    Role,
    Utterance,
)

__all__ = [
    "FORMATS",
    "MAX_TEXT",
    "Anchor",
    "Broken",
    "Import",
    "Position",
    "Record",
    "Role",
    "Utterance",
    "detect",
    "open_import",
]
