"""Opens a connection to where an address leads: its hosts one after the other, with TLS or without, as libpq does."""

from __future__ import annotations

import getpass
import os
import random
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import asyncpg

from mnemon.db.address import Address, Host
from mnemon.db.connection import connect
from mnemon.db.refused import refused
from mnemon.db.tls import Encryption, tries
from mnemon.db.unreachable import NotReached

#: What lets the next host be tried; a server that refuses the login has been reached.
_NEXT = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.TargetServerAttributeNotMatched,
)
#: What TLS, or its absence, cannot have caused.
_NOT_TLS = (TimeoutError, ConnectionRefusedError, FileNotFoundError, PermissionError, socket.gaierror)

_NUMBERS = ("statement_cache_size", "max_cached_statement_lifetime", "max_cacheable_statement_size")


async def reach(address: Address, *, timeout: float | None, server_settings: Mapping[str, str], **options: Any) -> Any:  # noqa: ASYNC109 - for each host, the driver's
    """Open a connection outside any pool.

    Args:
        address: where to, and as whom.
        timeout: seconds for each host, where the address says nothing; None: no limit.
        server_settings: what is set on the connection, beside what the address sets.
        options: further ones of asyncpg's ``connect``.

    Raises:
        Invalid: the address cannot be used.
        Unavailable: a server refuses the login; another error of the driver's where none could be reached.
    """
    values = {
        **driver_options(address),
        "timeout": address.timeout(timeout),
        "server_settings": address.settings(server_settings),
    }
    encryptions = tries(address)
    attempts: list[tuple[Host, BaseException]] = []
    for attributes in _passes(address):
        for host in _ordered(address):
            try:
                driver = await _enter(host, attributes, encryptions, {**values, **options})
            except _NEXT as error:
                attempts.append((host, error))
            except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                raise refused(error, address) from error
            else:
                _keep_alive(driver, address)
                return driver
    raise NotReached(address, attempts) from attempts[-1][1]


def creator(address: Address) -> Callable[..., Awaitable[Any]]:
    """Return how SQLAlchemy opens a connection: the address says where, whatever the engine's URL shows."""

    async def create(**options: Any) -> Any:
        for name in ("host", "port", "user", "password", "database"):
            options.pop(name, None)
        return await reach(address, **options)

    return create


def driver_options(address: Address) -> dict[str, Any]:
    """Return the driver's options but for those that change from host to host.

    Raises:
        Invalid: it names no role, and the process's user has no name.
    """
    values = address.parameters
    options: dict[str, Any] = {
        "user": address.user or _user(address),
        "password": address.password,
        "database": address.database,
        "direct_tls": values.get("sslnegotiation") == "direct",
    }
    options |= {name: values[name] for name in ("passfile", "krbsrvname", "gsslib") if name in values}
    options |= {name: int(values[name]) for name in _NUMBERS if name in values}
    if "command_timeout" in values:
        options["command_timeout"] = float(values["command_timeout"])
    return options


def _user(address: Address) -> str:
    try:
        return os.environ.get("PGUSER") or getpass.getuser()
    except (KeyError, OSError):
        raise address.refused(
            "it names no role, and the user of this process has no name.",
            "Name the role: postgresql://role:password@host/database.",
        ) from None


def _passes(address: Address) -> tuple[str, ...]:
    choices = address.parameters.get("target_session_attrs", "any")
    return ("standby", "any") if choices == "prefer-standby" else (choices,)


def _ordered(address: Address) -> list[Host]:
    hosts = list(address.hosts)
    if address.parameters.get("load_balance_hosts") == "random":
        random.shuffle(hosts)
    return hosts


async def _enter(host: Host, attributes: str, encryptions: tuple[Encryption, ...], options: dict[str, Any]) -> Any:
    """Connect to one host, with TLS or without in the order that is wanted."""
    ways: tuple[Encryption, ...] = (False,) if host.is_socket else encryptions
    refusal: BaseException | None = None
    for number, encryption in enumerate(ways, 1):
        try:
            return await connect(
                host=host.at or host.name or None,
                port=host.port,
                ssl=encryption,
                target_session_attrs=attributes,
                **options,
            )
        except _NOT_TLS:
            raise
        except (OSError, asyncpg.InvalidAuthorizationSpecificationError) as error:
            if isinstance(error, asyncpg.InvalidPasswordError):
                raise
            if number == len(ways):
                # With TLS and without it the server says no: what it said first is about the login.
                if isinstance(refusal, asyncpg.PostgresError):
                    raise refusal from None
                raise
            refusal = error
    raise AssertionError("there is no way")


def _keep_alive(driver: Any, address: Address) -> None:
    """Have the system notice a server that is gone without a word, as libpq does."""
    values = address.parameters
    own_socket = driver._transport.get_extra_info("socket")  # noqa: SLF001 - the driver shows its socket nowhere else
    if own_socket is None or own_socket.family == getattr(socket, "AF_UNIX", None):
        return
    idle = getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", None))
    kinds = {
        "keepalives_idle": idle,
        "keepalives_interval": getattr(socket, "TCP_KEEPINTVL", None),
        "keepalives_count": getattr(socket, "TCP_KEEPCNT", None),
        "tcp_user_timeout": getattr(socket, "TCP_USER_TIMEOUT", None),
    }
    choices = {kind: int(values[name]) for name, kind in kinds.items() if kind is not None and int(values.get(name, 0))}
    # A second descriptor of the same socket: an event loop's own object need not have setsockopt.
    with socket.socket(fileno=os.dup(own_socket.fileno())) as same, suppress(OSError):
        same.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(values.get("keepalives", "1")))
        for kind, value in choices.items():
            same.setsockopt(socket.IPPROTO_TCP, kind, value)
