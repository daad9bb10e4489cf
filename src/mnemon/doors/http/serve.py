"""Runs the application: one process or several, a worker of the queue beside it, and a clean stop."""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.supervisors import Multiprocess

from mnemon.app import start
from mnemon.core.errors import Invalid, Unavailable
from mnemon.core.settings import Settings
from mnemon.doors.http import setup
from mnemon.doors.http.app import create
from mnemon.doors.http.connections import Patient
from mnemon.doors.http.options import ServeOptions

if TYPE_CHECKING:
    from fastapi import FastAPI


@dataclass(frozen=True, slots=True)
class Tls:
    """How TLS is ended: here with a certificate, or by a proxy in front.

    Attributes:
        certificate, key: files in PEM form.
        in_front: a proxy ends it.
        proxies: addresses of proxies whose word about a caller's address is taken.
    """

    certificate: Path | None = None
    key: Path | None = None
    in_front: bool = False
    proxies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Making:
    """Makes the application in whatever process is to serve it."""

    settings: Settings
    options: ServeOptions

    def __call__(self) -> FastAPI:
        """Return the application."""
        return create(self.settings, self.options)


def refuse_open(options: ServeOptions, tls: Tls) -> None:
    """Refuse to listen where others could read along, or could be taken for this machine.

    Raises:
        Invalid: it is so, with what to say.
    """
    if options.trust_loopback and (not options.is_loopback or tls.in_front):
        raise Invalid(
            "--trust-loopback is for a server that this machine alone can reach, with no proxy in front of it.",
            code="invalid.trust_loopback",
            hint="Leave it out, and give callers API keys.",
        )
    if (tls.certificate is None) is not (tls.key is None):
        raise Invalid("A certificate and its key belong together: give both.", code="invalid.certificate")
    if not options.is_loopback and tls.certificate is None and not tls.in_front:
        raise Invalid(
            f"Whoever reaches {options.host} could read keys along the way: nothing ends TLS.",
            code="invalid.no_tls",
            hint="Give --certificate and --certificate-key, or --behind-proxy where a proxy ends TLS.",
        )


async def first_link(settings: Settings, options: ServeOptions, *, secure: bool) -> tuple[ServeOptions, str | None]:
    """Return the options with what the one-time link carries, and the link; none where somebody can come in already.

    Raises:
        MnemonError: what starting the application raises.
    """
    app = await start(settings)
    try:
        if not await setup.is_needed(app.context):
            return options, None
    finally:
        await app.close()
    token = secrets.token_urlsafe(32)
    return replace(options, setup=token), f"{address(options, secure=secure)}/setup?token={token}"


def address(options: ServeOptions, *, secure: bool) -> str:
    """Return where the server can be reached from this machine."""
    host = "127.0.0.1" if options.host in {"0.0.0.0", "::"} else options.host  # noqa: S104 - compared, not bound
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{options.port}"


def serve(settings: Settings, options: ServeOptions, tls: Tls, *, workers: int = 1) -> None:
    """Serve until SIGTERM or Ctrl-C; what runs then is finished.

    Args:
        settings: where and how the memory is kept.
        options: how it is served.
        tls: how TLS is ended.
        workers: processes that answer; with more than one, the queue's worker is a process of its own.

    Raises:
        Invalid: it would listen where it must not.
        Unavailable: the port is taken, or the application does not start.
    """
    refuse_open(options, tls)
    several = workers > 1
    config = _config(settings, replace(options, worker=options.worker and not several), tls, workers)
    listening = _bound(options)
    with contextlib.closing(listening):
        if not several:
            server = uvicorn.Server(config)
            with _told_to_stop(server):
                server.run(sockets=[listening])
            if not server.started:
                raise Unavailable("The server did not start; the lines above say why.", code="unavailable.server")
            return
        with _worker_beside(settings) if options.worker else contextlib.nullcontext():
            Multiprocess(config, sockets=[listening]).run()


@contextlib.contextmanager
def _told_to_stop(server: uvicorn.Server) -> Iterator[None]:
    """Let a signal that the server has obeyed be the end of it, and not of the process as well."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}

    def obey(number: int, frame: FrameType | None) -> None:
        if not server.should_exit:  # it has not begun yet
            raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, obey)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _config(settings: Settings, options: ServeOptions, tls: Tls, workers: int) -> uvicorn.Config:
    return uvicorn.Config(
        Making(settings, options),
        factory=True,
        http=Patient,
        ws="none",
        lifespan="on",
        workers=workers,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=int(options.grace),
        limit_concurrency=options.connections or None,
        proxy_headers=bool(tls.proxies),
        forwarded_allow_ips=list(tls.proxies) or None,
        ssl_certfile=tls.certificate,
        ssl_keyfile=tls.key,
    )


def _bound(options: ServeOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        listening = socket.create_server((options.host, options.port), family=family, backlog=2048)
    except OSError as error:
        raise Unavailable(
            f"Nothing can listen at {options.host}, port {options.port}: {error.strerror or error}.",
            code="unavailable.port",
            hint="Another program may have it: choose one with --port.",
        ) from None
    listening.set_inheritable(True)
    return listening


@contextlib.contextmanager
def _worker_beside(settings: Settings) -> Iterator[None]:
    """Run the queue's worker as a process of its own for the length of the block."""
    command = [sys.executable, "-m", "mnemon", "--quiet", "worker"]
    if settings.data_dir is not None and settings.database_url is None:
        command += ["--data-dir", str(settings.data_dir)]
    process = subprocess.Popen(command)  # noqa: S603 - ourselves
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
