"""serve: HTTP, and a worker inside, in one process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnemon.doors.cli.state import run, settings

if TYPE_CHECKING:
    from mnemon.doors.http.options import ServeOptions
    from mnemon.doors.http.serve import Tls


def serve(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; elsewhere than on this machine TLS must be named.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, metavar="N", help="The port.")] = 8765,
    workers: Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Processes that answer.")] = 1,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Run background jobs too, as `mnemon worker` does.")
    ] = True,
    mcp: Annotated[bool, typer.Option("--mcp/--no-mcp", help="Serve agents too, at /mcp.")] = True,
    trust_loopback: Annotated[
        bool,
        typer.Option("--trust-loopback", help="Callers of this machine need no key: they act as the organisation."),
    ] = False,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TLS certificate with its chain, PEM.", show_default=False)
    ] = None,
    certificate_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The certificate's key, PEM.", show_default=False)
    ] = None,
    behind_proxy: Annotated[bool, typer.Option("--behind-proxy", help="A proxy in front ends TLS.")] = False,
    proxies: Annotated[
        list[str] | None,
        typer.Option("--proxy", metavar="ADDRESS", help="A proxy whose X-Forwarded-For is believed; repeatable."),
    ] = None,
    per_minute: Annotated[
        int, typer.Option(min=0, max=1_000_000, metavar="N", help="Calls a minute for each key; 0: any number.")
    ] = 6000,
    open_metrics: Annotated[bool, typer.Option("--open-metrics", help="Give /metrics to other machines too.")] = False,
) -> None:
    """Serve HTTP until SIGTERM or Ctrl-C: every verb below /v1, with API keys; what runs then is finished.

    The first time it prints a link, valid once, by which the first administrator gets an account and a key.
    """
    from mnemon.doors.cli.extras import require

    require("server", "fastapi", "uvicorn", "limits", "prometheus_client")
    from mnemon.doors.http.options import ServeOptions
    from mnemon.doors.http.serve import Tls, refuse_open

    options = ServeOptions(
        host=host,
        port=port,
        worker=worker,
        mcp=mcp,
        trust_loopback=trust_loopback,
        per_minute=per_minute,
        open_metrics=open_metrics,
        secure=behind_proxy or certificate is not None,
    )
    tls = Tls(certificate, certificate_key, behind_proxy, tuple(proxies or ()))
    refuse_open(options, tls)
    _run(options, tls, workers)


def _run(options: ServeOptions, tls: Tls, workers: int) -> None:
    """Say where it serves, and serve."""
    from mnemon.doors.cli.output import say
    from mnemon.doors.http.serve import address, first_link
    from mnemon.doors.http.serve import serve as run_server

    opened, is_secure = settings(), tls.certificate is not None
    options, link = run(first_link(opened, options, secure=is_secure))
    say(f"Mnemon serves {address(options, secure=is_secure)}/v1; Ctrl-C stops it.")
    if link is not None:
        say(f"The first administrator comes in once by {link}")
    run_server(opened, options, tls, workers=workers)
