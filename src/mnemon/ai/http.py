"""Asking a model over HTTP: one JSON request with its retries, time limit and errors, for every provider that needs it.

The key is sent in the ``Authorization`` header and appears nowhere else: not in messages, logs or ``repr``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from mnemon.core import forks
from mnemon.core.backoff import Backoff
from mnemon.core.errors import Invalid, MnemonError, Unauthenticated, Unavailable
from mnemon.core.loops import Home

_log = logging.getLogger(__name__)

#: Full jitter: anywhere from nothing to the doubled limit.
_BACKOFF = Backoff(0.5, 20.0, jitter=1)
#: Seconds, of which a random part is added to what a server asks for, so that not all return together.
_SPREAD = 0.1
_CONNECT_TIMEOUT = 10.0
_LONGEST_DETAIL = 200


class JsonEndpoint:
    """An HTTP endpoint that takes JSON and answers JSON; belongs to one event loop at a time.

    Args:
        base_url: http or https, without user, query or fragment; paths are appended to it.
        api_key: sent as a bearer token; None sends none.
        timeout: seconds for one request with all its retries, counted from when it gets its turn.
        attempts: how often one request is tried at most.
        concurrency: how many requests may be under way at once; the others wait their turn.
        settings: prefix of the settings that hold the key and address, for hints: ``EMBEDDING``.

    Raises:
        Invalid: the address or the key cannot be used as they are.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None,
        timeout: float,
        attempts: int = 5,
        concurrency: int = 4,
        settings: str = "EMBEDDING",
    ) -> None:
        self._settings = settings
        url = _checked_url(base_url, settings)
        self.host = url.netloc.decode("ascii")
        self._key = _checked_key(api_key, settings)
        self._timeout = timeout
        self._attempts = attempts
        self._concurrency = concurrency
        # Half the time for one attempt, so that a hung connection leaves room for a second.
        self._attempt_timeout = timeout / 2 if attempts > 1 else timeout
        self._url = url
        self._home = Home("provider of embeddings")
        self._begin()
        forks.in_child(self)

    def forked(self) -> None:
        """Leave the connections to the parent."""
        forks.leave(self._client, self._slots)  # others are made when they are needed: another process is at home there

    def _begin(self) -> None:
        """Begin with no connections."""
        many = self._concurrency
        self._slots = asyncio.Semaphore(many)
        self._client = httpx.AsyncClient(
            base_url=self._url,
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=httpx.Timeout(self._attempt_timeout, connect=min(_CONNECT_TIMEOUT, self._attempt_timeout)),
            limits=httpx.Limits(max_connections=many, max_keepalive_connections=many),
            trust_env=not _is_loopback(self._url.host),  # no proxy leads to this machine itself
        )

    def __repr__(self) -> str:
        return f"JsonEndpoint({self.host})"

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Sends ``body`` and gives the answer's JSON.

        Too many requests (429), server errors, timeouts and lost connections are tried again after a random, doubling
        delay, or after what the server asks for in ``Retry-After`` when that ends within the time limit.

        Raises:
            Unauthenticated: 401 or 403.
            Invalid: any other refusal; ``data["status"]`` is the HTTP status.
            Unavailable: no good answer within the attempts and the time; ``data["retry_after"]`` holds what the
                server asked for, in seconds, if it did.
        """
        if self._home.moved():
            self._begin()
        content = json.dumps(body, separators=(",", ":")).encode()
        async with self._slots:
            return await self._post(path, content)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._home.moved():
            self._begin()  # the connections of another loop ended with it
        await self._client.aclose()
        self._home.leave()

    async def _post(self, path: str, content: bytes) -> Any:
        deadline = time.monotonic() + self._timeout
        attempt = 0
        while True:
            attempt += 1
            wait: float | None = None
            try:
                response = await self._send(path, content, deadline)
            except (TimeoutError, httpx.TimeoutException):
                problem = "did not answer in time"
            except httpx.RequestError as error:
                problem = f"could not be reached ({self._clean(str(error)) or type(error).__name__})"
            else:
                if response.is_success:
                    return self._json(response)
                problem = self._problem(response)
                wait = _retry_after(response)
            delay = _BACKOFF.after(attempt) if wait is None else wait + random.uniform(0, _SPREAD)
            if attempt >= self._attempts or time.monotonic() + delay >= deadline:
                raise self._unavailable(problem, attempt, wait)
            _log.info("%s %s; attempt %d follows in %.1f s", self.host, problem, attempt + 1, delay)
            await asyncio.sleep(delay)

    async def _send(self, path: str, content: bytes, deadline: float) -> httpx.Response:
        seconds = min(self._attempt_timeout, deadline - time.monotonic())
        # httpx limits each wait for bytes; a server that drips them slowly needs this limit on the whole.
        async with asyncio.timeout(seconds):
            return await self._client.post(path, content=content, headers={"Content-Type": "application/json"})

    def _problem(self, response: httpx.Response) -> str:
        """Return what is wrong, where trying again may help; everything else is raised."""
        status = response.status_code
        if status in (401, 403):
            raise Unauthenticated(
                f"{self.host} refuses the credentials (HTTP {status}).",
                code="unauthenticated.provider",
                hint=f"Set {self._settings}_API_KEY to a key that is valid there.",
                status=status,
            )
        detail, code = _detail(response)
        detail = self._clean(detail)
        if status == 429 and code == "insufficient_quota":
            raise Unavailable(
                f"The account at {self.host} has no quota left.", code="unavailable.provider_quota", status=status
            )
        if status in (408, 425, 429) or status >= 500:
            return f"answered HTTP {status}" + (f" ({detail})" if detail else "")
        hint = f"Check {self._settings}_BASE_URL." if status < 400 or status in (404, 405) else None
        raise Invalid(
            f"{self.host} refuses the request (HTTP {status}){': ' + detail if detail else ''}.",
            code="invalid.provider_request",
            hint=hint,
            status=status,
        )

    def _json(self, response: httpx.Response) -> Any:
        try:
            return json.loads(response.content)
        except (ValueError, RecursionError):
            raise Unavailable(
                f"{self.host} answered with something that is not JSON.",
                code="unavailable.provider_answer",
                hint=f"Check {self._settings}_BASE_URL.",
            ) from None

    def _unavailable(self, problem: str, attempts: int, retry_after: float | None) -> MnemonError:
        times = "once" if attempts == 1 else f"{attempts} times"
        data: dict[str, Any] = {"attempts": attempts}
        hint = None
        if retry_after is not None:
            data["retry_after"] = retry_after
            hint = f"It asks to wait {retry_after:g} s."
        return Unavailable(f"{self.host} {problem}; tried {times}.", code="unavailable.provider", hint=hint, **data)

    def _clean(self, text: str) -> str:
        """Foreign text for a message: on one line, short, without the key."""
        if self._key:
            text = text.replace(self._key, "***")
        return " ".join(text.split())[:_LONGEST_DETAIL].rstrip(". ")


def _checked_url(base_url: str, settings: str) -> httpx.URL:
    field = f"{settings.lower()}_base_url"

    def invalid(reason: str) -> Invalid:
        return Invalid(f"{settings}_BASE_URL {reason}.", code=f"invalid.{field}", field=field)

    try:
        url = httpx.URL(base_url.strip())
    except (httpx.InvalidURL, ValueError):
        raise invalid("is not a URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise invalid("must begin with http:// or https:// and name a host")
    if url.userinfo or url.query or url.fragment:
        raise invalid(f"must hold no user, query or fragment; a credential belongs in {settings}_API_KEY")
    return url


def _checked_key(api_key: str | None, settings: str) -> str | None:
    """Return the key without the blanks that files and shells leave around it; refuse one that no header can carry."""
    key = (api_key or "").strip()
    if not (key.isascii() and key.isprintable()):
        field = f"{settings.lower()}_api_key"
        raise Invalid(f"{settings}_API_KEY holds characters that no key has.", code=f"invalid.{field}", field=field)
    return key or None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _retry_after(response: httpx.Response) -> float | None:
    """Return seconds that the server asks to wait, given as a number or as a date; None if it does not say."""
    value = response.headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if seconds == seconds else None


def _detail(response: httpx.Response) -> tuple[str, str | None]:
    """Return the server's own message and code, in the shapes that OpenAI, Ollama, vLLM and LiteLLM give them."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return "", None
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"]
    if not isinstance(body, dict):
        return "", None
    message = next((body[key] for key in ("message", "error", "detail") if isinstance(body.get(key), str)), "")
    code = body.get("code")
    return message, code if isinstance(code, str) else None
