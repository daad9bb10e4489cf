"""Google's activity as a page (``MyActivity.html``): each entry with the keys that the same has as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from html import unescape
from html.parser import HTMLParser
from typing import Any

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.dates import as_utc
from mnemon.adapters.importers.jsonstream import DamagedJson
from mnemon.adapters.importers.mail import from_html

_HEADER = re.compile(r"""class=["'][^"'>]{0,200}\bheader-cell\b[^>]{0,200}>\s*(?:<p[^>]{0,200}>)?([^<]{0,200})""", re.I)
#: With the first of these the answer begins, if no date comes before it.
_BLOCKS = frozenset("p div ul ol table pre h1 h2 h3 h4 h5 h6 blockquote".split())
_TIME = (
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})[:.](?P<second>\d{2})\s*"
    r"(?P<half>[AaPp]\.?\s?[Mm]\.?)?\s*(?P<zone>\S.{0,30})?"
)
_WORD = r"(?P<month>[^\W\d]{3,20})\.?"
_DATES = tuple(
    re.compile(rf"{day},?\s+(?:at\s+|um\s+|à\s+|kl\.?\s+)?{_TIME}")
    for day in (
        rf"{_WORD}\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}})",
        rf"(?P<day>\d{{1,2}})\.?\s+(?:de\s+)?{_WORD}\s+(?:de\s+)?(?P<year>\d{{4}})",
        r"(?P<year>\d{4})[-/.]\s?(?P<number>\d{1,2})[-/.]\s?(?P<day>\d{1,2})\.?",
        r"(?P<day>\d{1,2})[./-](?P<number>\d{1,2})[./-](?P<year>\d{4})",
    )
)
_LOOKS = re.compile(r"(?=.{0,60}\b\d{4}\b).{0,60}\d{1,2}[:.]\d{2}[:.]\d{2}.{0,40}")
_LONGEST_DATE = 100
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan ene gen janv янв",
            "feb fév fev févr фев",
            "mar mär mars marzo mrt мар",
            "apr avr abr апр",
            "may mai mei maj mag мая май",
            "jun juin giu июн",
            "jul juil lug июл",
            "aug aoû ago août авг",
            "sep set sept сен",
            "oct okt ott out окт",
            "nov noy ноя",
            "dec déc dez dic des дек",
        ),
        1,
    )
    for name in names.split()
}
_ZONES = {
    name: minutes
    for minutes, names in (
        (0, "UTC GMT Z WET"),
        (60, "CET MEZ WEST BST"),
        (120, "CEST MESZ EET"),
        (180, "EEST MSK"),
        (540, "JST KST"),
        (600, "AEST"),
        (660, "AEDT"),
        (720, "NZST"),
        (780, "NZDT"),
        (-180, "BRT"),
        (-240, "EDT"),
        (-300, "EST CDT"),
        (-360, "CST MDT"),
        (-420, "MST PDT"),
        (-480, "PST"),
    )
    for name in names.split()
}
_OFFSET = re.compile(r"(?:GMT|UTC)?([+−-])(\d{1,2}):?(\d{2})?")
_FILE = re.compile(r"-\s+(\S.*)")


def products(head: str) -> list[str]:
    """Return whose activity a page begins with: what stands above its first entries; nothing for any other page."""
    return [" ".join(unescape(one).split()) for one in _HEADER.findall(head)]


