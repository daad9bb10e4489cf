"""Mail: threads, encodings, what was written and what was quoted."""

from __future__ import annotations

import mailbox
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from mnemon.adapters.importers import Broken, Record, Utterance, open_import
from mnemon.adapters.importers.mail import from_html, own_words


def said(path: Path) -> list[Utterance]:
    records = list(open_import(path))
    assert all(isinstance(record, Utterance) for record in records), records
    return [record for record in records if isinstance(record, Utterance)]


def mail(identity: str | None, text: str, sender: str = "Ada Lund <ada@example.org>", **headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = "crew@example.org"
    message["Date"] = "Mon, 02 Mar 2026 10:00:00 +0100"
    if identity:
        message["Message-ID"] = f"<{identity}>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


def box(path: Path, *messages: EmailMessage) -> Path:
    opened = mailbox.mbox(str(path))
    for message in messages:
        opened.add(message)
    opened.close()
    return path


def assert_resumes(path: Path, records: list[Record]) -> None:
    for number, record in enumerate(records, 1):
        assert list(open_import(path, start=record.position)) == records[number:]


def test_a_thread_is_one_conversation(tmp_path: Path) -> None:
    first = mail("1@x", "When do we sail?\n", Subject="Sailing: Überfahrt")
    second = mail(
        "2@x",
        "On Tuesday.\n\nOn Mon, 2 Mar 2026 at 10:00, Ada Lund <ada@example.org>\nwrote:\n> When do we sail?\n",
        sender='"Öst, Bo" <bo@example.org>',
        Subject="Re: Sailing: Überfahrt",
        In_Reply_To="<1@x>",
    )
    third = mail(
        "3@x", "Good.\n-- \nAda Lund\nHarbour\n", References="<1@x> <2@x>", Subject="AW: Re: Sailing: Überfahrt"
    )
    path = box(tmp_path / "crew.mbox", first, second, third)
    records = said(path)
    a, b, c = records
    assert (a.text, a.speaker, a.role) == ("When do we sail?", "Ada Lund", "user")
    assert a.at == datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    assert (b.text, b.speaker) == ("On Tuesday.", "Öst, Bo")
    assert c.text == "Good."
    assert {one.conversation for one in records} == {"1@x"}
    assert {one.conversation_title for one in records} == {"Sailing: Überfahrt"}
    assert [one.source_id for one in records] == ["1@x", "2@x", "3@x"]
    assert b.metadata["subject"] == "Re: Sailing: Überfahrt"
    assert b.metadata["from"] == "bo@example.org"
    assert b.metadata["in_reply_to"] == "1@x"
    assert b.metadata["original_length"] > len(b.text)
    assert_resumes(path, list(records))


def test_plain_text_is_preferred_and_html_is_read(tmp_path: Path) -> None:
    both = mail("1@x", "plain words\n")
    both.add_alternative("<p>html words</p>", subtype="html")
    both.add_attachment(b"\x00\x01", maintype="application", subtype="pdf", filename="Plan Süd.pdf")
    html = EmailMessage()
    html["From"], html["Message-ID"] = "bo@example.org", "<2@x>"
    html.set_content(
        "<html><head><style>p {color: red}</style></head><body><p>Fish &amp; chips<br>at&nbsp;eight</p>"
        "<script>alert(1)</script><ul><li>one</li><li>two</li></ul></body></html>",
        subtype="html",
    )
    a, b = said(box(tmp_path / "a.mbox", both, html))
    assert (a.text, a.metadata["attachments"]) == ("plain words", ["Plan Süd.pdf"])
    assert b.text == "Fish & chips\nat eight\n\n- one\n\n- two"
    assert b.speaker == "bo@example.org"


def test_lines_that_begin_with_from_do_not_split_a_mail(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    path.write_bytes(
        b"From a@x Mon Mar  2 10:00:00 2026\r\nFrom: a@x\r\nMessage-ID: <1@x>\r\n\r\n"
        b"One line.\r\n\r\nFrom here on it is easy.\r\n\r\n>From the start.\r\n\r\n"
        b"From 1790@xxx Mon Mar 02 19:31:29 +0000 2026\r\nFrom: b@x\r\nMessage-ID: <2@x>\r\n\r\nTwo."
    )
    a, b = said(path)
    assert a.text == "One line.\n\nFrom here on it is easy.\n\nFrom the start."
    assert (b.text, b.position.line) == ("Two.", 11)
    assert_resumes(path, [a, b])


def test_a_mail_without_an_id_has_the_same_one_when_more_follow(tmp_path: Path) -> None:
    path = box(tmp_path / "a.mbox", mail(None, "hello\n"), mail(None, "again\n"))
    first = open_import(path)
    before = [record for record in first if isinstance(record, Utterance)]
    box(path, mail("3@x", "more\n"))
    again = open_import(path, start=before[-1].position)
    assert again.fingerprint == first.fingerprint
    assert [one.text for one in again if isinstance(one, Utterance)] == ["more"]
    assert [one.source_id for one in said(path)][:2] == [one.source_id for one in before]
    assert len({one.source_id for one in said(path)}) == 3


def test_a_very_long_mail_comes_whole(tmp_path: Path) -> None:
    long = "\n\n".join(f"paragraph {n} " + "word " * 12 for n in range(1_600))
    path = box(tmp_path / "a.mbox", mail("0@x", "first\n"), mail("1@x", long), mail("2@x", "last\n"))
    records = said(path)
    assert [one.source_id for one in records] == ["0@x", "1@x", "2@x"]
    assert [one.position.entry for one in records] == [1, 2, 3]
    assert records[1].text == long.strip()
    assert_resumes(path, list(records))


def test_mail_without_text_and_with_strange_encodings(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    path.write_bytes(
        b"From a@x Mon Mar  2 10:00:00 2026\nFrom: a@x\nSubject: =?x-none?q?caf=E9?=\nDate: never\n"
        b"Message-ID: <1@x>\nContent-Type: text/plain; charset=x-unknown\n\ncaf\xc3\xa9 \x00 \xff\n\n"
        b"From a@x Mon Mar  2 10:00:00 2026\nFrom: a@x\nSubject: empty\nMessage-ID: <2@x>\n\n\n\n"
        b"From a@x Mon Mar  2 10:00:00 2026\nFrom: =?iso-8859-1?q?J=F8rn?= <j@x>\nMessage-ID: <3@x>\n"
        b"Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nbl=E5\n"
    )
    strange, empty, good = list(open_import(path))
    assert isinstance(strange, Utterance)
    assert strange.text == "café  ÿ"
    # The date that cannot be read is kept, and that of the line before the mail is taken.
    assert strange.at == datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    assert strange.metadata["date"] == "never"
    assert isinstance(empty, Broken)
    assert empty.reason == "line 10: the message 'empty' has no text"
    assert isinstance(good, Utterance)
    assert (good.text, good.speaker) == ("blå", "Jørn")
    assert_resumes(path, [strange, empty, good])


def test_a_large_attachment_is_not_held(tmp_path: Path) -> None:
    big = mail("1@x", "see attached\n")
    big.add_attachment(b"\x01" * (6 * 1024 * 1024), maintype="application", subtype="zip", filename="big.zip")
    a, b = said(box(tmp_path / "a.mbox", big, mail("2@x", "after\n")))
    assert (a.text, a.metadata["truncated"], a.metadata["attachments"]) == ("see attached", True, ["big.zip"])
    assert b.text == "after"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Yes.\n\n> Really?\n> Really.\n", "Yes."),
        ("> Really?\nYes.\n> Sure?\nSure.", "> Really?\nYes.\n> Sure?\nSure."),
        ("Yes.\n\n-----Original Message-----\nFrom: a\n\nlong", "Yes."),
        ("Ja.\n\nAm 02.03.2026 um 10:00 schrieb Ada <a@x>:\n> so?", "Ja."),
        ("a\n-- \n" + "more\n" * 30, "a\n-- \n" + "more\n" * 29 + "more"),
        ("> only a quote", "> only a quote"),
    ],
)
def test_quotes_and_signatures_are_trimmed_lightly(text: str, kept: str) -> None:
    assert own_words(text) == kept


def test_html_that_is_not_well_formed_is_read() -> None:
    assert from_html("<p>a<p>b</div><b>c</b>&lt;<script>x") == "a\n\nb\nc<"
