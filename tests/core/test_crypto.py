"""What is kept secret: password hashes, the box of secrets, keys that change, codes and tokens."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import SecretStr

from mnemon import Invalid, Settings, Unavailable
from mnemon.core import crypto
from mnemon.core.settings import load_settings
from mnemon.core.text import parse
from mnemon.identity.schemas_access import (
    PasswordSet,
)
from tests.identity.access import KEY, PASSWORD

BOX = crypto.SecretBox(crypto.parse_keys(KEY))
T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_a_password_is_hashed_at_cost_12_and_compared() -> None:
    hashed = crypto.hash_password(PASSWORD)
    assert hashed.startswith("$2b$12$")
    assert len(hashed) == 60
    assert crypto.verify_password(PASSWORD, hashed)
    assert not crypto.verify_password(PASSWORD + ".", hashed)
    assert not crypto.verify_password("x" * 100, hashed)
    assert not crypto.verify_password("nobody", None)


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("tiny", "password_too_short"),
        ("x" * 73, "password_too_long"),
        ("ä" * 37, "password_too_long"),
        ("nul\x00 in it", "characters"),
        ("half \ud800 pair", "characters"),
    ],
)
def test_what_cannot_be_a_password_is_refused_and_not_cut(password: str, rule: str) -> None:
    problem = crypto.password_problem(password)
    assert problem is not None
    assert problem[0] == rule
    with pytest.raises(ValueError, match=r"password|\bsurrogate\b"):
        crypto.hash_password(password)
    with pytest.raises(Invalid) as caught:
        parse(PasswordSet, {"user_id": uuid4(), "password": password})
    assert (caught.value.code, caught.value.data["field"]) == (f"invalid.{rule}", "password")
    assert password not in str(caught.value.as_dict())


def test_seventy_two_bytes_are_a_password() -> None:
    assert crypto.password_problem("six words" * 8) is None
    assert len("six words" * 8) == 72


@given(plain=st.text(max_size=200).filter(lambda text: text.isascii() or max(text) < "\ud800"), purpose=st.text("abc:"))
@examples(max_examples=50)
def test_a_secret_comes_back_for_its_purpose_alone(plain: str, purpose: str) -> None:
    sealed = BOX.encrypt(plain, purpose=purpose)
    assert sealed != BOX.encrypt(plain, purpose=purpose)
    assert BOX.decrypt(sealed, purpose=purpose) == plain
    with pytest.raises(Unavailable) as caught:
        BOX.decrypt(sealed, purpose=purpose + "x")
    assert caught.value.code == "unavailable.secret_unreadable"


@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
@examples(max_examples=50)
def test_a_changed_secret_is_not_read(place: int, bit: int) -> None:
    version, key, body = BOX.encrypt("a token", purpose="p").split(".")
    raw = bytearray(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    raw[place % len(raw)] ^= 1 << bit
    changed = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    with pytest.raises(Unavailable):
        BOX.decrypt(f"{version}.{key}.{changed}", purpose="p")


def test_keys_are_changed_one_by_one() -> None:
    old, new = crypto.new_secret_key(), crypto.new_secret_key()
    before = crypto.SecretBox(crypto.parse_keys(old))
    both = crypto.SecretBox(crypto.parse_keys(f"{new}, {old}"))
    sealed = before.encrypt("a token", purpose="p")
    assert both.decrypt(sealed, purpose="p") == "a token"
    assert not both.is_current(sealed)
    again = both.encrypt("a token", purpose="p")
    assert both.is_current(again)
    with pytest.raises(Unavailable) as caught:
        before.decrypt(again, purpose="p")
    assert caught.value.code == "unavailable.secret_key"
    assert old not in repr(both)


@pytest.mark.parametrize(
    "text",
    ["", "abc", base64.b64encode(b"x" * 31).decode(), pytest.param(f"{KEY},short", id="another, short"), "ä" * 44],
)
def test_what_is_no_key_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="32 random bytes") as caught:
        crypto.parse_keys(text)
    assert text == "" or text not in str(caught.value)
    if text:
        with pytest.raises(Invalid) as refused:
            load_settings(secret_key=text)
        assert refused.value.data["field"] == "secret_key"
        assert text not in str(refused.value.as_dict())


def test_a_key_does_not_show_in_the_settings() -> None:
    settings = Settings(secret_key=SecretStr(KEY))
    assert KEY not in repr(settings)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (20000000000, "65353130")],
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    secret = base64.b32encode(b"12345678901234567890").decode()
    assert crypto.totp(secret, seconds // 30, digits=8) == code
    assert crypto.match_totp(secret, code[-6:], datetime.fromtimestamp(seconds, UTC)) == seconds // 30


@given(offset=st.integers(-5, 5))
@examples(max_examples=11)
def test_a_code_is_accepted_one_step_early_or_late(offset: int) -> None:
    secret = crypto.new_totp_secret()
    code = crypto.totp(secret, crypto.totp_step(T0) + offset)
    assert (crypto.match_totp(secret, code, T0) is not None) == (abs(offset) <= 1)


def test_tokens_are_long_and_all_different() -> None:
    tokens = {crypto.new_token("mnk_") for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 47 for token in tokens)
    assert len(crypto.token_hash("x")) == 32
