"""What was written in a mail: its own words, without markup, quotation and signature."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.feedparser import BytesFeedParser
from email.header import decode_header, make_header
from email.message import Message

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.charsets import in_characters, is_charset

_BLOCKS = {"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "table", "ul", "ol", "hr"}
_SILENT = {"script", "style", "head", "title"}
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
# Quotes count where a value begins; elsewhere in a tag they are letters like any other.
_ENDING = re.compile(r""">|=\s*["']""")
_RAW = {name: re.compile(rf"</{name}\b", re.I) for name in ("script", "style")}
_SPACES = re.compile(r"[ \t\r\f\v\xa0]+")
_BLANKS = re.compile(r"\n[ \t]*\n[ \t\n]*")
# "On 3 May 2024 at 10:11, Somebody <s@example.org> wrote:", also over two lines, also in German and French.
_ATTRIBUTION = re.compile(
    r"^[ \t]*(?:On|Am|Le)\b[^\n]{3,200}(?:\n[^\n>]{0,200})?(?:wrote|schrieb|a écrit)[^\n]{0,80}:[ \t]*$", re.M
)
_ORIGINAL = re.compile(
    r"^[ \t]*-{2,} ?(?:Original Message|Ursprüngliche Nachricht|Message d'origine) ?-{2,}", re.M | re.I
)
_MAX_ATTRIBUTION = 600
_MAX_SIGNATURE = 12
# A text of 50,000 characters has far less markup than this.
_MAX_HTML = 1024 * 1024
_SHORT = {"content-type": 1000, "content-disposition": 1000}


def parsed(content: bytes) -> Message:
    """Return a mail, taken apart.

    Raises:
        ValueError: it has more parts, or is nested more deeply, than any mail.
    """
    parser = _Parser(_factory=_Mail)
    parser.feed(content)
    return parser.close()


class _Mail(Message):
    """A part of a mail, of whose headers no more is kept than is read of them."""

    _count = 0

    def set_raw(self, name: str, value: str) -> None:
        """Keep a header as the parser gives it."""
        self._count += 1
        if self._count <= limits.MAX_MAIL_HEADERS:
            longest = _SHORT.get(name.lower(), limits.MAX_MAIL_HEADER)
            super().set_raw(name[:100], value[:longest])


class _Parser(BytesFeedParser):
    """The parser of the standard library, which stops at the limits."""

    _parts = 0

    def _new_message(self) -> None:
        super()._new_message()  # type: ignore[misc]
        self._parts += 1
        if self._parts > limits.MAX_MAIL_PARTS:
            raise ValueError(f"it has more than {limits.MAX_MAIL_PARTS} parts")
        if len(self._msgstack) > limits.MAX_MAIL_DEPTH:  # type: ignore[attr-defined]
            raise ValueError(f"its parts are nested more than {limits.MAX_MAIL_DEPTH} deep")


def header(message: Message, name: str) -> str | None:
    """Return a header's decoded text on one line, or None."""
    raw = raw_header(message, name)
    return None if raw is None else decoded(raw)


def raw_header(message: Message, name: str) -> str | None:
    """Return a header as it stands; its bytes that are no ASCII as half surrogates."""
    wanted = name.casefold()
    return next((str(value) for key, value in message.raw_items() if key.casefold() == wanted), None)


def decoded(raw: str) -> str | None:
    """Return a header's text on one line, with its encoded words (``=?utf-8?q?…?=``) decoded; None when it is empty."""
    raw = raw[: limits.MAX_MAIL_HEADER]
    if not raw.isascii():
        # Bytes without an encoding, which a header should not have: what they are likely to be.
        raw = in_characters(raw.encode("utf-8", "surrogateescape"))
    if "=?" not in raw:
        return " ".join(_storable(raw).split()) or None
    try:
        words = decode_header(raw)
        if all(isinstance(word, str) or charset is None or is_charset(charset) for word, charset in words):
            text = str(make_header(words))
        else:
            text = " ".join(word if isinstance(word, str) else in_characters(word, name) for word, name in words)
    except (LookupError, ValueError, HeaderParseError, AssertionError):
        text = "".join(word if isinstance(word, str) else in_characters(word, name) for word, name in _words(raw))
    return " ".join(_storable(text).split()) or None


def _words(raw: str) -> list[tuple[str | bytes, str | None]]:
    try:
        return list(decode_header(raw))
    except (LookupError, ValueError, HeaderParseError, AssertionError):
        return [(raw, None)]


def beside(message: Message) -> dict[str, int]:
    """Return how many parts of a mail are not read, by reason: files, and pages beside the plain text."""
    plain = html_parts = files = 0
    for part in message.walk():
        if part.is_multipart():
            continue
        if part.get_content_disposition() == "attachment" or part.get_content_maintype() != "text":
            files += 1
        elif part.get_content_type() == "text/html":
            html_parts += 1
        else:
            plain += bool(str(part.get_payload(decode=True) or "").strip())
    matches = {
        "attached files, beside their names": files,
        "HTML beside the plain text of a mail": html_parts if plain else 0,
    }
    return {reason: count for reason, count in matches.items() if count}


