"""Markdown and plain text: a document in pieces, by its headings and paragraphs, each linked to the one before."""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from mnemon.adapters.importers.export import moment_or_none
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.talk import Said, Talk, Unreadable
from mnemon.core.ids import digest
from mnemon.core.pieces import PIECE

_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)\s*#*\s*")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)\s*")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_FIELD = re.compile(r"([A-Za-z][\w .-]{0,60}):\s*(.*)")
_MAX_FRONT = 500
_TEXTS = (".txt", ".text", ".md", ".markdown", ".mdown", ".mkd")
_MARKDOWN = (".md", ".markdown", ".mdown", ".mkd")


@dataclass(slots=True)
class _Piece:
    line: int
    headings: tuple[str, ...]
    paragraphs: list[str] = field(default_factory=list)
    size: int = 0


class PlainText(Talk):
    """A text in pieces of some paragraphs; a paragraph is never cut, unless it is longer than a message may be."""

    format: ClassVar[str] = "text"
    title: ClassVar[str] = "Plain text"
    description: ClassVar[str] = "A document of plain text, in pieces of some paragraphs; named `.txt` or `.text`."
    needs: ClassVar[str] = "words, in a file whose name ends with `.txt`"
    options: ClassVar[frozenset[str]] = frozenset({"conversation"})
    has_headings: ClassVar[bool] = False

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise words in a file with the name of a text."""
        named = sample.plain_name.endswith((".txt", ".text"))
        return Certainty.POSSIBLE if named and is_prose(sample) else Certainty.NO

    @classmethod
    def likeness(cls, sample: Sample) -> float:
        """Count words as half of it."""
        return 0.6 if is_prose(sample) else 0.0

    def messages(self) -> Iterator[Said | Unreadable]:
        """Yield the pieces."""
        lines = self.lines()
        front, first = self._front(lines)
        fields_known = {key.casefold(): value for key, value in front.items()}
        date = fields_known.get("date") or fields_known.get("created")
        at = moment_or_none(date, self.zone)
        title = str(fields_known.get("title") or "") or None
        conversation = self.conversation or self.stem
        about: dict[str, Any] = {"front_matter": front} if front else {}
        previous, number, counts = None, 0, Tally[str]()
        for piece in self._pieces(lines, first):
            text = "\n\n".join(piece.paragraphs).strip()
            if not text:
                continue
            number += 1
            title = title or (piece.headings[0] if piece.headings else None)
            key = digest(conversation, *piece.headings, text)
            counts[key] += 1
            source_id = f"{conversation[:200]}:{key}" + (f":{counts[key]}" if counts[key] > 1 else "")
            metadata = {"document": title or conversation, "piece": number}
            if piece.headings:
                metadata["heading"] = " > ".join(piece.headings)
            if previous:
                metadata["previous"] = previous
            yield self._said(source_id, text, conversation, title, at, fields_known, piece.line, metadata | about)
            previous, about = source_id, {}

    def _said(
        self,
        source_id: str,
        text: str,
        conversation: str,
        title: str | None,
        at: datetime | None,
        known: dict[str, Any],
        line: int,
        metadata: dict[str, Any],
    ) -> Said:
        tags, author = known.get("tags"), known.get("author")
        words = tuple(str(tag)[:100] for tag in tags if str(tag).strip()) if isinstance(tags, list) else ()
        return Said(
            id=source_id,
            text=text,
            conversation=conversation,
            title=title or conversation,
            at=at,
            speaker=author if isinstance(author, str) and author else None,
            line=line,
            tags=tuple(dict.fromkeys(words))[:100],
            metadata=metadata,
        )

    def _front(self, lines: Iterator[tuple[int, str]]) -> tuple[dict[str, Any], list[tuple[int, str]]]:
        """Return the front matter, and the lines that were looked at and are none."""
        return {}, []

    def _pieces(self, lines: Iterator[tuple[int, str]], first: list[tuple[int, str]]) -> Iterator[_Piece]:
        headings: list[tuple[int, str]] = []
        piece = _Piece(1, ())
        for line, paragraph, level in self._paragraphs(lines, first):
            if level:
                if piece.paragraphs:
                    yield piece
                headings = [entry for entry in headings if entry[0] < level] + [(level, paragraph)]
                # A heading is said with what stands under it; one with nothing under it is a piece of its own.
                piece = _Piece(line, tuple(text for _, text in headings))
                piece.paragraphs.append(paragraph)
                continue
            if piece.paragraphs and piece.size + len(paragraph) > PIECE and piece.size:
                yield piece
                piece = _Piece(line, piece.headings)
            piece.line = piece.line if piece.paragraphs else line
            piece.paragraphs.append(paragraph)
            piece.size += len(paragraph)
        if piece.paragraphs:
            yield piece

    def _paragraphs(
        self, lines: Iterator[tuple[int, str]], first: list[tuple[int, str]]
    ) -> Iterator[tuple[int, str, int]]:
        """Yield each paragraph's line, its text, and its level if it is a heading."""
        begin, block, size, fence = 0, list[str](), 0, ""
        for number, line in _chained(first, lines):
            heading, mark = self._heading(line, block, fence)
            if self.has_headings and (match := _FENCE.match(line)):
                fence = "" if fence and match[1].startswith(fence) else fence or match[1][:3]
            if heading is None and (line.strip() or fence):
                begin = begin or number
                block.append(line)
                size += len(line)
                if size < 40_000:
                    continue
            if block and mark != "under":
                yield begin, "\n".join(block).strip("\n"), 0
            if heading is not None:
                yield number, heading[1], heading[0]
            begin, block, size = 0, [], 0
        if block:
            yield begin, "\n".join(block).strip("\n"), 0

    def _heading(self, line: str, before: list[str], fence: str) -> tuple[tuple[int, str] | None, str]:
        """Return a heading's level and text; and ``under`` for a line that makes the line before it one."""
        if not self.has_headings or fence:
            return None, ""
        if match := _HEADING.fullmatch(line):
            return (len(match[1]), match[2]), ""
        if len(before) == 1 and (match := _UNDERLINE.fullmatch(line)) and len(line.strip()) > 1:
            return (1 if match[1][0] == "=" else 2, before[0].strip()), "under"
        return None, ""


