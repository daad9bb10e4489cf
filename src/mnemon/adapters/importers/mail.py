"""What was written in a mail: its own words, without markup, quotation and signature."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from html.parser import HTMLParser

_BLOCKS = {"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "table", "ul", "ol", "hr"}
_SILENT = {"script", "style", "head", "title"}
_SPACES = re.compile(r"[ \t\r\f\v\xa0]+")
_BLANKS = re.compile(r"\n[ \t]*\n[ \t\n]*")
# "On 3 May 2024 at 10:11, Somebody <s@example.org> wrote:", also over two lines, also in German and French.
_ATTRIBUTION = re.compile(
    r"^[ \t]*(?:On|Am|Le)\b[^\n]{3,200}(?:\n[^\n>]{0,200})?(?:wrote|schrieb|a écrit)[^\n]{0,80}:[ \t]*$", re.M
)
_ORIGINAL = re.compile(
    r"^[ \t]*-{2,} ?(?:Original Message|Ursprüngliche Nachricht|Message d'origine) ?-{2,}", re.M | re.I
)
_SIGNATURE = re.compile(r"^-- ?$", re.M)
_MAX_SIGNATURE = 12
# A text of 50,000 characters has far less markup than this, and html.parser is slow on what is not HTML.
_MAX_HTML = 1024 * 1024


def header(message: Message, name: str) -> str | None:
    """A header's decoded text on one line, or None."""
    raw = message.get(name)
    return None if raw is None else decoded(str(raw))


def decoded(raw: str) -> str | None:
    """A header's text on one line, with its encoded words (``=?utf-8?q?…?=``) decoded; None when it is empty."""
    try:
        text = str(make_header(decode_header(raw)))
    except (LookupError, ValueError, HeaderParseError):
        # An encoding nobody knows, or bytes that are not in it: as it stands is better than nothing.
        text = raw
    return " ".join(_storable(text).split()) or None


def body(message: Message) -> str:
    """The text of a mail: its plain text parts, or else its HTML parts as text."""
    plain_parts, html_parts = [], []
    for part in _inline(message):
        if part.get_content_type() == "text/html":
            html_parts.append(from_html(_decoded(part)[:_MAX_HTML]))
        elif part.get_content_maintype() == "text":
            plain_parts.append(_decoded(part))
    texts = [text for text in plain_parts if text.strip()] or html_parts
    return _storable("\n\n".join(texts)).replace("\r\n", "\n").strip()


def attachments(message: Message) -> list[str]:
    """The names of the attached files."""
    return [_storable(name) for part in message.walk() if (name := part.get_filename())]


def own_words(text: str) -> str:
    """The text without the mail it answers and without the signature; as it is where nothing else would be left.

    Light: only what stands at the end is taken away, so that an answer between quoted lines stays readable.
    """
    kept = text
    if match := _ORIGINAL.search(kept):
        kept = kept[: match.start()]
    kept = _without_signature(kept)
    kept = _without_trailing_quote(kept)
    kept = _without_signature(kept)
    return kept.strip() or text.strip()


def from_html(markup: str) -> str:
    """The text of an HTML document."""
    reader = _Text()
    reader.feed(markup)
    reader.close()
    lines = (_SPACES.sub(" ", line).strip() for line in "".join(reader.pieces).split("\n"))
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip()


class _Text(HTMLParser):
    """Collects what a reader of the page would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag in _BLOCKS:
            self.pieces.append("\n\n" if tag == "p" else "\n")
            if tag == "li":
                self.pieces.append("- ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCKS and tag != "br":
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(data.replace("\n", " "))


def _inline(message: Message) -> Iterator[Message]:
    for part in message.walk():
        if not part.is_multipart() and part.get_content_disposition() != "attachment":
            yield part


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return payload.decode("utf-8", "replace")


def _storable(text: str) -> str:
    """Without NUL and lone surrogates, which in a mail are damage from its encoding and mean nothing."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _without_signature(text: str) -> str:
    marks = list(_SIGNATURE.finditer(text))
    # A line of two dashes far from the end is a writer's rule, not a signature.
    if marks and text[marks[-1].end() :].count("\n") <= _MAX_SIGNATURE:
        return text[: marks[-1].start()]
    return text


def _without_trailing_quote(text: str) -> str:
    lines = text.rstrip().split("\n")
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith(">")):
        end -= 1
    if end == len(lines):
        return text
    kept = "\n".join(lines[:end]).rstrip()
    matches = list(_ATTRIBUTION.finditer(kept))
    if matches and matches[-1].end() == len(kept):
        kept = kept[: matches[-1].start()]
    return kept
