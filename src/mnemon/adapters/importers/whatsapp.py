"""The chat export of WhatsApp: a text file whose lines are as the telephone's language writes dates."""

from __future__ import annotations

import re
from collections import Counter as Tally
from collections.abc import Iterator
from typing import ClassVar

from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.talk import Said, Talk, Unreadable
from mnemon.adapters.importers.texts import Gathered
from mnemon.adapters.importers.whatsapp_dates import DateOrder, Stamp, stamp_of
from mnemon.adapters.importers.whatsapp_words import (
    DELETED,
    EDITED,
    FILE,
    OMITTED,
    OPEN_COLON,
    SYSTEM,
)
from mnemon.core.ids import digest

_SPEAKER = re.compile(r"(?P<name>[^:\n]{1,100}?)\s?:(?:\s|$)(?P<text>.*)", re.S)


class WhatsApp(Talk):
    """One chat, as Android and iOS export it; the date's order and the clock are decided from the whole file.

    The file is read twice: once for the order of day and month, once for the messages. Media that the export leaves
    out and deleted messages are counted. What WhatsApp says itself has the role ``system``.
    """

    format: ClassVar[str] = "whatsapp"
    title: ClassVar[str] = "WhatsApp"
    description: ClassVar[str] = (
        "The export of a chat, as the text file or the zip file with it; Android's and iOS's lines."
    )
    needs: ClassVar[str] = "lines such as `31.12.23, 23:59 - Rosa: Hello` or `[12/31/23, 11:59:59 PM] Rosa: Hello`"
    options: ClassVar[frozenset[str]] = frozenset({"conversation"})

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise a first line with a stamp, and somebody who says something in one of the lines after it."""
        lines = sample.text.splitlines()[:200]
        stamped = [found for line in lines if (found := stamp_of(line)) is not None]
        if not lines or stamp_of(next((line for line in lines if line.strip()), "")) is None:
            return Certainty.NO
        return Certainty.CERTAIN if any(_SPEAKER.match(rest) for _, rest in stamped) else Certainty.POSSIBLE

    @classmethod
    def likeness(cls, sample: Sample) -> float:
        """Count a line with a stamp somewhere."""
        return 2.0 if any(stamp_of(line) is not None for line in sample.text.splitlines()[:200]) else 0.2

    def messages(self) -> Iterator[Said | Unreadable]:
        """Yield the messages."""
        order = DateOrder()
        speakers: Tally[str] = Tally()
        for _, line in self.lines():
            if (matches := stamp_of(line)) is not None:
                order.note(matches[0])
                if (sayer := _SPEAKER.match(matches[1])) and len(speakers) < 10_000:
                    speakers[sayer["name"]] += 1
        conversation = self.conversation or self.stem
        counts: Tally[str] = Tally()
        last = ""
        for number, stamp, text in self._blocks():
            if stamp is None:
                yield Unreadable(f"line {number}: no date and time, and nothing before it", text[:80], number)
                continue
            if stamp.raw != last:
                counts, last = Tally(), stamp.raw
            spoken = self._said(stamp, text, conversation, speakers, order, number)
            if spoken is None:
                continue
            # What is said twice in one minute is said twice; the date as it is written tells the rest.
            again = f"{spoken.speaker}\n{spoken.text}"
            counts[again] += 1
            spoken.id = digest(conversation, stamp.raw, again, str(counts[again]))
            yield spoken

    def _blocks(self) -> Iterator[tuple[int, Stamp | None, str]]:
        """Yield each message's line, stamp and text, over several lines; one that is too long for one as several."""
        stamp: Stamp | None = None
        block: Gathered | None = None
        for number, line in self.lines():
            matches = stamp_of(line)
            if matches is not None:
                if block:
                    yield block.line, stamp, block.text
                stamp, block = matches[0], Gathered(number, matches[1])
            elif block is None:
                if line.strip():
                    yield number, None, line
            elif block.takes(line):
                block.add(number, line)
            else:
                whole = block.text
                yield block.line, stamp, whole
                sayer = _SPEAKER.match(whole)
                block = Gathered(number, whole[: sayer.start("text")] if sayer else "")
                block.add(number, line)
        if block:
            yield block.line, stamp, block.text

    def _said(
        self, stamp: Stamp, text: str, conversation: str, speakers: Tally[str], order: DateOrder, line: int
    ) -> Said | None:
        sayer = _SPEAKER.match(text)
        if sayer and speakers[sayer["name"]] <= 1 and SYSTEM.search(text) and OPEN_COLON.search(sayer["name"]):
            sayer = None  # "Rosa changed the subject to: …" is said by nobody
        speaker, words = (sayer["name"].strip().lstrip("~").strip(), sayer["text"]) if sayer else (None, text)
        words = words.replace("\u200e", "").strip()
        metadata: dict[str, object] = {}
        if EDITED.search(words):
            words, metadata["edited"] = EDITED.sub("", words).strip(), True
        if sayer and OMITTED.fullmatch(words.split("\n", 1)[0].strip()):
            self.leave_out("media that the export leaves out")
            metadata["media"] = words.split("\n", 1)[0].strip()
            words = words.partition("\n")[2].strip()
            if not words:
                return None
        elif sayer and DELETED.fullmatch(words):
            self.leave_out("messages that were deleted")
            return None
        elif attached := FILE.search(words):
            metadata["attachments"] = [next(entry for entry in attached.groups() if entry)]
        if not words.strip():
            self.leave_out("messages without words")
            return None
        at = order.moment(stamp, self.zone)
        if at is None:
            metadata["date"] = stamp.raw
        return Said(
            id="",
            text=words,
            conversation=conversation,
            title=conversation,
            at=at,
            speaker=speaker,
            role="user" if sayer else "system",
            line=line,
            metadata=metadata,
        )
