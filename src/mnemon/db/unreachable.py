"""Why a server was not reached or would not let us in, in words: what it was, where, and what to do.

The driver's errors say it in many ways. Nothing here repeats an address, whose password is nobody's to read: places
are hosts and ports.
"""

from __future__ import annotations

import asyncio
import errno
import re
import shutil
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from mnemon.core.errors import Unavailable
from mnemon.db.address import EMBEDDED, Address, Host
from mnemon.db.embedded.model import held_directories
from mnemon.db.refused import said

#: What asyncio says in one error of several addresses of a host.
_NUMBERS = re.compile(r"\[Errno (-?\d+)\]")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_UNROUTED = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL})

#: A file of the server's log: it stops where it cannot make the next one.
_SEGMENT = 16 * 1024 * 1024

Reason = tuple[str, str, str]
"""Its name for programs, a clause that goes on after a host, and what to do."""


class NotReached(OSError):  # noqa: N818 - what happened, as the kinds of core/errors.py
    """No host of an address could be reached.

    Attributes:
        address: where it was tried.
        attempts: what each host met.
    """

    def __init__(self, address: Address, attempts: Sequence[tuple[Host, BaseException]]) -> None:
        super().__init__("; ".join(f"{host} {why(error, address)[1]}" for host, error in attempts))
        self.address = address
        self.attempts = tuple(attempts)


def not_reached(error: NotReached) -> Unavailable:
    """Return what a caller is told where no host was reached."""
    reasons = [(host, why(each, error.address)) for host, each in error.attempts]
    places = "; ".join(f"{host} {clause}" for host, (_, clause, _) in reasons)
    kinds = list(dict.fromkeys(kind for _, (kind, _, _) in reasons))
    hints = list(dict.fromkeys(hint for _, (_, _, hint) in reasons))
    tls = set(kinds) == {"tls"}
    return Unavailable(
        f"The database cannot be reached: {places}.",
        code="unavailable.tls" if tls else "unavailable.database",
        hint=" ".join(hints[:2]),
        reason=kinds[0] if len(kinds) == 1 else "several",
        setting=error.address.setting,
    )


def disk_full(directory: Path | None = None) -> Unavailable:
    """Return what a caller is told whose write found no room.

    Args:
        directory: of the embedded server that has none, if it is one; else that whose server this process holds.
    """
    if directory is None:
        directory = next(iter(sorted(held_directories())), None)
    where = "" if directory is None else f", where its data directory is: {directory}"
    return Unavailable(
        f"The disk of the database is full{where}.",
        code="unavailable.disk_full",
        hint="Nothing of the interrupted change was kept. Free some space, and try again; `mnemon doctor` says where.",
        **({} if directory is None else {"path": str(directory)}),
    )


def lost(error: BaseException) -> Unavailable:
    """Return what a caller is told whose connection ended, or who got none."""
    number = getattr(error, "errno", None)
    full = next((directory for directory in held_directories() if _is_full(directory)), None)
    if number in _FULL or full is not None:
        return disk_full(full)
    reason, message = type(error).__name__, "The database cannot be reached or went away."
    hint = "Nothing of the interrupted change was kept; check that the server runs and try again."
    if isinstance(error, asyncpg.CannotConnectNowError):
        reason, clause, hint = starting(error)
        message = f"The database cannot be reached: the server {clause}."
    elif isinstance(error, asyncpg.AdminShutdownError):
        reason, message = "ended", "The server ended the connection: it is being stopped, or an administrator ended it."
    elif isinstance(error, asyncpg.CrashShutdownError):
        reason, message = "crashed", "The server ended every connection, since one of its processes had crashed."
    elif isinstance(error, TimeoutError):
        reason, message = "timeout", "The database did not answer in time."
    return Unavailable(message, code="unavailable.database", hint=hint, reason=reason)


def _is_full(directory: Path) -> bool:
    """Tell whether a server could not write one more file of its log there."""
    try:
        return shutil.disk_usage(directory).free < _SEGMENT
    except OSError:
        return False


