"""Mail to a real SMTP server, text messages to a server in Twilio's form that misbehaves, and files."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from mnemon.core.errors import Invalid, MnemonError, Unavailable
from mnemon.core.settings import Settings, load_settings
from mnemon.identity.senders import Mail, mail_sender, text_sender
from tests.integrations.receivers import Receiver, receiving, says, silent

MAIL = Mail("ada@example.org", "Grüße", "Ein Link:\n\nhttps://example.org/?a=b\n")


class Box:
    """What an SMTP server took."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.answers: dict[str, str] = {}

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's own name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.taken.append(envelope)
        return "250 OK"


def _login(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"me@x", b"p:w/d")
    return AuthResult(success=known, handled=False)


@pytest_asyncio.fixture
async def smtp() -> AsyncIterator[tuple[Box, int]]:
    box = Box()
    controller = Controller(
        box, hostname="127.0.0.1", port=0, authenticator=_login, auth_require_tls=False, decode_data=False
    )
    controller.port = _free()
    controller.start()
    try:
        yield box, controller.port
    finally:
        controller.stop()


def _free() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def given(**values: Any) -> Settings:
    fields: dict[str, Any] = {name: SecretStr(v) if name.endswith("url") else v for name, v in values.items()}
    return load_settings(**fields)


async def test_mail_arrives_as_it_was_written(smtp: tuple[Box, int]) -> None:
    box, port = smtp
    settings = given(mail_url=f"smtp://me%40x:p%3Aw%2Fd@127.0.0.1:{port}", mail_from="mnemon@example.org")
    await mail_sender(settings).send(MAIL)
    (envelope,) = box.taken
    from email import message_from_bytes
    from email.policy import default

    assert isinstance(envelope.content, bytes)
    message = message_from_bytes(envelope.content, policy=default)
    assert (message["To"], message["Subject"], message["From"]) == (MAIL.to, MAIL.subject, "mnemon@example.org")
    assert message.get_content().replace("\r\n", "\n") == MAIL.text
    assert message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("answer", "kind"), [("550 no such person", Invalid), ("450 come again", Unavailable), ("550 x", Invalid)]
)
async def test_an_address_that_is_refused(smtp: tuple[Box, int], answer: str, kind: type[MnemonError]) -> None:
    box, port = smtp
    box.answers[MAIL.to] = answer
    settings = given(mail_url=f"smtp://127.0.0.1:{port}", mail_from="mnemon@example.org")
    with pytest.raises(kind):
        await mail_sender(settings).send(MAIL)
    assert not box.taken


async def test_a_wrong_login_no_server_and_no_tls_are_said_without_the_password(smtp: tuple[Box, int]) -> None:
    _, port = smtp
    for url in (
        f"smtp://me:secret@127.0.0.1:{port}",
        f"smtp://me:secret@127.0.0.1:{_free()}",
        f"smtps://127.0.0.1:{port}",
    ):
        with pytest.raises(Unavailable) as caught:
            await mail_sender(given(mail_url=url, mail_from="a@example.org")).send(MAIL)
        assert caught.value.code == "unavailable.sender"
        assert "secret" not in str(caught.value.as_dict())


async def test_a_line_break_makes_no_second_header() -> None:
    settings = given(mail_url="smtp://127.0.0.1:1", mail_from="a@example.org")
    with pytest.raises(ValueError, match=r"linefeed|newline|header"):
        await mail_sender(settings).send(Mail("a@example.org\r\nBcc: b@example.org", "x", "y"))


async def test_a_text_message_has_twilios_form() -> None:
    async with receiving(says("201 Created", b'{"sid": "SM1"}')) as receiver:
        await _text(receiver)
    (request,) = receiver.received
    assert request.path == "/Accounts/AC1/Messages.json"
    assert request.headers["authorization"].startswith("Basic ")
    assert parse_qs(request.body.decode()) == {"To": ["+491701234567"], "From": ["+15550001"], "Body": ["1 2 ä"]}


async def _text(receiver: Receiver) -> None:
    url = f"http://AC1:tok@127.0.0.1:{receiver.port}/Accounts/AC1/Messages.json"
    await text_sender(given(sms_url=url, sms_from="+15550001")).send("+491701234567", "1 2 ä")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says("400 Bad Request", b'{"code": 21211}'), Invalid),
        (says("401 Unauthorized"), Unavailable),
        (says("500 Oops"), Unavailable),
        (says("302 Found", b"", "Location: http://169.254.169.254/"), Unavailable),
    ],
)
async def test_a_service_that_refuses(answer: Any, kind: type[MnemonError]) -> None:
    async with receiving(answer) as receiver:
        with pytest.raises(kind) as caught:
            await _text(receiver)
        assert len(receiver.received) == 1
    assert "tok" not in str(caught.value.as_dict())


async def test_a_service_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnemon.identity.senders._SECONDS", 1.0)
    async with receiving(silent) as receiver:
        with pytest.raises(Unavailable):
            await asyncio.wait_for(_text(receiver), 20)


async def test_a_file_has_a_line_for_each(tmp_path: Path) -> None:
    path = tmp_path / "out"
    settings = given(mail_url=f"file://{path}", sms_url=f"file://{path}")
    await mail_sender(settings).send(MAIL)
    await text_sender(settings).send("+491701234567", "1 2 3")
    mail, text = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert (mail["to"], mail["subject"], text["to"], text["text"]) == (MAIL.to, MAIL.subject, "+491701234567", "1 2 3")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(Unavailable):
        await mail_sender(given(mail_url=f"file://{tmp_path}/no/where")).send(MAIL)


@pytest.mark.parametrize(
    ("values", "kind", "code"),
    [
        ({}, Unavailable, "unavailable.sender"),
        ({"mail_url": "smtp://host"}, Invalid, "invalid.mail_url"),
        ({"mail_url": "http://host", "mail_from": "a@b.org"}, Invalid, "invalid.mail_url"),
    ],
)
def test_what_is_no_sender_says_what_is_needed(values: dict[str, str], kind: type[MnemonError], code: str) -> None:
    with pytest.raises(kind) as caught:
        mail_sender(given(**values))
    assert (caught.value.code, bool(caught.value.hint)) == (code, True)


@pytest.mark.parametrize("url", ["http://a:b@example.org/x", "https://a:b@example.org/x", "ftp://x"])
def test_text_messages_go_over_tls_and_from_somebody(url: str) -> None:
    with pytest.raises(Invalid):
        text_sender(given(sms_url=url))
