"""What Google Takeout has of Gemini: the activity of Gemini Apps, a prompt and its answer each, as JSON or a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

from mnemon.adapters.importers import geminipage
from mnemon.adapters.importers.chatparts import joined, objects_in, placeholder, texts_in
from mnemon.adapters.importers.export import moment_or_none
from mnemon.adapters.importers.kept import TOO_MUCH, Kept
from mnemon.adapters.importers.mail import from_html
from mnemon.adapters.importers.records import excerpt, shown
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.talk import SHAPELESS, Said, Talk, Unreadable
from mnemon.core.ids import digest

_APPS = re.compile(r"\b(?:Gemini|Bard)\b", re.I)
# Takeout says what was done with it, in the account's language.
_PROMPTED = re.compile(
    r"^(?:Prompted|Asked|Said|Preguntaste|Gefragt|Prompt(?: eingegeben)?|Requête|Prompt|Промпт)\s*:?\s+"
)


class Gemini(Talk):
    """``MyActivity.json`` or ``.html`` of Gemini Apps: each entry is what was asked, and what was answered."""

    format: ClassVar[str] = "gemini"
    title: ClassVar[str] = "Gemini"
    description: ClassVar[str] = "`MyActivity.json` or `MyActivity.html` of Gemini Apps, from Google Takeout."
    shape: ClassVar[frozenset[str]] = frozenset(
        {"header", "title", "time", "products", "safeHtmlItem", "activityControls"}
    )
    needs: ClassVar[str] = "entries with `header`, `title`, `time` and `products`, of Gemini Apps"

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise an entry of Google's activity that is Gemini's."""
        if sample.is_document and sample.text.lstrip()[:1] == "<":
            is_page = any(map(_APPS.search, geminipage.products(sample.head.decode("utf-8", "replace"))))
            return Certainty.CERTAIN if is_page else Certainty.NO
        first = sample.first if sample.is_document else None
        if first is None or not {"title", "time"} <= first.keys() or not {"header", "products"} & first.keys():
            return Certainty.NO
        return Certainty.CERTAIN if _is_gemini(first) else Certainty.NO

    def messages(self) -> Iterator[Said | Unreadable]:
        """Yield the prompt and the answer of each entry."""
        for number, entry in enumerate(geminipage.entries(self._page()) if self._is_page() else self.elements(), 1):
            if not isinstance(entry, dict) or not isinstance(entry.get("title"), str):
                yield Unreadable(f"entry {number}: not an activity with a `title`", shown(entry))
                continue
            try:
                spoken = list(self._entry(entry))
            except SHAPELESS as error:
                yield Unreadable(f"entry {number}: not in the shape of gemini: {excerpt(repr(error))}", shown(entry))
                continue
            yield from spoken

    def _is_page(self) -> bool:
        first = next((line for _, line in self.lines() if line.strip()), "")
        return first.lstrip()[:1] == "<"

    def _page(self) -> Iterator[str]:
        """Yield the page; lines of pages are as long as they are."""
        last = 0
        for number, line in self.lines():
            yield line if number == last else f"\n{line}"
            last = number

    def _entry(self, entry: dict[str, Any]) -> Iterator[Said]:
        if not _is_gemini(entry):
            self.leave_out("activity of other products")
            return
        prompt = _PROMPTED.sub("", entry["title"], count=1)
        prompt = joined([prompt, *(placeholder("file", name) for name in _files(entry))])
        answer = joined(
            [from_html(h) for item in objects_in(entry.get("safeHtmlItem")) for h in texts_in(item, ("html",))]
        )
        key = digest(str(entry.get("time")), entry["title"])
        at = moment_or_none(entry.get("time"), self.zone)
        if at is None and isinstance(entry.get("time"), str):
            at = geminipage.moment_of(entry["time"], self.zone)
        keeper = Kept(f"{prompt}\n{answer}")
        metadata = keeper.rest(entry, {"title", "time", "safeHtmlItem", "header"})
        if at is None and entry.get("time"):
            metadata["date"] = shown(entry["time"])
        if keeper.dropped:
            self.leave_out(TOO_MUCH, keeper.dropped)
        day = at.astimezone(self.zone).date().isoformat() if at else None
        yield Said(key, prompt, "gemini", at, None, "user", "Gemini", day, metadata=metadata)
        if answer:
            try:
                later = at + timedelta(milliseconds=1) if at else None
            except OverflowError:
                later = at
            yield Said(f"{key}:answer", answer, "gemini", later, "Gemini", "assistant", "Gemini", day)


def _is_gemini(entry: dict[str, Any]) -> bool:
    products = entry.get("products")
    names = [entry.get("header"), *(products if isinstance(products, list) else [])]
    return any(isinstance(name, str) and _APPS.search(name) for name in names)


def _files(entry: dict[str, Any]) -> list[str]:
    attached = entry.get("attachedFiles")
    listed = attached if isinstance(attached, list) else []
    return [one for one in listed if isinstance(one, str)] + [
        text for one in objects_in(listed) for text in texts_in(one, ("name", "fileName"))
    ]
