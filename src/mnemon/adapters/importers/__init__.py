"""Importers: conversations kept elsewhere, read as a stream of utterances.

Parsers only: they know no database and no network. :func:`open_import` finds out the format and yields
:class:`Utterance` and :class:`Broken` in flat memory; reading the same file twice, or a longer later export of it,
gives the same ``source_id`` for the same utterance.

A format is one class, registered as an entry point of the group ``mnemon.importers``, here or in any other
distribution. What such a class is made with is exported here; docs/importers.md shows how.
"""

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.archive import Tree, open_tree
from mnemon.adapters.importers.base import Counter, Import, Options
from mnemon.adapters.importers.dates import parse_moment
from mnemon.adapters.importers.detect import detect
from mnemon.adapters.importers.export import ConversationsExport, Message
from mnemon.adapters.importers.files import ByteSource
from mnemon.adapters.importers.jsonstream import DamagedJson, MeteredStream, elements
from mnemon.adapters.importers.opening import open_import
from mnemon.adapters.importers.records import (
    MAX_TEXT,
    Anchor,
    Broken,
    Mark,
    Position,
    Record,
    Role,
    Utterance,
    role_of,
)
from mnemon.adapters.importers.registry import Importer, formats, importers
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.wholefile import WholeFile

__all__ = [
    "MAX_TEXT",
    "Anchor",
    "Broken",
    "ByteSource",
    "Certainty",
    "ConversationsExport",
    "Counter",
    "DamagedJson",
    "Import",
    "Importer",
    "Mark",
    "Message",
    "MeteredStream",
    "Options",
    "Position",
    "Record",
    "Role",
    "Sample",
    "Tree",
    "Utterance",
    "WholeFile",
    "detect",
    "elements",
    "formats",
    "importers",
    "limits",
    "open_import",
    "open_tree",
    "parse_moment",
    "role_of",
]
