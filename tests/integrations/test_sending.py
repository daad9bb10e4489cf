"""Sending to servers that misbehave: each is met with an outcome, in time, and none leads to where nobody meant."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from typing import Any

import pytest
import trustme

from mnemon.core.networks import parse_networks
from mnemon.integrations.sending import READ, Outcome, Sender
from tests.integrations.receivers import (
    LOOPBACK,
    Receiver,
    dripping,
    endless,
    nonsense,
    receiving,
    says,
    silent,
)

TIMEOUT = 2.0


def sender(**options: Any) -> Sender:
    return Sender(**{"allowed": LOOPBACK, "timeout": TIMEOUT, **options})


async def post(receiver: Receiver, url: str = "http://127.0.0.1:{port}/hook?a=1", **options: Any) -> Outcome:
    return await sender(**options).post(url.format(port=receiver.port), {"X-Test": "1"}, b'{"a":1}')


async def test_what_is_sent_arrives_as_it_is() -> None:
    async with receiving() as receiver:
        assert await post(receiver) == Outcome(200)
    (request,) = receiver.received
    assert (request.path, request.headers["x-test"], request.body) == ("/hook?a=1", "1", b'{"a":1}')
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("address", "127.0.0.1 localhost [::1] 0.0.0.0 127.1 2130706433 0x7f000001".split())
async def test_this_machine_is_not_sent_to_unless_it_is_named(address: str) -> None:
    async with receiving() as receiver:
        outcome = await post(receiver, f"http://{address}:{{port}}/", allowed=())
    assert outcome.status_code is None
    assert "nothing is sent" in str(outcome.error)
    assert receiver.connections == 0


@pytest.mark.parametrize("address", ["169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"])
async def test_credentials_of_the_machine_are_never_asked_for(address: str) -> None:
    everything = parse_networks("0.0.0.0/0,::/0")
    outcome = await sender(allowed=everything).post(f"http://{address}/latest/meta-data", {}, b"")
    assert "credentials" in str(outcome.error)


@pytest.mark.parametrize("where", ["http://169.254.169.254/latest/meta-data", "http://127.0.0.1:{port}/other"])
async def test_a_redirect_is_not_followed(where: str) -> None:
    async with receiving() as receiver:
        receiver.answer = says("302 Found", b"", f"Location: {where.format(port=receiver.port)}")
        outcome = await post(receiver)
    assert outcome == Outcome(302, "the answer was 302: redirects are not followed")
    assert [one.path for one in receiver.received] == ["/hook?a=1"]


async def test_a_name_that_means_another_address_the_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is looked up once, and what was checked is what is connected to."""
    looked_up: list[str] = []
    answers = iter(["127.0.0.2", "127.0.0.1", "127.0.0.1"])
    real = socket.getaddrinfo

    def rebinding(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "rebinding.example":
            return real(host, port, *args, **kwargs)
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    only = parse_networks("127.0.0.2/32")
    async with receiving(host="127.0.0.2") as meant, receiving(host="127.0.0.1", port=meant.port) as inner:
        url = f"http://rebinding.example:{meant.port}/"
        assert await sender(allowed=only).post(url, {}, b"1") == Outcome(200)
        assert (len(looked_up), len(meant.received), inner.connections) == (1, 1, 0)
        assert meant.received[0].headers["host"] == f"rebinding.example:{meant.port}"
        second = await sender(allowed=only).post(url, {}, b"2")
    assert "nothing is sent to where rebinding.example leads" in str(second.error)
    assert (len(looked_up), len(meant.received), inner.connections) == (2, 1, 0)


async def test_a_name_with_one_good_and_one_bad_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(_host: Any, port: Any, *_args: Any, **_kwargs: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in ("127.0.0.2", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    async with receiving(host="127.0.0.2") as receiver:
        outcome = await post(receiver, "http://two.example:{port}/")
    assert "nothing is sent" in str(outcome.error)
    assert receiver.connections == 0


@pytest.mark.parametrize("answer", [silent, dripping], ids=["silent", "dripping"])
async def test_a_slow_one_is_left_in_time(answer: Any) -> None:
    async with receiving(answer) as receiver:
        begun = time.monotonic()
        outcome = await post(receiver)
        taken = time.monotonic() - begun
    assert outcome == Outcome(error=f"no answer within {TIMEOUT:g} seconds")
    assert TIMEOUT <= taken < TIMEOUT + 5


async def test_an_endless_body_is_cut() -> None:
    async with receiving(endless) as receiver:
        assert await post(receiver, timeout=30.0) == Outcome(200)
        await asyncio.sleep(0.1)
        assert receiver.written < 64 * 1024 * 1024
    assert receiver.written + 65_536 > READ


async def test_what_an_answer_says_is_shown_shortened() -> None:
    async with receiving(says("500 Oops", b"down \x00\x1b[31m for\nmaintenance " + b"x" * 10_000)) as receiver:
        outcome = await post(receiver)
    assert outcome.status_code == 500
    assert str(outcome.error).startswith("the answer was 500: down [31m for maintenance xxx")
    assert len(str(outcome.error)) < 250


async def test_what_is_no_http_or_not_there_is_said() -> None:
    async with receiving(nonsense) as receiver:
        assert "ProtocolError" in str((await post(receiver)).error)
    assert "ConnectError" in str((await post(receiver)).error)
    assert (await sender().post("http://user:secret@127.0.0.1:1/", {}, b"")).error == (
        "an address with a user or a password is not sent to"
    )
    unknown = await sender().post("http://no-such-name.invalid/", {}, b"")
    assert unknown.status_code is None
    assert unknown.error


async def test_tls_proves_the_name_that_was_asked_for() -> None:
    authority = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    for name, good in (("localhost", True), ("other.example", False)):
        served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(served)
        async with receiving(tls=served) as receiver:
            outcome = await post(receiver, "https://localhost:{port}/", tls=trusting)
            stranger = await post(receiver, "https://localhost:{port}/")
        assert (outcome.status_code == 200) is good
        assert len(receiver.received) == int(good)
        assert good or "CERTIFICATE_VERIFY_FAILED" in str(outcome.error)
        assert "CERTIFICATE_VERIFY_FAILED" in str(stranger.error)


async def test_many_at_once_wait_for_none_that_is_silent() -> None:
    async with receiving(silent) as slow, receiving() as quick:
        begun = time.monotonic()
        waiting = [asyncio.create_task(post(slow)) for _ in range(20)]
        assert all(one == Outcome(200) for one in await asyncio.gather(*(post(quick) for _ in range(20))))
        assert time.monotonic() - begun < TIMEOUT
        assert all(one.error for one in await asyncio.gather(*waiting))
