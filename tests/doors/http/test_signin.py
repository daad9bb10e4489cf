"""Signing in over HTTP: cookies that no script reads, calls that come from a page, codes, links, and signing out."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest_asyncio
from pydantic import SecretStr

from mnemon.app import App
from mnemon.core.crypto import new_secret_key, totp, totp_step
from mnemon.doors.http.app import create
from mnemon.doors.http.options import ServeOptions
from mnemon.identity import service as identity
from mnemon.identity.schemas import UserCreate
from mnemon.identity.schemas_access import RoleAssign, TotpCheck, TotpEnrol
from mnemon.identity.schemas_signin import AccountMail
from mnemon.jobs import service as jobs
from mnemon.jobs.schemas import ListJobs
from tests.factories import new_slug

from .conftest import client_of

PASSWORD, OTHER = "seven green lanterns", "eleven blue kettles"
SIGNIN = "/v1/signin"


@pytest_asyncio.fixture
async def served(app: App, tmp_path: Path) -> App:
    """The open application of a fresh organisation, which can send into a file."""
    context = await app.organization(new_slug())
    changes: dict[str, Any] = {
        "secret_key": SecretStr(new_secret_key()),
        "public_url": "http://127.0.0.1",
        "mail_url": SecretStr(f"file://{tmp_path}/sent"),
        "sms_url": SecretStr(f"file://{tmp_path}/sent"),
    }
    settings = app.settings.model_copy(update=changes)
    return replace(app, settings=settings, context=replace(context, settings=settings))


@pytest_asyncio.fixture
async def browser(served: App) -> AsyncIterator[httpx.AsyncClient]:
    """A client that keeps cookies."""
    async for client in client_of(create(served.settings, ServeOptions(per_minute=0, mcp=False), app=served)):
        yield client


async def person(served: App) -> tuple[UUID, str]:
    email = f"{new_slug('p')}@example.org"
    user = await identity.create_user(served.context, UserCreate(email=email, password=SecretStr(PASSWORD)))
    await identity.assign_role(served.context, RoleAssign(user_id=user.id, role="member"))
    return user.id, email


async def sign_in(browser: httpx.AsyncClient, email: str, **fields: Any) -> httpx.Response:
    return await browser.post(SIGNIN, json={"email": email, "password": PASSWORD, **fields})


async def test_a_browser_signs_in_acts_and_signs_out(served: App, browser: httpx.AsyncClient) -> None:
    user, email = await person(served)
    answer = await sign_in(browser, email)
    assert answer.status_code == 200
    assert "access_token" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    who = (await browser.get(SIGNIN)).json()
    assert (who["user_id"], who["csrf_token"]) == (str(user), answer.json()["csrf_token"])
    task = {"title": "Call", "user_id": str(user)}
    refused = await browser.post("/v1/tasks", json=task)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden.csrf")
    for wrong in ("", "0" * 64, answer.json()["csrf_token"][:-1]):
        assert (await browser.post("/v1/tasks", json=task, headers={"X-CSRF-Token": wrong})).status_code == 403
    page = {"X-CSRF-Token": answer.json()["csrf_token"]}
    assert (await browser.post("/v1/tasks", json=task, headers=page)).status_code == 201
    assert (await browser.get("/v1/tasks")).status_code == 200
    stolen = dict(browser.cookies)
    assert (await browser.delete(SIGNIN)).status_code == 403
    assert (await browser.delete(SIGNIN, headers=page)).status_code == 204
    assert not browser.cookies
    again = await browser.get(SIGNIN, headers={"cookie": "; ".join(f"{k}={v}" for k, v in stolen.items())})
    assert again.status_code == 401


async def test_cookies_are_for_no_script_no_other_site_and_https(served: App) -> None:
    _, email = await person(served)
    for secure in (False, True):
        options = ServeOptions(per_minute=0, mcp=False, secure=secure)
        async for client in client_of(create(served.settings, options, app=served)):
            answer = await sign_in(client, email)
            cookies = answer.headers.get_list("set-cookie")
            assert len(cookies) == 3
            for cookie in cookies:
                assert "SameSite=lax" in cookie
                assert ("Secure" in cookie) is secure
                assert ("HttpOnly" in cookie) is not cookie.startswith("mnemon_csrf")


async def test_a_program_gets_its_tokens(served: App, browser: httpx.AsyncClient) -> None:
    user, email = await person(served)
    answer = await sign_in(browser, email, cookies=False)
    assert not browser.cookies
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (
        await browser.post("/v1/tasks", json={"title": "Call", "user_id": str(user)}, headers=bearer)
    ).status_code == 201


async def test_a_session_is_prolonged_and_a_copy_of_its_token_ends_it(served: App, browser: httpx.AsyncClient) -> None:
    _, email = await person(served)
    page = {"X-CSRF-Token": (await sign_in(browser, email)).json()["csrf_token"]}
    before = dict(browser.cookies)
    assert (await browser.post(f"{SIGNIN}/refresh")).status_code == 403
    renewed = await browser.post(f"{SIGNIN}/refresh", headers=page)
    assert renewed.status_code == 200
    assert renewed.json()["csrf_token"] == page["X-CSRF-Token"]
    assert (await browser.get(SIGNIN)).status_code == 200
    copied = {**page, "cookie": "; ".join(f"{k}={v}" for k, v in before.items())}
    browser.cookies, kept = httpx.Cookies(), browser.cookies
    thief = await browser.post(f"{SIGNIN}/refresh", headers=copied)
    assert (thief.status_code, thief.json()["code"]) == (401, "unauthenticated.refresh_reused")
    browser.cookies = kept
    assert (await browser.get(SIGNIN)).status_code == 401


async def test_a_code_is_asked_for_where_there_is_a_second_factor(served: App, browser: httpx.AsyncClient) -> None:
    user, email = await person(served)
    enrolled = await identity.enrol_totp(served.context, TotpEnrol(user_id=user))
    secret, step = enrolled.secret.get_secret_value(), totp_step(served.context.clock.now())
    await identity.verify_totp(served.context, TotpCheck(user_id=user, code=totp(secret, step - 1)))
    asked = (await sign_in(browser, email)).json()
    assert asked["factors"] == ["totp"]
    assert not browser.cookies
    wrong = await browser.post(f"{SIGNIN}/code", json={"challenge": asked["challenge"], "code": "000000"})
    assert wrong.status_code == 401
    right = await browser.post(f"{SIGNIN}/code", json={"challenge": asked["challenge"], "code": totp(secret, step)})
    assert right.status_code == 200
    assert (await browser.get(SIGNIN)).json()["user_id"] == str(user)


async def test_a_form_of_another_site_signs_nobody_in(served: App, browser: httpx.AsyncClient) -> None:
    _, email = await person(served)
    body = json.dumps({"email": email, "password": PASSWORD})
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = await browser.post(SIGNIN, content=body, headers={"content-type": kind})
        assert answer.status_code == 415
    for wrong in ("[]", "{", '{"email": 1}', '{"email": "a", "password": "b", "more": 1}'):
        answer = await browser.post(SIGNIN, content=wrong, headers={"content-type": "application/json"})
        assert answer.status_code == 400, answer.text
    assert not browser.cookies


async def test_a_lost_password_is_set_on_the_page_that_the_mail_leads_to(
    served: App, browser: httpx.AsyncClient, tmp_path: Path
) -> None:
    _, email = await person(served)
    answers = [
        await browser.post(f"{SIGNIN}/reset", json={"email": one}) for one in (email, f"{new_slug()}@example.org")
    ]
    assert {(one.status_code, one.text) for one in answers} == {(202, "")}
    for job in (await jobs.list_jobs(served.context, ListJobs(kind="identity.send_account_mail"))).items:
        await identity.send_account_mail(served.context, AccountMail.model_validate(job.payload))
    mail = json.loads((tmp_path / "sent").read_text(encoding="utf-8"))
    found = re.search(r"(/password\?token=(\S+))", mail["text"])
    assert found is not None
    page = await browser.get(found[1])
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    weak = await browser.post("/password", data={"token": found[2], "password": "password"})
    assert (weak.status_code, "role=alert" in weak.text) == (400, True)
    assert (await browser.post("/password", data={"token": found[2], "password": OTHER})).status_code == 200
    assert (await browser.post("/password", data={"token": found[2], "password": OTHER})).status_code == 400
    api = await browser.post(f"{SIGNIN}/password", json={"token": found[2], "password": OTHER})
    assert (api.status_code, api.json()["code"]) == (401, "unauthenticated.token")
    assert (await sign_in(browser, email)).status_code == 401
    assert (await sign_in(browser, email, password=OTHER)).status_code == 200


async def test_what_is_shown_of_a_token_is_no_script(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/password", params={"token": '"><script>alert(1)</script>'})
    assert "<script" not in page.text


async def test_many_guesses_are_slowed_down_and_others_come_in(served: App, browser: httpx.AsyncClient) -> None:
    (_, email), (_, other) = await person(served), await person(served)
    guesses = [sign_in(browser, email, password=f"wrong guess {n}", cookies=False) for n in range(20)]
    answers = [one.json()["code"] for one in await asyncio.gather(*guesses)]
    assert answers.count("unauthenticated.password") <= 6
    assert answers.count("unauthenticated.password_locked") >= 14
    locked = await sign_in(browser, email)
    assert (locked.status_code, locked.json()["code"]) == (401, "unauthenticated.password_locked")
    assert (await sign_in(browser, other)).status_code == 200
