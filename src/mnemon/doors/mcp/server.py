"""The MCP server: its tools, resources and prompts."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from typing import Any, cast
from uuid import UUID

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.server.mcpserver.tools.base import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase
from mcp_types import ToolAnnotations
from pydantic import ConfigDict, create_model

from mnemon._version import __version__
from mnemon.core import times
from mnemon.core.errors import MnemonError, NotFound
from mnemon.doors.library.asynchronous import AsyncMemory
from mnemon.doors.mcp import prompts
from mnemon.doors.mcp.tools import Defaults, MemoryOf, Tools

#: Messages of a conversation that are read as one resource at most.
_MESSAGES = 1000

INSTRUCTIONS = """\
A memory that outlives this conversation. Call `recall` with what was just said before you answer something that may \
depend on what was said or decided earlier, and `remember` when you learn something that will matter later: who people \
are, what they want, what was decided and why. `search` and `timeline` look things up; `facts_about` and `entity` tell \
what is known of somebody or something; `correct` what turned out wrong rather than remembering the opposite beside \
it. Answers have ids: use them for `correct` and `forget`, and to read mnemon://memory/{id} where a content is cut.\
"""

_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_CHANGES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=False)
_REMOVES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)


class _Strict(ArgModelBase):
    """Arguments, and no others."""

    model_config = ConfigDict(extra="forbid")


#: Each tool's title, and what a client may know of it before it calls it.
TOOLS: dict[str, tuple[str, ToolAnnotations]] = {
    "remember": ("Remember", _ADDS),
    "recall": ("Recall", _READS),
    "search": ("Search", _READS),
    "timeline": ("Timeline", _READS),
    "facts_about": ("Facts about", _READS),
    "entity": ("Entity", _READS),
    "correct": ("Correct", _CHANGES),
    "forget": ("Forget", _REMOVES),
    "list_conversations": ("List conversations", _READS),
    "status": ("Status", _READS),
}


def make(memory_of: MemoryOf, defaults: Defaults = Defaults()) -> MCPServer[Any]:  # noqa: B008 - frozen
    """Return a server.

    Args:
        memory_of: gives the memory of whoever calls.
        defaults: whose memory it is where a tool is not told.
    """
    handlers, level = logging.root.handlers[:], logging.root.level
    server: MCPServer[Any] = MCPServer(
        "mnemon",
        title="Mnemon",
        instructions=INSTRUCTIONS,
        version=__version__,
        tools=_tools(Tools(memory_of, defaults)),
        log_level="WARNING",
    )
    logging.root.handlers[:] = handlers  # how this process logs is its own affair
    logging.root.setLevel(level)
    _add_resources(server, memory_of)
    prompts.add(server)
    return server


def _tools(those: Tools) -> list[Tool]:
    """Return the tools as the server takes them: an argument that there is not is refused, and not passed over."""
    listed = []
    for name, (title, hints) in TOOLS.items():
        tool = Tool.from_function(getattr(those, name), name, title, annotations=hints, structured_output=True)
        arguments_of = tool.fn_metadata.arg_model
        arguments = cast("type[ArgModelBase]", create_model(arguments_of.__name__, __base__=(_Strict, arguments_of)))
        tool.fn_metadata.arg_model = arguments
        tool.parameters = arguments.model_json_schema(by_alias=True)
        listed.append(tool)
    return listed


def _add_resources(server: MCPServer[Any], memory_of: MemoryOf) -> None:
    @server.resource("mnemon://memory/{id}", name="memory", title="A memory", mime_type="text/plain")
    async def memory(id: str, ctx: Context[Any, Any]) -> str:  # noqa: A002 - as the address has it
        """Read the whole text of a message or a memory, letter by letter."""
        return await _read(memory_of(ctx).read(_id(id)))

    @server.resource("mnemon://conversation/{id}", name="conversation", title="A conversation", mime_type="text/plain")
    async def conversation(id: str, ctx: Context[Any, Any]) -> str:  # noqa: A002 - as the address has it
        """Read a conversation, by its name or id: the last thousand messages, as they were said."""
        return await _read(_talk(memory_of(ctx), id))


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ResourceNotFoundError("A memory's address ends with its id.") from None


async def _read(reading: Coroutine[Any, Any, str]) -> str:
    """Read a resource, with what is wrong told as MCP has it."""
    try:
        return await reading
    except NotFound as error:
        raise ResourceNotFoundError(str(error)) from error
    except MnemonError as error:
        raise ResourceError(f"{error} ({error.code})") from error


async def _talk(memory: AsyncMemory, name: str) -> str:
    try:
        talk = await memory.conversations.get(UUID(name))
        name = talk.external_id or name
    except ValueError:
        pass  # a name, then, and no id
    page = await memory.list(limit=_MESSAGES, conversation=name)
    if not page.items:
        raise NotFound(f"Nothing was said in a conversation {name!r}.", code="not_found.conversation")
    zone = await memory.zone()
    return "\n".join(
        f"[{times.written(item.at, zone)[:16]}] {item.speaker or item.role or ''}: {item.content}"
        for item in reversed(page.items)
    )
