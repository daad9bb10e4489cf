"""Signing in with a real OpenID Connect provider on loopback, and with words that are not the provider's."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from mnemon.app import App
from mnemon.core.errors import NotFound, Unauthenticated
from mnemon.doors.http.app import create
from mnemon.doors.http.oidc import PATH, Provider
from mnemon.doors.http.options import ServeOptions
from mnemon.doors.http.signin import PATH as SIGN_IN
from mnemon.identity import service as identity
from mnemon.identity.schemas import UserCreate, UserUpdate
from tests.factories import new_slug

from .conftest import client_of

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Running:
    """The provider, and addresses that it knows."""

    issuer: str
    known: str
    unverified: str
    stranger: str


@pytest_asyncio.fixture
async def provider(served: App) -> AsyncIterator[Running]:
    emails = [f"{new_slug('p')}@example.org" for _ in range(3)]
    for email in emails[:2]:
        await identity.create_user(served.context, UserCreate(email=email))
    people = [{"email": email, "email_verified": n != 1} for n, email in enumerate(emails)]
    command = [sys.executable, "-m", "tests.doors.http.provider", json.dumps(people)]
    process = await asyncio.to_thread(subprocess.Popen, command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port = (await asyncio.to_thread(process.stdout.readline)).strip()
    yield Running(f"http://127.0.0.1:{port}", *emails)
    process.kill()
    process.wait()


@pytest_asyncio.fixture
async def served(app: App) -> App:
    return replace(app, context=await app.organization(new_slug()))


@pytest_asyncio.fixture
async def browser(served: App, provider: Running) -> AsyncIterator[httpx.AsyncClient]:
    changes: dict[str, Any] = {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": "mnemon",
        "public_url": "http://127.0.0.1",
    }
    changes |= {"oidc_client_secret": SecretStr("not told")}
    settings = served.settings.model_copy(update=changes)
    own = replace(served, settings=settings, context=replace(served.context, settings=settings))
    async for client in client_of(create(settings, ServeOptions(per_minute=0, mcp=False), app=own)):
        yield client


async def there(address: str, email: str) -> str:
    """What the person does at the provider; where it sends the browser back to."""
    async with httpx.AsyncClient() as client:
        answer = await client.post(address, data={"sub": email})
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


async def begun(browser: httpx.AsyncClient) -> str:
    answer = await browser.get(PATH)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


async def test_a_person_signs_in_with_the_provider(browser: httpx.AsyncClient, provider: Running) -> None:
    address = await begun(browser)
    asked = parse_qs(urlsplit(address).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"http://127.0.0.1{PATH}/callback"]
    assert asked["nonce"] != asked["state"]
    back = await there(address, provider.known)
    answer = await browser.get(back)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    who = await browser.get(SIGN_IN)
    assert who.status_code == 200
    again = await browser.get(back)  # the code was used, and the cookie is gone
    assert again.status_code == 401


async def test_who_has_no_account_or_no_verified_address_stays_outside(
    browser: httpx.AsyncClient, provider: Running
) -> None:
    for email, code in (
        (provider.stranger, "unauthenticated.no_account"),
        (provider.unverified, "unauthenticated.email"),
    ):
        answer = await browser.get(await there(await begun(browser), email))
        assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert (await browser.get(SIGN_IN)).status_code == 401


async def test_who_is_suspended_stays_outside(browser: httpx.AsyncClient, provider: Running, served: App) -> None:
    signed = await browser.get(await there(await begun(browser), provider.known))
    assert signed.status_code == 303
    user = (await browser.get(SIGN_IN)).json()["user_id"]
    await identity.update_user(served.context, UserUpdate(id=UUID(user), status="suspended"))
    answer = await browser.get(await there(await begun(browser), provider.known))
    assert answer.status_code == 401


async def test_another_browser_or_another_state_gets_nothing(browser: httpx.AsyncClient, provider: Running) -> None:
    back = await there(await begun(browser), provider.known)
    mine = dict(browser.cookies)
    browser.cookies.clear()
    assert (await browser.get(back)).status_code == 401  # who was lured here never began
    other = await begun(browser)
    assert other
    assert (await browser.get(back)).status_code == 401  # a state that is another's
    header = {"cookie": "; ".join(f"{name}={value}" for name, value in mine.items())}
    browser.cookies.clear()
    tampered = back.replace("state=", "state=x")
    assert (await browser.get(tampered, headers=header)).status_code == 401
    assert (await browser.get(f"{PATH}/callback?error=access_denied&state=x", headers=header)).status_code == 401
    broken = {"cookie": header["cookie"][:-3] + "xxx"}
    assert (await browser.get(back, headers=broken)).status_code == 401
    assert (await browser.get(back, headers=header)).status_code == 303


async def test_a_code_is_worth_nothing_without_its_verifier(browser: httpx.AsyncClient, provider: Running) -> None:
    """Somebody who saw the code tries it in a sign-in of their own."""
    stolen = parse_qs(urlsplit(await there(await begun(browser), provider.known)).query)["code"][0]
    browser.cookies.clear()
    own = parse_qs(urlsplit(await begun(browser)).query)["state"][0]
    answer = await browser.get(f"{PATH}/callback", params={"code": stolen, "state": own})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated.oidc")


async def test_a_provider_that_is_away_says_so(served: App) -> None:
    changes = {"oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": "mnemon"}
    settings = served.settings.model_copy(update=changes)
    own = replace(served, settings=settings, context=replace(served.context, settings=settings))
    async for client in client_of(create(settings, ServeOptions(per_minute=0, mcp=False), app=own)):
        assert (await client.get(PATH)).status_code == 503


def test_without_a_provider_there_is_none(served_settings: Any) -> None:
    with pytest.raises(NotFound):
        Provider(served_settings)


@pytest.fixture
def served_settings(app: App) -> Any:
    return app.settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://other.example"},
        {"aud": "somebody-else"},
        {"aud": ["mnemon", "other"]},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
    ],
)
def test_a_token_that_is_not_for_us_now_is_refused(app: App, wrong: dict[str, Any]) -> None:
    provider, key = checker(app)
    good = claims()
    assert provider._checked(jwt.encode({"alg": "RS256"}, good, key), "n")["email"] == "a@example.org"
    bad = {name: value for name, value in {**good, **wrong}.items() if value is not None}
    with pytest.raises(Unauthenticated):
        provider._checked(jwt.encode({"alg": "RS256"}, bad, key), "n")


def test_a_token_that_the_provider_did_not_sign_is_refused(app: App) -> None:
    provider, key = checker(app)
    other = RSAKey.generate_key(2048)
    plain = jwt.encode({"alg": "RS256"}, claims(), key).split(".")
    none = "eyJhbGciOiJub25lIn0." + plain[1] + "."
    for token in (
        jwt.encode({"alg": "RS256", "kid": key.kid}, claims(), other),
        symmetric(key.as_pem(private=False), plain[1]),
        none,
        ".".join([plain[0], plain[1], ""]),
        "",
        "x.y.z",
    ):
        with pytest.raises(Unauthenticated):
            provider._checked(token, "n")


def symmetric(secret: bytes, body: str) -> str:
    """A token that is signed with the provider's public key, as if it were a shared secret."""
    head = base64.urlsafe_b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
    digest = hmac.digest(secret, f"{head}.{body}".encode(), "sha256")
    return f"{head}.{body}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def checker(app: App) -> tuple[Provider, RSAKey]:
    changes = {"oidc_issuer": "https://login.example", "oidc_client_id": "mnemon"}
    provider = Provider(app.settings.model_copy(update=changes))
    key = RSAKey.generate_key(2048, auto_kid=True)
    provider._keys = {"keys": [key.as_dict(private=False)]}
    return provider, key


def claims() -> dict[str, Any]:
    return {
        "iss": "https://login.example",
        "aud": "mnemon",
        "sub": "1",
        "nonce": "n",
        "exp": int(time.time()) + 60,
        "email": "a@example.org",
        "email_verified": True,
    }
