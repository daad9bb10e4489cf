"""Bytes in a client's message are kept as a reference; words are kept as words, whatever they look like."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest

from mnemon.adapters.shapes import as_messages
from mnemon.adapters.shapes.plain import reference_in, reference_of, slim

DATA = random.Random(7).randbytes(3_001)
BASE64 = base64.b64encode(DATA).decode()
WRAPPED = "\r\n".join(BASE64[n : n + 76] for n in range(0, len(BASE64), 76))

WORDS = [
    "word " * 400,
    "word\n" * 400,
    "abcd\n" * 400,
    "Hello world this is a line of prose without any signs " * 40,
    "a" * 2_048,
    "Donaudampfschifffahrtsgesellschaftskapitaen" * 60,
    "ThisIsALineOfWordsThatAreAllWrittenAsOne2" * 60,
    "snake_case_words_and-dashes-" * 100,
    "0123456789" * 200,
    "deadbeef" * 300,
    BASE64[:2_000] + " and some words",
    BASE64 + "x",
    "\n".join(BASE64[n : n + 76 - n % 3] for n in range(0, len(BASE64), 76)),
]


@pytest.mark.parametrize("text", WORDS, ids=range(len(WORDS)))
def test_words_are_no_bytes(text: str) -> None:
    for key in ("result", "data", "bytes"):
        assert slim({key: text}) == {key: text}
    message: Any = {"role": "tool", "tool_call_id": "c", "content": "done", "artifact": {"result": text}}
    (fields,) = as_messages(message) or []
    assert fields["tool_results"][0]["artifact"]["result"] == text


@pytest.mark.parametrize(
    "text", [BASE64, BASE64.rstrip("="), BASE64.replace("+", "-").replace("/", "_"), WRAPPED, WRAPPED + "\r\n"]
)
def test_base64_is_its_bytes(text: str) -> None:
    assert slim({"result": text}) == {"result": reference_of(DATA)}
    assert slim({"result": {"media_type": "image/png", "data": text}})["result"]["data"] == reference_of(DATA)


def test_the_beginning_of_a_file_shows_what_it_is() -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(2_000)
    assert slim({"data": base64.b64encode(png).decode()}) == {"data": reference_of(png)}


def test_short_base64_is_bytes_only_where_that_is_said() -> None:
    short = base64.b64encode(b"hello").decode()
    assert slim({"data": short}) == {"data": short}
    assert slim({"type": "base64", "data": short})["data"] == reference_of(b"hello")
    assert slim({"mime_type": "audio/wav", "data": short})["data"] == reference_of(b"hello")
    for kept in ("some words", "Words", "Wor\nds==", "Word!"):
        assert slim({"mime_type": "audio/wav", "data": kept})["data"] == kept


def test_a_text_beside_its_type_is_a_text() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "Word"}
    assert slim(source) == source
    assert slim({"mimeType": "text/plain", "data": "Word"})["data"] == "Word"
    for part in (
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "The first word"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Word"}},
        {"type": "file", "mediaType": "text/plain", "data": "Word"},
    ):
        (fields,) = as_messages({"role": "user", "content": [{"type": "text", "text": "see"}, part]}) or []
        assert "ord" in str(fields["metadata"]["parts"]), fields
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "Word"}}
    (fields,) = as_messages({"role": "user", "content": [picture]}) or []
    assert fields["metadata"]["parts"][0]["size"] == 3


def test_data_urls_are_bytes_and_words_behind_data_are_words() -> None:
    assert reference_in(f"data:image/png;base64,{BASE64}", surely=False) == reference_of(DATA, "image/png")
    escaped = BASE64.replace("+", "%2B").replace("=", "%3D")
    assert reference_in(f"data:image/png;base64,{escaped}", surely=False) == reference_of(DATA, "image/png")
    assert reference_in("data:image/svg+xml,%3Csvg/%3E", surely=False) == reference_of(b"%3Csvg/%3E", "image/svg+xml")
    for kept in (
        "data:, said the captain, are all we have",
        "data:text/plain,Hello%20there",
        "data:text/html,<h1>Hello</h1>",
        "data:image/png;base64,iVBO... and so on",
        "data:a/b,with words behind it",
    ):
        assert reference_in(kept, surely=True) is None
        assert slim({"note": kept}) == {"note": kept}
