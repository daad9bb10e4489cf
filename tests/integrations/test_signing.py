"""Signatures are those of Standard Webhooks: its own library takes ours, and ours takes its."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from mnemon.integrations.signing import ID, SIGNATURE, TIMESTAMP, new_secret, sign, verify

NOW = datetime.now(UTC)
SECRETS = st.binary(min_size=24, max_size=64).map(lambda raw: "whsec_" + base64.b64encode(raw).decode())


@given(SECRETS, st.text(max_size=40).filter(lambda s: "\x00" not in s and s.isprintable()), st.binary(max_size=500))
def test_the_librarys_check_takes_ours(secret: str, message_id: str, body: bytes) -> None:
    text = body.decode("latin-1")
    theirs = Webhook(secret)
    headers = sign(secret, message_id, text.encode(), NOW)
    assert headers[SIGNATURE] == theirs.sign(message_id, datetime.fromtimestamp(int(NOW.timestamp()), UTC), text)
    assert verify(secret, text.encode(), headers, now=NOW)


def test_the_library_verifies_a_body_and_refuses_another() -> None:
    secret = new_secret()
    body = b'{"type":"memory.created","data":{"memory_id":"x"}}'
    headers = sign(secret, "id-1", body, datetime.now(UTC))
    assert Webhook(secret).verify(body, headers) == {"type": "memory.created", "data": {"memory_id": "x"}}
    for wrong in ({**headers, ID: "id-2"}, {**headers, TIMESTAMP: "1"}, {**headers, SIGNATURE: "v1,AAAA"}):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, wrong)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)


@given(SECRETS, st.binary(max_size=200), st.integers(0, 299), st.integers(1, 2**32))
def test_a_signature_holds_for_its_body_and_its_time(secret: str, body: bytes, drift: int, place: int) -> None:
    headers = sign(secret, "m", body, NOW)
    assert verify(secret, body, headers, now=NOW + timedelta(seconds=drift))
    assert verify(secret, body, headers, now=NOW - timedelta(seconds=drift))
    assert not verify(secret, body, headers, now=NOW + timedelta(seconds=302 + drift))
    assert not verify(secret, body + b"x", headers, now=NOW)
    assert not verify(new_secret(), body, headers, now=NOW)
    assert not verify(secret, body, {**headers, TIMESTAMP: str(place)}, now=NOW)
    assert not verify(secret, body, {**headers, ID: "n"}, now=NOW)
    both = f"v1,AAAA {headers[SIGNATURE]}"
    assert verify(secret, body, {**headers, SIGNATURE: both}, now=NOW)  # while the secret is changed


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {TIMESTAMP: "x"},
        {TIMESTAMP: "²"},
        {TIMESTAMP: str(int(NOW.timestamp())), SIGNATURE: "v1,é v1 v1a,x ,"},
    ],
)
def test_headers_that_are_none_are_refused(headers: dict[str, str]) -> None:
    assert not verify(new_secret(), b"{}", {ID: "m", **headers}, now=NOW)


def test_a_secret_of_before_this_form_still_signs() -> None:
    before = "whsec_" + base64.urlsafe_b64encode(b"\xfb\xff" * 16).decode().rstrip("=")
    headers = sign(before, "m", b"{}", datetime.now(UTC))
    assert Webhook("whsec_" + base64.b64encode(b"\xfb\xff" * 16).decode()).verify(b"{}", headers) == {}
    with pytest.raises(ValueError, match="base64"):
        sign("whsec_(no)", "m", b"{}", NOW)