class Markdown(PlainText):
    """A document of Markdown in pieces by its headings, with the front matter on the first."""

    format: ClassVar[str] = "markdown"
    title: ClassVar[str] = "Markdown"
    description: ClassVar[str] = "A document in pieces by its headings and paragraphs, with its front matter."
    needs: ClassVar[str] = "headings or front matter, or a name that ends with `.md`"
    has_headings: ClassVar[bool] = True

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise front matter, headings of more than one level, or the name of a text."""
        if not is_prose(sample):
            return Certainty.NO
        lines = sample.text.splitlines()[:400]
        if lines and lines[0].rstrip() == "---" and "---" in [entry.rstrip() for entry in lines[1:100]]:
            return Certainty.CERTAIN
        # One sign alone begins comments and channels as well; "## " with a text before or after it does not.
        levels = {len(match[1]) for line in lines if (match := _HEADING.fullmatch(line)) and match[2]}
        if len(levels) > 1 and lines and _HEADING.fullmatch(lines[0]):
            return Certainty.CERTAIN
        by_name = sample.plain_name.endswith(_MARKDOWN)
        return Certainty.CERTAIN if by_name else Certainty.NO

    def _front(self, lines: Iterator[tuple[int, str]]) -> tuple[dict[str, Any], list[tuple[int, str]]]:
        """Return the fields between the first two lines of three dashes; lists as lists, all else as it stands."""
        lines_seen = []
        for number, line in lines:
            lines_seen.append((number, line))
            if number == 1 and line.rstrip() != "---":
                return {}, lines_seen
            if number > 1 and line.rstrip() in ("---", "..."):
                return _fields(line for _, line in lines_seen[1:-1]), []
            if number > _MAX_FRONT:
                break
        return {}, lines_seen


def is_prose(sample: Sample) -> bool:
    """Tell whether a file is a text for people: no JSON, no markup of another kind, nothing binary."""
    text = sample.text.lstrip()
    return bool(text) and not text.startswith(("{", "[{", "[\n", "[[", "<?xml", "<!DOCTYPE", "<html", "From ", "%PDF"))


def _fields(lines: Iterator[str]) -> dict[str, Any]:
    matches: dict[str, Any] = {}
    last = ""
    for line in lines:
        if match := _FIELD.fullmatch(line):
            last = match[1].strip()
            matches[last] = _value(match[2].strip())
        elif last and line.strip():
            item = line.strip()
            listed = matches[last] if isinstance(matches[last], list) else [matches[last]] if matches[last] else []
            matches[last] = [*listed, _unquoted(item[2:] if item.startswith("- ") else item)]
    return matches


def _value(text: str) -> str | list[str]:
    if text.startswith("[") and text.endswith("]"):
        return [_unquoted(one.strip()) for one in text[1:-1].split(",") if one.strip()]
    return _unquoted(text)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _chained(first: list[tuple[int, str]], rest: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    yield from first
    yield from rest
