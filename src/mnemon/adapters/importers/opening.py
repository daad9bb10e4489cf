"""From a path to an import in its format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mnemon.adapters.importers.base import Import
from mnemon.adapters.importers.chatgpt import ChatGpt
from mnemon.adapters.importers.claude import Claude
from mnemon.adapters.importers.detect import FORMATS, detect
from mnemon.adapters.importers.jsonl import JsonLines
from mnemon.adapters.importers.locomo import Locomo
from mnemon.adapters.importers.mbox import Mbox
from mnemon.adapters.importers.records import Position
from mnemon.adapters.importers.slack import Slack
from mnemon.core.errors import Invalid

_IMPORTS: dict[str, type[Import]] = {kind.format: kind for kind in (JsonLines, Locomo, ChatGpt, Claude, Mbox, Slack)}


def open_import(
    path: Path,
    *,
    format: str | None = None,  # noqa: A002 - the word that doors and users use for it
    conversation: str | None = None,
    start: Position | None = None,
    columns: Mapping[str, str] | None = None,
) -> Import:
    """Open a file, or ``Path("-")`` for standard input, to read what was said in it.

    Args:
        path: the file; for ``slack`` also the directory of an unpacked export.
        format: one of :data:`FORMATS`; found out from the file when left out.
        conversation: for ``jsonl``: the conversation of records that name none, instead of the file's stem.
        start: the position of the last record that was stored; reading goes on after it.
        columns: for ``jsonl``: which key holds ``text``, ``at``, ``speaker``, ``role``, ``conversation``,
            ``session``, ``id``, ``tags`` or ``metadata``, where it is none of the usual ones.

    Raises:
        NotFound: nothing is there.
        Invalid: it cannot be read as that format, or as any; or an option has no meaning for it.
    """
    name = format or detect(path)
    kind = _IMPORTS.get(name)
    if kind is None:
        raise Invalid(
            f"`{name}` is not a format. The formats are {', '.join(FORMATS)}.",
            code="invalid.import.format",
            hint="Leave the format out to have it found out from the file.",
            field="format",
            formats=list(FORMATS),
        )
    return kind(path, start=start, conversation=conversation, columns=columns)