def entries(pieces: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield each entry of a page: ``header``, ``title``, ``time`` as it is written, ``safeHtmlItem`` and more.

    Args:
        pieces: the page, in pieces of any length.

    Raises:
        DamagedJson: a tag or an entry is larger than anything that a page has; the entries before it were given.
    """
    page = _Page()
    for piece in pieces:
        for begin in range(0, len(piece), _PIECE):
            page.feed(piece[begin : begin + _PIECE])
            if len(page.rawdata) > _LONGEST_TAG or page.size > limits.MAX_ELEMENT:
                page.finish()
                yield from page.take()
                raise DamagedJson(f"the page has a tag or an entry that never ends, in line {page.getpos()[0]}")
            yield from page.take()
    page.close()
    page.finish()
    yield from page.take()


_PIECE = 64 * 1024
#: Characters that the parser may hold back until a tag ends: with each piece it looks through them again.
_LONGEST_TAG = 1024 * 1024


class _Page(HTMLParser):
    """The page as it goes by: what is held is one entry."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.size = 0
        self._done: list[dict[str, Any]] = []
        self._entry: _Entry | None = None

    def take(self) -> list[dict[str, Any]]:
        """Return the entries that are complete, once."""
        done, self._done = self._done, []
        return done

    def finish(self) -> None:
        """Complete the entry that is being read."""
        if self._entry is not None and self._entry.cells:
            self._done.append(self._entry.as_dict())
        self._entry, self.size = None, 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an entry or a cell; what is in a cell is taken as it stands."""
        names = (dict(attrs).get("class") or "").split()
        if tag == "div" and "outer-cell" in names:
            self.finish()
            self._entry = _Entry()
            return
        if self._entry is None:
            return
        if self._entry.cell is None and tag == "div" and ("header-cell" in names or "content-cell" in names):
            self._entry.begin("header-cell" if "header-cell" in names else "content-cell")
        else:
            self._entry.open(tag)
            self._add(self.get_starttag_text() or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element without content."""
        self._add(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        """End what is open."""
        if self._entry is not None and not self._entry.close(tag):
            self._add(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Take text."""
        self._add(data)

    def handle_entityref(self, name: str) -> None:
        """Take a character that has a name."""
        self._add(f"&{name};")

    def handle_charref(self, name: str) -> None:
        """Take a character that has a number."""
        self._add(f"&#{name};")

    def _add(self, markup: str) -> None:
        if self._entry is not None and self._entry.cell is not None:
            self._entry.cell.append(markup)
            self.size += len(markup)


class _Entry:
    """One entry: its cells as markup."""

    def __init__(self) -> None:
        self.cells: list[tuple[str, list[str]]] = []
        self.cell: list[str] | None = None
        self._depth = 0

    def begin(self, kind: str) -> None:
        """Begin a cell."""
        self.cell, self._depth = [], 0
        self.cells.append((kind, self.cell))

    def open(self, tag: str) -> None:
        """Note that an element begins in a cell."""
        self._depth += self.cell is not None and tag == "div"

    def close(self, tag: str) -> bool:
        """Note that an element ends; whether it is the cell itself."""
        if self.cell is None or tag != "div":
            return False
        if self._depth == 0:
            self.cell = None
            return True
        self._depth -= 1
        return False

    def as_dict(self) -> dict[str, Any]:
        """Return what the entry says, by the keys that it has as JSON."""
        header = " ".join(from_html("".join(cell)) for kind, cell in self.cells if kind == "header-cell")
        contents = ["".join(cell) for kind, cell in self.cells if kind == "content-cell"]
        said = _said(contents[0]) if contents else {}
        return {"header": " ".join(header.split()), **said, **_details(contents[1:])}


def _said(markup: str) -> dict[str, Any]:
    """Return the title, the names of attached files, the date and the answer of a cell."""
    lines, body = _lines(markup)
    texts = [" ".join(from_html(line).replace("\xa0", " ").split()) for line in lines]
    when = next((n for n in range(len(texts) - 1, 0, -1) if _is_date(texts[n])), None)
    if when is None:
        head, answer = texts, body
    else:
        head, answer = texts[:when], "<br>".join([*lines[when + 1 :], body])
    # A file that was attached is a link in a line of its own, after a line that says so.
    attached = {
        n: match[1] for n, text in enumerate(head) if n and "<a" in lines[n] and (match := _FILE.fullmatch(text))
    }
    title = head[: max(1, min(attached) - 1)] if attached else head
    link = re.search(r"""<a\s[^>]*?href=["']([^"'>]{1,2000})["']""", lines[0]) if lines else None
    values = {
        "title": "\n".join(title).strip(),
        "titleUrl": unescape(link[1]) if link else None,
        "subtitles": [{"name": text} for n, text in enumerate(head) if n >= len(title) and n not in attached and text],
        "attachedFiles": list(attached.values()),
        "time": texts[when] if when is not None else None,
        "safeHtmlItem": [{"html": answer}] if from_html(answer) else [],
    }
    return {key: value for key, value in values.items() if value or key == "title"}


def _lines(markup: str) -> tuple[list[str], str]:
    """Return the lines of a cell up to the first block, and what comes from there on."""
    first = re.search(rf"<(?:{'|'.join(sorted(_BLOCKS))})\b", markup, re.I)
    end = first.start() if first else len(markup)
    return re.split(r"<br\s*/?>", markup[:end], flags=re.I), markup[end:]


def _is_date(text: str) -> bool:
    return len(text) <= _LONGEST_DATE and _LOOKS.fullmatch(text) is not None


def _details(cells: list[str]) -> dict[str, Any]:
    """Return what the small print says, by its headings: ``Products`` is what the JSON calls so."""
    details: dict[str, Any] = {}
    for cell in cells:
        heading = ""
        for line in re.split(r"<br\s*/?>", cell, flags=re.I):
            text = " ".join(from_html(line).split())
            if re.match(r"\s*<b\b", line, re.I):
                heading = text.rstrip(": ")
            elif text:
                details.setdefault("products" if heading in ("Products", "") else heading, []).append(text)
    return details


def moment_of(text: str, zone: tzinfo) -> datetime | None:
    """Return the moment that a page's date means, or None; the zone is its own, where it is known, else `zone`."""
    match = next((match for pattern in _DATES if (match := pattern.fullmatch(text.strip()))), None)
    if match is None:
        return None
    groups = match.groupdict()
    day, month = int(groups["day"]), groups.get("number")
    half = (groups["half"] or "").lower()[:1]
    if month is None:
        word = groups["month"].casefold()
        number = _MONTHS.get(word) or _MONTHS.get(word[:4]) or _MONTHS.get(word[:3]) or 0
    else:
        number = int(month)
        if half and "/" in text:  # America alone writes half days, and it writes the month first
            day, number = number, day
    hour = int(groups["hour"])
    hour = hour % 12 + 12 * (half == "p") if half else hour
    try:
        read = datetime(
            int(groups["year"]), number, day, hour, int(groups["minute"]), int(groups["second"]), tzinfo=UTC
        )
        return as_utc(read.replace(tzinfo=_zone(groups["zone"], zone)))
    except (ValueError, OverflowError):
        return None


def _zone(name: str | None, zone: tzinfo) -> tzinfo:
    name = (name or "").strip()
    if name in _ZONES:
        return timezone(timedelta(minutes=_ZONES[name]))
    if (match := _OFFSET.fullmatch(name)) and int(match[2]) < 24:
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        return timezone(timedelta(minutes=minutes if match[1] == "+" else -minutes))
    return zone
