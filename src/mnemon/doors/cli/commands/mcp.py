"""mcp: the memory as tools of an agent, over standard input and output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mnemon.doors.cli.state import run, settings

if TYPE_CHECKING:
    from mnemon.doors.library.asynchronous import AsyncMemory


def mcp(
    user: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose memory it is where a tool is not told.")
    ] = None,
    agent: Annotated[
        str | None, typer.Option(metavar="NAME", help="The agent that it is of where a tool is not told.")
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The memory of this server, with the key in MNEMON_API_KEY, instead of a database."
        ),
    ] = None,
) -> None:
    """Serve the memory to an agent over standard input and output (MCP); the agent's program starts it."""
    from mnemon.doors.cli.extras import require

    require("mcp", "mcp")
    from mnemon.doors.mcp.stdio import serve
    from mnemon.doors.mcp.tools import Defaults

    run(serve(_memory(server), Defaults(user=user, agent=agent)))


def _memory(server: str | None) -> AsyncMemory:
    """Return the memory that is served: of the settings, or of a server."""
    import os

    from mnemon.doors.library.asynchronous import AsyncMemory

    if server is None:
        return AsyncMemory(settings())
    return AsyncMemory(server, api_key=os.environ.get("MNEMON_API_KEY") or None)
