"""Senders of mail and of text messages, behind one protocol each: SMTP, Twilio's form over HTTP, a file.

A sender is named by a URL, whose login is the sender's own. What it says of a failure goes into the error without it.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from mnemon.core.errors import Invalid, Unavailable
from mnemon.core.settings import Settings

_SECONDS = 20.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one person."""

    to: str
    subject: str
    text: str


class MailSender(Protocol):
    """Sends mail."""

    async def send(self, mail: Mail) -> None:
        """Send one mail.

        Raises:
            Unavailable: it could not be handed over; trying again may help.
            Invalid: the address is refused for good.
        """


class TextSender(Protocol):
    """Sends text messages."""

    async def send(self, number: str, text: str) -> None:
        """Send one message to a number in the form of E.164.

        Raises:
            Unavailable: it could not be handed over; trying again may help.
            Invalid: the number is refused for good.
        """


def mail_sender(settings: Settings) -> MailSender:
    """Return what the settings send mail with.

    Raises:
        Unavailable: nothing is set, or a library is missing.
        Invalid: what is set is no sender.
    """
    url = _split(settings.mail_url, "MNEMON_MAIL_URL", "smtp://user:password@host:587")
    if url.scheme == "file":
        return _File(Path(url.path))
    if url.scheme in {"smtp", "smtps"} and url.hostname and settings.mail_from:
        return _Smtp(url, settings.mail_from)
    hint = "MNEMON_MAIL_URL is smtp://, smtps:// or file://, and MNEMON_MAIL_FROM the address that mail comes from."
    raise Invalid("Mail cannot be sent as it is set.", code="invalid.mail_url", hint=hint, field="mail_url")


def text_sender(settings: Settings) -> TextSender:
    """Return what the settings send text messages with.

    Raises:
        Unavailable: nothing is set.
        Invalid: what is set is no sender.
    """
    url = _split(settings.sms_url, "MNEMON_SMS_URL", "https://sid:token@api.twilio.com/...")
    if url.scheme == "file":
        return _File(Path(url.path))
    plain = url.scheme == "http" and url.hostname in _LOOPBACK
    if (url.scheme == "https" or plain) and url.hostname and settings.sms_from:
        return _Twilio(url, settings.sms_from)
    hint = "MNEMON_SMS_URL is https:// with the login in it, or file://, and MNEMON_SMS_FROM the number of the sender."
    raise Invalid("Text messages cannot be sent as it is set.", code="invalid.sms_url", hint=hint, field="sms_url")


def _split(url: SecretStr | None, name: str, example: str) -> SplitResult:
    if url is None:
        raise Unavailable(
            "There is nothing to send it with.",
            code="unavailable.sender",
            hint=f"Set {name}, such as {example}; docs/access.md has more.",
        )
    return urlsplit(url.get_secret_value())


class _File:
    """Writes what would be sent, a line of JSON each, for development: whoever reads the file reads it all."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, message: Mail | str, text: str = "") -> None:
        """Write one message."""
        if isinstance(message, Mail):
            fields = {"to": message.to, "subject": message.subject, "text": message.text}
        else:
            fields = {"to": message, "text": text}
        line = json.dumps({"at": datetime.now(UTC).isoformat(), **fields}, ensure_ascii=False) + "\n"
        await asyncio.to_thread(self._write, line)

    def _write(self, line: str) -> None:
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            raise _not_sent(error.strerror or "the file cannot be written") from None


class _Smtp:
    """Hands mail to an SMTP server, over TLS unless the server is on this machine."""

    def __init__(self, url: SplitResult, sender: str) -> None:
        try:
            import aiosmtplib
        except ImportError:
            raise Unavailable(
                "Mail needs the library aiosmtplib, which is not installed.",
                code="unavailable.aiosmtplib",
                hint="pip install 'mnemon[signin]'",
            ) from None
        self._library = aiosmtplib
        self._url = url
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        """Send one mail."""
        url, inside = self._url, self._url.scheme == "smtps"
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, mail.to, mail.subject
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="mnemon.invalid")
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        try:
            await self._library.send(
                message,
                hostname=url.hostname,
                port=url.port or (465 if inside else 587),
                username=unquote(url.username) if url.username else None,
                password=unquote(url.password) if url.password else None,
                use_tls=inside,
                start_tls=False if inside else (None if url.hostname in _LOOPBACK else True),
                timeout=_SECONDS,
            )
        except self._library.SMTPRecipientsRefused as error:
            codes = {refusal.code for refusal in error.recipients}
            if all(500 <= code <= 599 for code in codes):
                raise Invalid("The server refuses the address.", code="invalid.recipient", field="email") from None
            raise _not_sent("the server does not take mail for the address now") from None
        except (self._library.SMTPException, OSError) as error:
            raise _not_sent(type(error).__name__) from None


class _Twilio:
    """Hands text messages to Twilio, or to whoever takes its form."""

    def __init__(self, url: SplitResult, sender: str) -> None:
        host = f"[{url.hostname}]" if ":" in str(url.hostname) else url.hostname
        port = f":{url.port}" if url.port else ""
        self._address = f"{url.scheme}://{host}{port}{url.path}"
        self._login = (unquote(url.username or ""), unquote(url.password or ""))
        self._sender = sender

    async def send(self, number: str, text: str) -> None:
        """Send one message."""
        import httpx

        form = {"To": number, "From": self._sender, "Body": text}
        try:
            async with asyncio.timeout(_SECONDS), httpx.AsyncClient(timeout=_SECONDS) as client:
                answer = await client.post(self._address, data=form, auth=self._login)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise _not_sent(type(error).__name__) from None
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise Invalid("The service refuses the number.", code="invalid.recipient", field="phone_number")
        if not answer.is_success:
            raise _not_sent(f"the service answered {answer.status_code}")


def _not_sent(why: str) -> Unavailable:
    return Unavailable(f"The message could not be sent: {why}.", code="unavailable.sender", hint="It is tried again.")
