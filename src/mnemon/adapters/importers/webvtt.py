"""WebVTT: the transcript of a call, a cue each, with its place in the recording."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.talk import Said, Talk, Unreadable
from mnemon.adapters.importers.texts import Gathered
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
        block = _Block([])
        for number, line in self.lines():
            if not line.strip():
                yield from self._block(block, conversation, began)
                block = _Block([])
                continue
            if block.size + len(line) >= limits.MAX_MESSAGE_TEXT:
                yield from self._block(block, conversation, began)
                block = block.rest()
            block.add(number, line)
        yield from self._block(block, conversation, began)

    def _block(self, block: _Block, conversation: str, began: datetime | None) -> Iterator[Said | Unreadable]:
        if not block.lines:
            return
        number, first = block.lines[0]
        if number == 1 and first.startswith("WEBVTT"):
            if len(block.lines) > 1 or len(first.strip()) > len("WEBVTT"):
                self.leave_out("the head of a transcript")
            return
        if (word := first.split(None, 1)[0]) in _BLOCKS:
            self.leave_out(_BLOCKS[word])
            return
        at = block.timing
        match = _TIMING.fullmatch(block.lines[at][1]) if at is not None else None
        if at is None or match is None:
            yield Unreadable(f"line {number}: no cue with a time", first[:80], number)
            return
        start, end = _offset(match.groups()[:4]), _offset(match.groups()[4:])
        metadata = {"start": str(start), "end": str(end)} | ({"cue": first.strip()[:200]} if at else {})
        for speaker, text in _words(block.words()):
            yield Said(
                id=digest(conversation, str(start), speaker or "", text),
                text=text,
                conversation=conversation,
                at=_at(began, start),
                speaker=speaker,
                line=block.lines[at][0],
                metadata=metadata,
            )


@dataclass(slots=True)
class _Block:
    """What stands between two blank lines."""

    lines: list[tuple[int, str]]
    size: int = 0

    def add(self, number: int, line: str) -> None:
        self.lines.append((number, line))
        self.size += len(line) + 1

    @property
    def timing(self) -> int | None:
        """Which line says when: the first, or the second after a name."""
        return next((n for n, (_, line) in enumerate(self.lines[:2]) if _TIMING.fullmatch(line)), None)

    def words(self) -> str:
        """Return what is said in it."""
        after = self.lines[(self.timing or 0) + 1 :]
        whole = Gathered(*after[0]) if after else Gathered(0, "")
        for number, line in after[1:]:
            whole.add(number, line)
        return whole.text

    def rest(self) -> _Block:
        """Return what goes on after so much text that it is a cue of its own: with the same time and speaker."""
        if self.timing is None:
            return _Block(self.lines[:1] if self.lines and self.lines[0][1].split(None, 1)[0] in _BLOCKS else [])
        *_, (speaker, _) = _words(self.words())
        # The name stands at the beginning of the text: a line of its own is taken off with the blanks.
        voice = [(0, f"<v {html.escape(speaker)}>")] if speaker else []
        return _Block([*self.lines[: self.timing + 1], *voice])


def _words(text: str) -> list[tuple[str | None, str]]:
    """Return who says a cue, and what; several say it where it names several voices."""
    voices = list(_VOICE.finditer(text))
    if not voices:
        plain = _plain(text)
        match = _NAME.fullmatch(plain)
        return [(match[1].strip(), match[2].strip()) if match else (None, plain)]
    before = _plain(text[: voices[0].start()])
    ends = [voice.start() for voice in voices[1:]] + [len(text)]
    spoken = [
        (html.unescape(voice[1]).strip() or None, _plain(text[voice.end() : end]))
        for voice, end in zip(voices, ends, strict=True)
    ]
    if before:
        # What nobody is match for is said with what follows it.
        spoken[0] = (spoken[0][0], f"{before} {spoken[0][1]}".strip())
    return [(name, words) for name, words in spoken if words] or spoken[:1]


def _plain(text: str) -> str:
    return html.unescape(_TAG.sub("", text)).strip()


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