def why(error: BaseException, address: Address) -> Reason:
    """Return why a host was not reached."""
    if isinstance(error, ssl.SSLError | ConnectionError) and (by_tls := _tls(error, address)):
        return by_tls
    if isinstance(error, socket.gaierror):
        return _name(error, address)
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        hint = (
            f"Check the host and port in {address.setting}, the firewall between, and that the server is not paused; "
            "MNEMON_DATABASE_CONNECT_TIMEOUT (or connect_timeout) is how long is waited."
        )
        return "timeout", "did not answer in time", hint
    if isinstance(error, asyncpg.CannotConnectNowError):
        return starting(error, address)
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        attributes = address.parameters.get("target_session_attrs", "any")
        return (
            "session_attributes",
            f"is not {attributes}",
            f"target_session_attrs={attributes} in {address.setting} asks for it: name a host that is, or change it.",
        )
    return _system(error, address)


def starting(error: asyncpg.PostgresError, address: Address | None = None) -> Reason:
    """Return what a server that takes no connections just now says."""
    text = said(error, address)
    if "shutting down" in text:
        return "shutting_down", "is shutting down", "Start the server again, and try again."
    if "recovery" in text:
        return "starting", "recovers after a crash", "Try again in a moment; its log says what happened."
    if "not accepting" in text or "not yet accepting" in text:
        return "starting", f"says: {text}", "Try again in a moment, or connect to the primary."
    return "starting", "is starting up", "Try again in a moment."


def _system(error: BaseException, address: Address) -> Reason:
    numbers = {int(each) for each in _NUMBERS.findall(str(error))}
    if isinstance(error, OSError) and error.errno is not None:
        numbers.add(error.errno)
    check = f"Check that the server runs, and the host and port in {address.setting}."
    if address.setting == EMBEDDED:
        check = "It is the embedded server's: `mnemon status` says what it does, and `mnemon up` starts it."
    if isinstance(error, FileNotFoundError):
        return "no_socket", "is no socket: no server listens there", check
    if isinstance(error, PermissionError):
        hint = "Let this process's user enter the socket's directory, or connect over TCP."
        if address.setting == EMBEDDED:
            hint = "Run as the user who started the server, or set MNEMON_DATA_DIR to a directory of your own."
        return "socket_permission", "may not be entered by this process's user", hint
    if "path too long" in str(error):  # the system has no number for it
        hint = f"Name a directory with a shorter path in {address.setting}, such as a link to this one."
        return "socket_path", "has a path that is too long for a socket's", hint
    if errno.ECONNREFUSED in numbers and numbers <= {errno.ECONNREFUSED, *_UNROUTED}:
        return "refused", "refused the connection: no server listens there", check
    if numbers & _UNROUTED:
        hint = f"Check the network, and whether the host has an IPv4 address where IPv6 has no way out. {check}"
        return "no_route", "has no way from here", hint
    if numbers & {errno.EMFILE, errno.ENFILE}:
        return "too_many_files", "was not tried: this process has too many files open", "Raise `ulimit -n`."
    if isinstance(error, ConnectionError | asyncpg.PostgresConnectionError):
        return "closed", "closed the connection before it answered", f"Is it PostgreSQL that listens there? {check}"
    text = getattr(error, "strerror", None) or type(error).__name__
    return "unknown", f"cannot be used ({text})", check


def _name(error: socket.gaierror, address: Address) -> Reason:
    if error.errno == socket.EAI_AGAIN:
        hint = "Check this machine's name server (/etc/resolv.conf) and its network, and try again."
        return "name_resolution", "could not be looked up: no name server answered", hint
    return "name_resolution", "is a name that nobody knows", f"Check the host in {address.setting}."


def _tls(error: Exception, address: Address) -> Reason | None:
    """Return what TLS failed at, None where it did not."""
    text, mode = str(error), address.sslmode
    asks = f"sslmode={mode}"
    if address.parameters.get("channel_binding") == "require":
        asks = "channel_binding=require"
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = (error.verify_message or "it was not accepted").rstrip(".")
        hint = (
            f"{asks} in {address.setting} checks it. Name the file of who signed it with sslrootcert=, and the host as "
            "the certificate does; sslmode=require alone encrypts without checking."
        )
        return "tls", f"has a certificate that is not trusted: {reason}", hint
    if "rejected SSL upgrade" in text:
        hint = (
            "Turn ssl on at the server; or, where nobody else reads the network, "
            f"use sslmode=disable in {address.setting}."
        )
        return "tls", f"has no TLS, and {asks} asks for it", hint
    if "during SSL exchange" in text:
        return "tls", "refused before TLS began", "The server's log says why; it may have no connection left."
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "the handshake failed").replace("_", " ").lower()
        return (
            "tls",
            f"and this process did not agree on TLS: {reason}",
            "Check sslcert and sslkey, if the server wants a certificate, and the TLS versions of both.",
        )
    return None
