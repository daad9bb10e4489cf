"""Calls verbs of a server over HTTP: the same requests, answers and errors as in this process."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Collection, Coroutine, Mapping
from datetime import tzinfo
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import uuid4

import httpx
from pydantic import SecretStr

from mnemon import verbs
from mnemon._version import __version__
from mnemon.context import Context
from mnemon.core import forks, times
from mnemon.core.backoff import Backoff
from mnemon.core.errors import Invalid, MnemonError, Unavailable
from mnemon.core.loops import Home
from mnemon.doors import routes
from mnemon.doors.library import refusals
from mnemon.doors.routes import wire
from mnemon.doors.routes.table import Route
from mnemon.identity import service as identity
from mnemon.identity.schemas import TimezonesOf

P = ParamSpec("P")
R = TypeVar("R")

#: What is waited for: a connection, and an answer. A server ends a call after two minutes by itself.
_TIMEOUT = httpx.Timeout(150.0, connect=10.0)
_CONNECTIONS = httpx.Limits(max_connections=50, max_keepalive_connections=20)
#: Attempts of one call, where nothing was answered or the server says to come again.
_ATTEMPTS = 4
_BACKOFF = Backoff(0.2, 5.0, jitter=0.5)
#: Seconds that a server's wish to wait is followed for.
_PATIENCE = 10.0
_AGAIN = frozenset({429, 502, 503, 504})
#: What a change is told whose first attempt still runs.
_AT_ONCE = "conflict.retry"
#: What a document of problem details has beside the data of an error.
_PROBLEM = frozenset({"type", "title", "status", "detail", "code", "hint"})


class Remote:
    """Calls verbs of a server.

    Connections are opened when they are needed, and belong to one event loop and one process at a time. A call that is
    not answered is made again; one that changes something carries a key, by which the server does it once.

    Args:
        url: where the server is: ``https://memory.example.org``; a path before ``/v1`` may be a part of it.
        api_key: sent as a bearer token; None: the server knows this machine.

    Raises:
        Invalid: the address or the key cannot be used as it is.
    """

    def __init__(self, url: str, api_key: str | SecretStr | None = None) -> None:
        self._url = _checked_url(url)
        self._host = self._url.netloc.decode("ascii")
        self._key = _checked_key(api_key)
        self._client: httpx.AsyncClient | None = None
        self._home = Home("connection to the server")
        forks.in_child(self)

    def __repr__(self) -> str:
        return f"Remote({self._host})"

    def forked(self) -> None:
        """Leave the connections to the parent."""
        forks.leave(self._client)
        self._client = None

    async def aclose(self) -> None:
        """Close the connections; another call opens new ones."""
        client = None if self._home.moved() else self._client
        self._client = None
        self._home.leave()
        if client is not None:
            await client.aclose()

    async def call(
        self, verb: Callable[Concatenate[Context, P], Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call a verb with what it takes after its context, and return its answer.

        Raises:
            MnemonError: what the server refuses, as the verb raises it.
            Invalid: HTTP does not offer the verb.
            Unavailable: the server cannot be reached.
        """
        name = f"{verb.__module__.split('.')[1]}.{verb.__name__}"
        wanted_verb = verbs.find(name)
        route = _offered(name)
        arguments: dict[str, Any] = dict(zip(wanted_verb.parameters, args, strict=False)) | kwargs
        if wanted_verb.request is not None:
            call = wire.encode(route, arguments[next(iter(wanted_verb.parameters))])
        else:
            call = wire.encode(route, **arguments)
        response = await self._answered(call, changes=wanted_verb.changes)
        try:
            answer: R = wire.answer_of(name).load(response.content)
        except ValueError:
            raise self._strange(response) from None
        return answer

    async def zones(self, people: Collection[str]) -> dict[str, tzinfo]:
        """Return the zones of those of the people who have one."""
        found = await self.call(identity.read_timezones, TimezonesOf(users=tuple(people)))
        return {one.user: times.zone(one.timezone) for one in found}

    async def _answered(self, call: wire.Call, *, changes: bool) -> httpx.Response:
        """Return the good answer to a call, after as many attempts as it takes."""
        headers = {"Idempotency-Key": uuid4().hex} if changes else dict[str, str]()
        attempt = 0
        while True:
            attempt += 1
            wait = 0.0
            try:
                response = await self._send(call, headers)
            except (httpx.TransportError, httpx.InvalidURL) as error:
                problem: MnemonError = Unavailable(
                    f"{self._host} cannot be reached ({type(error).__name__}).",
                    code="unavailable.server",
                    hint="Check the address, and that `mnemon serve` runs there.",
                )
            else:
                if response.is_success:
                    return response
                problem = self._refused(response)
                wait = _seconds(response.headers.get("retry-after"))
                if wait > _PATIENCE or not (response.status_code in _AGAIN or problem.code == _AT_ONCE):
                    raise problem
            if attempt >= _ATTEMPTS:
                raise problem
            await asyncio.sleep(max(wait, _BACKOFF.after(attempt)))

    async def _send(self, call: wire.Call, headers: Mapping[str, str]) -> httpx.Response:
        if self._home.moved() or self._client is None:
            self._client = self._opened()
        return await self._client.request(
            call.method, f"/v1{call.path}", params=list(call.query), json=call.body, headers=dict(headers)
        )

    def _opened(self) -> httpx.AsyncClient:
        headers = {"User-Agent": f"mnemon/{__version__}", "Accept": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        return httpx.AsyncClient(
            base_url=self._url,
            headers=headers,
            timeout=_TIMEOUT,
            limits=_CONNECTIONS,
            trust_env=not _is_near(self._url.host),  # no proxy leads to this machine itself
        )

    def _refused(self, response: httpx.Response) -> MnemonError:
        """Return the error that a refusal is, of its own class."""
        try:
            problem = response.json()
            code, message = str(problem["code"]), str(problem["detail"])
        except (ValueError, KeyError, TypeError):
            return self._strange(response)
        data = {name: value for name, value in problem.items() if name not in _PROBLEM}
        return _error(code, message, problem.get("hint"), data)

    def _strange(self, response: httpx.Response) -> MnemonError:
        kind = Unavailable if response.status_code >= 500 else Invalid
        return kind(
            f"{self._host} answered {response.status_code} with something that is none of Mnemon's.",
            code=f"{kind.kind}.server",
            hint="Check that the address is that of `mnemon serve`, of this version.",
            status=response.status_code,
        )


def _offered(name: str) -> Route:
    """Return the route of a verb.

    Raises:
        Invalid: there is none.
    """
    route = routes.of(name)
    if route is None:
        why = routes.EXCEPTIONS.get(name, "it is for the machine that has the database")
        raise Invalid(f"{name} is not offered over HTTP: {why}.", code="invalid.remote", verb=name)
    return route


def _error(code: str, message: str, hint: str | None, data: Mapping[str, Any]) -> MnemonError:
    """Return an error by its code: of the class that has it for its own, else of the class of its kind."""
    kinds = {kind.default_code: kind for kind in reversed(_all(MnemonError))}
    kind = kinds.get(code) or kinds.get(code.partition(".")[0]) or MnemonError
    error = kind.__new__(kind)
    MnemonError.__init__(error, message, code=code, hint=hint, **dict(data))
    return error


def _all(kind: type[MnemonError]) -> list[type[MnemonError]]:
    """Return a class of errors and all below it."""
    return [kind, *(each for below in kind.__subclasses__() for each in _all(below))]


def _seconds(header: str | None) -> float:
    return float(header) if header is not None and header.isascii() and header.isdigit() else 0.0


def _checked_url(address: str) -> httpx.URL:
    hint = "Give it as https://memory.example.org. A database is given by name: Memory(database_url=...)."
    try:
        url = httpx.URL(address.strip())
    except (httpx.InvalidURL, ValueError):
        raise Invalid("The address of the server is no URL.", code="invalid.url", hint=hint, field="url") from None
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo or url.query or url.fragment:
        raise Invalid(
            "The address of a server has http:// or https://, a host, and no user, query or fragment.",
            code="invalid.url",
            hint=hint,
            field="url",
        )
    return url


def _checked_key(api_key: str | SecretStr | None) -> SecretStr | None:
    if api_key is None:
        return None
    key = api_key.get_secret_value() if isinstance(api_key, SecretStr) else api_key
    refusals.text("api_key", key)
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise Invalid("api_key is no key of Mnemon: it begins with mnk_.", code="invalid.api_key", field="api_key")
    return SecretStr(key)


def _is_near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