def body(message: Message) -> str:
    """Return the text of a mail: its plain text parts, or else its HTML parts as text."""
    plain_parts, html_parts = [], []
    for part in _inline(message):
        if part.get_content_type() == "text/html":
            html_parts.append(from_html(_decoded(part)[:_MAX_HTML]))
        elif part.get_content_maintype() == "text":
            plain_parts.append(_decoded(part))
    texts = [text for text in plain_parts if text.strip()] or html_parts
    return _storable("\n\n".join(texts)).replace("\r\n", "\n").strip()


def attachments(message: Message) -> list[str]:
    """Return the names of the attached files."""
    return [_storable(name) for part in message.walk() if (name := part.get_filename())]


def own_words(text: str) -> str:
    """Return the text without the mail it answers and without the signature; as it is where nothing else would be left.

    Light: only what stands at the end is taken away, so that an answer between quoted lines stays readable.
    """
    own = text
    if match := _ORIGINAL.search(own):
        own = own[: match.start()]
    own = _without_signature(own)
    own = _without_trailing_quote(own)
    own = _without_signature(own)
    return own.strip() or text.strip()


def from_html(markup: str) -> str:
    """Return the text of an HTML document."""
    lines = (_SPACES.sub(" ", line).strip() for line in "".join(_pieces(markup)).split("\n"))
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip()


def _pieces(markup: str) -> Iterator[str]:
    """Yield what a reader of the page would see, piece by piece.

    Every character is looked at a fixed number of times, whatever the markup: html.parser takes the square of its
    length for what is no HTML.
    """
    at, silent = 0, 0
    while (begin := markup.find("<", at)) >= 0:
        if not silent:
            yield _seen(markup[at:begin])
        tag = _TAG.match(markup, begin)
        if tag is None:
            if markup[begin + 1 : begin + 2] not in ("!", "?", "/"):
                # No tag but a sign: "a < b".
                if not silent:
                    yield "<"
                at = begin + 1
                continue
            closing = "-->" if markup.startswith("<!--", begin) else ">"
            end = markup.find(closing, begin)
            if end < 0:
                return  # it never ends, and all that follows is in it
            at = end + len(closing)
            continue
        end = _tag_end(markup, tag.end())
        if end < 0:
            return
        at, name, ends = end, tag[2].lower(), bool(tag[1])
        if name in _SILENT:
            silent = max(0, silent - 1) if ends else silent + 1
            if not ends and name in _RAW:
                closed = _RAW[name].search(markup, at)
                if closed is None:
                    return
                at = closed.start()
        elif name in _BLOCKS and not silent:
            yield _border(name, ends=ends)
    if not silent:
        yield _seen(markup[at:])


def _tag_end(markup: str, at: int) -> int:
    """Return where a tag ends, of which the name is passed; a bracket in quotes is no end. -1 where it has none."""
    while (found := _ENDING.search(markup, at)) is not None:
        if found[0] == ">":
            return found.end()
        closing = markup.find(found[0][-1], found.end())
        if closing < 0:
            return -1
        at = closing + 1
    return -1


def _border(name: str, *, ends: bool) -> str:
    if ends:
        return "" if name == "br" else "\n"
    return ("\n\n" if name == "p" else "\n") + ("- " if name == "li" else "")


def _seen(text: str) -> str:
    return html.unescape(text).replace("\n", " ")


def _inline(message: Message) -> Iterator[Message]:
    for part in message.walk():
        if not part.is_multipart() and part.get_content_disposition() != "attachment":
            yield part


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return in_characters(payload, part.get_content_charset()) if isinstance(payload, bytes) else ""


def _storable(text: str) -> str:
    """Remove NUL and lone surrogates, which in a mail are damage from its encoding and mean nothing."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _without_signature(text: str) -> str:
    mark = max((end for line in ("--", "-- ") if (end := _last_line(text, line)) >= 0), default=-1)
    # A line of two dashes far from the end is a writer's rule, not a signature.
    return text[:mark] if mark >= 0 and text.count("\n", mark + 2) <= _MAX_SIGNATURE else text


def _last_line(text: str, line: str) -> int:
    """Return where the last line begins that is exactly this; -1 where there is none."""
    if text.endswith("\n" + line) or text == line:
        return len(text) - len(line)
    found = text.rfind(f"\n{line}\n")
    return found + 1 if found >= 0 else 0 if text.startswith(f"{line}\n") else -1


def _without_trailing_quote(text: str) -> str:
    lines = text.rstrip().split("\n")
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith(">")):
        end -= 1
    if end == len(lines):
        return text
    before_quote = "\n".join(lines[:end]).rstrip()
    # It has two lines of two hundred characters: further back it need not be looked for.
    begin = max(0, len(before_quote) - _MAX_ATTRIBUTION)
    begin = before_quote.rfind("\n", 0, begin) + 1 if begin else 0
    if len(before_quote) - begin > 2 * _MAX_ATTRIBUTION:
        return before_quote  # a line this long is none
    matches = list(_ATTRIBUTION.finditer(before_quote, begin))
    if matches and matches[-1].end() == len(before_quote):
        before_quote = before_quote[: matches[-1].start()]
    return before_quote
