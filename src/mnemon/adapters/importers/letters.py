"""One mail as what was said: its own words, who wrote them when, and the thread it belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from email.errors import MessageError
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from typing import Any

from mnemon.adapters.importers.dates import as_utc
from mnemon.adapters.importers.mail import attachments, beside, body, decoded, header, own_words, parsed, raw_header
from mnemon.adapters.importers.records import Position, Utterance, excerpt
from mnemon.adapters.importers.talk import SHAPELESS
from mnemon.core.ids import digest

_MAX_ADDRESS = 2000  # characters of one: parseaddr takes more than their number
_ID = re.compile(r"<([^<>\s]+)>")
#: Headers that people write or read, by the names that metadata has for them.
_HEADERS = {
    "to": "To",
    "cc": "Cc",
    "bcc": "Bcc",
    "reply_to": "Reply-To",
    "sender": "Sender",
    "organization": "Organization",
    "list_id": "List-Id",
    "keywords": "Keywords",
    "comments": "Comments",
    "labels": "X-Gmail-Labels",
}
_READ = {name.casefold() for name in _HEADERS.values()} | {
    "from", "date", "subject", "message-id", "references", "in-reply-to", "received", "mime-version", "content-type",
    "content-transfer-encoding", "content-disposition", "resent-date", "delivery-date",
}  # fmt: skip
# "+0000" would say that it is the sender's zone; "-0000" that it is UTC's, and that the sender's is not told.
_UNTOLD = re.compile(r"-0000\b")
_SENT_SO = re.compile(r"[A-Z][a-z]{2} +\d{1,2} +[\d:]{5,8}(?: +[A-Z]{1,5})? +\d{4}")


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail, taken apart."""

    id: str
    thread: str
    subject: str | None
    speaker: str | None
    at: datetime | None
    metadata: dict[str, Any]
    text: str

    def utterances(
        self, source: str, more: dict[str, Any], position: Callable[[int, str, str], Position]
    ) -> Iterator[Utterance]:
        """Yield the mail as what its writer says; nothing if that is nothing.

        Args:
            source: the name of the format.
            more: what else to keep as metadata.
            position: where it is, by its number from 1, its source id and its text.
        """
        text = own_words(self.text).strip()
        if text:
            yield Utterance(
                text=text,
                at=self.at,
                speaker=self.speaker,
                role="user",
                conversation=self.thread,
                conversation_title=self.subject,
                session=None,
                source=source,
                source_id=self.id,
                position=position(1, self.id, text),
                metadata={**self.metadata, "original_length": len(self.text), **more},
            )


class NoLetter(Exception):  # noqa: N818 - a signal between importers, never raised to a caller
    """Why something is no mail."""


def letter_of(content: bytes, leave_out: Callable[..., None], zone: tzinfo, envelope: str = "") -> Letter:
    """Take a mail apart.

    Args:
        content: the mail, from its first header on.
        leave_out: takes the reasons for what is left out.
        zone: the zone of a date that names none.
        envelope: the line before it in an mbox, which has a date.

    Raises:
        NoLetter: it is none; or it has no text, and then the words end with what it has none of.
    """
    try:
        message = parsed(content)
        text = body(message)
        letter = _letter(message, content, text, zone, envelope)
    except (*SHAPELESS, AssertionError, MessageError) as error:
        raise NoLetter(f"a message that is not in the form of mail: {excerpt(repr(error))}") from error
    if not text:
        raise NoLetter(f"the message {excerpt(letter.subject or letter.id)!r} has no text")
    for reason, count in beside(message).items():
        leave_out(reason, count)
    if len(own_words(text)) < len(text):
        leave_out("quoted mails and signatures")
    if others := sum(name.casefold() not in _READ for name in message.keys()):  # noqa: SIM118 - a header may come twice
        leave_out("headers of a mail beside those of people", others)
    return letter


def _letter(message: Message, content: bytes, text: str, zone: tzinfo, envelope: str) -> Letter:
    ids = _ID.findall(header(message, "Message-ID") or "")
    # The blank lines at the end are the mbox's: a message has them only when another follows.
    identity = ids[0] if ids else digest(content.rstrip().decode("latin-1"))
    references = _ID.findall(header(message, "References") or "")
    parents = references or _ID.findall(header(message, "In-Reply-To") or "")
    # Taken apart before it is decoded: the name may have a comma in it.
    name, address = parseaddr((raw_header(message, "From") or "")[:_MAX_ADDRESS])
    subject = header(message, "Subject")
    at, raw = _sent(message, zone, envelope)
    values = {
        "subject": subject,
        "from": decoded(address),
        "attachments": attachments(message),
        "date": raw,
        **{key: header(message, name) for key, name in _HEADERS.items()},
    }
    metadata: dict[str, Any] = {"message_id": identity} | {key: value for key, value in values.items() if value}
    if parents:
        metadata["in_reply_to"] = parents[-1]
        if len(parents) > 1:
            metadata["references"] = parents[:100]
    return Letter(
        id=identity,
        thread=parents[0] if parents else identity,
        subject=_plain_subject(subject),
        speaker=decoded(name) or decoded(address),
        at=at,
        metadata=metadata,
        text=text,
    )


def _sent(message: Message, zone: tzinfo, envelope: str) -> tuple[datetime | None, str | None]:
    """Return when a mail was sent, by the first date that can be read, and its own date where that cannot be."""
    own = header(message, "Date")
    if (at := _date(own, zone)) is not None:
        return at, None
    received = [str(value).rpartition(";")[2] for value in message.get_all("Received", [])[:20]]
    stamped = _SENT_SO.search(envelope)
    for value in (header(message, "Resent-Date"), header(message, "Delivery-Date"), *reversed(received)):
        if (at := _date(value, zone)) is not None:
            return at, own
    # What stands before a mail in an mbox is in UTC (RFC 4155).
    return _date(stamped[0], UTC) if stamped else None, own


def _date(value: str | None, zone: tzinfo) -> datetime | None:
    if not value:
        return None
    try:
        read = parsedate_to_datetime(value.strip())
        return as_utc(read, UTC if _UNTOLD.search(value) else zone)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _plain_subject(subject: str | None) -> str | None:
    return re.sub(r"^((re|aw|fwd?|wg|sv|tr)\s*:\s*)+", "", subject, flags=re.I) or subject if subject else None
