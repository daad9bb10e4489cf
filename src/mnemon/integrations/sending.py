"""Sending to addresses that somebody registered: one POST, to an address that was checked and to no other.

The name is looked up once, each address that it has is checked, and the connection goes to one of those: what the name
means a moment later is not asked. TLS still proves the name. A redirect is an answer like any other.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mnemon.core.networks import Network, refusal

if TYPE_CHECKING:
    import ssl

    import httpcore

#: Bytes that are read of an answer; of these, characters that are kept where it is no good answer.
READ, SHOWN = 16_384, 200


class Refused(Exception):  # noqa: N818 - an answer, not a failure of ours
    """Nothing may be sent there."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: the HTTP status, or why there is none; an error beside a status is what it said."""

    status_code: int | None = None
    error: str | None = None


class Sender:
    """Sends to any address of the public internet, and to the networks that are named.

    Args:
        allowed: networks beside the public internet.
        timeout: seconds for an attempt, from the look-up of the name to the end of the answer.
        tls: how names are proven; None: by the authorities that this system trusts.
    """

    def __init__(self, allowed: Sequence[Network] = (), *, timeout: float = 10.0, tls: ssl.SSLContext | None = None):
        self._allowed = tuple(allowed)
        self._timeout = timeout
        self._tls = tls

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send a body; any answer and any failure is an outcome."""
        import httpcore
        import httpx

        try:
            target = _target(httpx.URL(url))
            async with asyncio.timeout(self._timeout), self._pool(target) as pool:
                request = pool.stream("POST", target, headers=list(headers.items()), content=body)
                async with request as response:
                    beginning = await _beginning(response)
        except TimeoutError:
            return Outcome(error=f"no answer within {self._timeout:g} seconds")
        except Refused as error:
            return Outcome(error=str(error))
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            return Outcome(error=_told(error))
        except (httpx.InvalidURL, httpcore.UnsupportedProtocol, UnicodeError):
            return Outcome(error="the address cannot be read")
        return Outcome(response.status, _problem(response.status, beginning))

    @asynccontextmanager
    async def _pool(self, target: httpcore.URL) -> AsyncIterator[httpcore.AsyncConnectionPool]:
        """Give the one connection of an attempt."""
        import ssl

        import httpcore

        if target.scheme == b"https" and self._tls is None:
            self._tls = ssl.create_default_context()  # takes some 30 ms: once for all attempts
        async with httpcore.AsyncConnectionPool(
            ssl_context=self._tls,
            max_connections=1,
            max_keepalive_connections=0,
            network_backend=_checked_backend(self._allowed),
        ) as pool:
            yield pool


def _target(url: Any) -> httpcore.URL:
    import httpcore

    if url.userinfo:
        raise Refused("an address with a user or a password is not sent to")
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _checked_backend(allowed: Sequence[Network]) -> httpcore.AsyncNetworkBackend:
    """Return what opens connections: the name is looked up here and nowhere else."""
    import httpcore

    class Checked(httpcore.AnyIOBackend):
        async def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
            local_address: str | None = None,
            socket_options: Any = None,
        ) -> httpcore.AsyncNetworkStream:
            failure: Exception | None = None
            for address in await checked_addresses(host, port, allowed):
                try:
                    return await super().connect_tcp(address, port, timeout, local_address, socket_options)
                except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                    failure = error
            raise failure or httpcore.ConnectError(f"{host} has no address")

        async def connect_unix_socket(self, *_args: Any, **_kwargs: Any) -> httpcore.AsyncNetworkStream:
            raise Refused("nothing is sent to a socket of this machine")

    return Checked()


async def checked_addresses(host: str, port: int, allowed: Sequence[Network]) -> list[str]:
    """Look a name up, once, and return its addresses if every one of them may be sent to.

    Raises:
        Refused: one of them may not.
        OSError: the name is not known.
    """
    loop = asyncio.get_running_loop()
    try:
        entries = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise Refused("the name cannot be looked up") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
    for address in addresses:
        why = refusal(address, allowed)
        if why is not None:
            raise Refused(f"nothing is sent to where {host} leads: {why}")
    return addresses


async def _beginning(response: httpcore.Response) -> bytes:
    """Read the beginning of an answer; the rest is left, and the connection closed."""
    body = b""
    async for part in response.aiter_stream():
        body += part
        if len(body) >= READ:
            break
    return body[:READ]


def _problem(status: int, body: bytes) -> str | None:
    if 200 <= status <= 299:
        return None
    said = " ".join(body.decode("utf-8", "replace").split())
    said = "".join(character for character in said if character.isprintable())[:SHOWN]
    if 300 <= status <= 399:
        return f"the answer was {status}: redirects are not followed"
    return f"the answer was {status}: {said}" if said else f"the answer was {status}"


def _told(error: Exception) -> str:
    """Say what failed, without what the far end put into the words."""
    words = " ".join(str(error).split())[:SHOWN]
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
