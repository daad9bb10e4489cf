"""WebVTT: the transcript of a call, a cue each, with its place in the recording."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.talk import Said, Talk, Unreadable
from mnemon.core.ids import digest

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{2})[.,](\d{3})"
_TIMING = re.compile(rf"\s*{_TIME}\s+-->\s+{_TIME}(?:\s.*)?")
_VOICE = re.compile(r"<v(?:\.[^\s>]{1,50})?\s+([^>]{1,200})>")
_TAG = re.compile(r"</?[a-z][^<>]{0,200}>|<\d[\d:.]{0,20}>")
_NAME = re.compile(r"(\S[^:<>]{0,60}?):\s+(\S.*)", re.S)
# Zoom's recordings say in their names when they began.
_BEGAN = re.compile(r"GMT(\d{8})-(\d{6})")
_BLOCKS = {"NOTE": "notes of a transcript", "STYLE": "styles of a transcript", "REGION": "regions of a transcript"}


class WebVtt(Talk):
    """A transcript: each cue is said by the voice that it names, or by the name before a colon."""

    format: ClassVar[str] = "webvtt"
    title: ClassVar[str] = "WebVTT"
    description: ClassVar[str] = "A transcript of a call or a film, as Zoom, Teams and players write it."
    suffixes: ClassVar[tuple[str, ...]] = (".vtt",)
    needs: ClassVar[str] = "a first line `WEBVTT`, and cues with `00:00:01.000 --> 00:00:04.000`"
    options: ClassVar[frozenset[str]] = frozenset({"conversation"})

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise the first line."""
        first = sample.text.split("\n", 1)[0].rstrip("\r")
        if first == "WEBVTT" or first.startswith(("WEBVTT ", "WEBVTT\t")):
            return Certainty.CERTAIN
        return super().recognises(sample)

    def messages(self) -> Iterator[Said | Unreadable]:
        """Yield the cues."""
        conversation = self.conversation or self.stem
        began = _began(self.stem)
        block: list[tuple[int, str]] = []
        for number, line in self.lines():
            if line.strip() and len(block) < 2_000:
                block.append((number, line))
                continue
            yield from self._block(block, conversation, began)
            block = []
        yield from self._block(block, conversation, began)

    def _block(
        self, block: list[tuple[int, str]], conversation: str, began: datetime | None
    ) -> Iterator[Said | Unreadable]:
        if not block:
            return
        number, first = block[0]
        if number == 1 and first.startswith("WEBVTT"):
            if len(block) > 1 or len(first.strip()) > len("WEBVTT"):
                self.leave_out("the head of a transcript")
            return
        if (word := first.split(None, 1)[0]) in _BLOCKS:
            self.leave_out(_BLOCKS[word])
            return
        at = next((n for n, (_, line) in enumerate(block[:2]) if _TIMING.fullmatch(line)), None)
        if at is None:
            yield Unreadable(f"line {number}: no cue with a time", first[:80], number)
            return
        match = _TIMING.fullmatch(block[at][1])
        if match is None:
            return
        start, end = _offset(match.groups()[:4]), _offset(match.groups()[4:])
        speaker, text = _words("\n".join(line for _, line in block[at + 1 :]))
        metadata = {"start": str(start), "end": str(end)} | ({"cue": block[0][1].strip()[:200]} if at else {})
        yield Said(
            id=digest(conversation, str(start), speaker or "", text),
            text=text,
            conversation=conversation,
            at=_at(began, start),
            speaker=speaker,
            line=block[at][0],
            metadata=metadata,
        )


def _words(text: str) -> tuple[str | None, str]:
    """Return who says a cue, and what."""
    voice = _VOICE.search(text)
    plain = html.unescape(_TAG.sub("", text)).strip()
    if voice:
        return html.unescape(voice[1]).strip() or None, plain
    named = _NAME.fullmatch(plain)
    return (named[1].strip(), named[2].strip()) if named else (None, plain)


def _offset(parts: tuple[str, ...]) -> timedelta:
    hours, minutes, seconds, thousandths = (int(part or 0) for part in parts)
    return timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=thousandths)


def _began(stem: str) -> datetime | None:
    match = _BEGAN.search(stem)
    try:
        return datetime.strptime("".join(match.groups()), "%Y%m%d%H%M%S").replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def _at(began: datetime | None, start: timedelta) -> datetime | None:
    try:
        return began + start if began else None
    except OverflowError:
        return None
