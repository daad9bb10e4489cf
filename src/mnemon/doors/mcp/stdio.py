"""MCP over standard input and output: one client, which started this process."""

from __future__ import annotations

from mnemon.doors.library.asynchronous import AsyncMemory
from mnemon.doors.mcp.server import make
from mnemon.doors.mcp.tools import Defaults


async def serve(memory: AsyncMemory, defaults: Defaults) -> None:
    """Serve a memory until standard input ends; it opens when it is first needed.

    Args:
        memory: what is served.
        defaults: whose memory it is where a tool is not told.
    """
    try:
        await make(lambda _ctx: memory, defaults).run_stdio_async()
    finally:
        await memory.close()
