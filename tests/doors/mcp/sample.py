"""Mnemon's own door of MCP, with the sample tools beside its own that the protocol's conformance suite calls by name.

    MNEMON_DATA_DIR=/tmp/conformance python -m tests.doors.mcp.sample 8766
    npx @modelcontextprotocol/conformance server --url http://127.0.0.1:8766/mcp --suite all \\
        --expected-failures tests/doors/mcp/conformance.yml
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

import pytest
import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.server.mcpserver.tools.base import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp_types import AudioContent, EmbeddedResource, ImageContent, TextContent, TextResourceContents
from pydantic import ConfigDict

from mnemon.core.settings import load_settings
from mnemon.doors.http.app import create
from mnemon.doors.http.options import ServeOptions
from mnemon.doors.mcp import http
from mnemon.doors.mcp.server import make
from mnemon.doors.mcp.tools import Defaults, MemoryOf

PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf"
        "c0000003010100c9fe92ef0000000049454e44ae426082"
    )
).decode()
WAV = base64.b64encode(
    b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x40\x1f\0\0\1\0\x08\0data\0\0\0\0"
).decode()
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": {"type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
    "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
    "additionalProperties": False,
}


def image() -> ImageContent:
    return ImageContent(type="image", data=PNG, mime_type="image/png")


def embedded(uri: str, text: str, mime_type: str = "text/plain") -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


def said(text: str) -> TextContent:
    return TextContent(type="text", text=text)


class _Free(ArgModelBase):
    model_config = ConfigDict(extra="allow")


async def _nothing(**_: Any) -> list[TextContent]:
    return [said("Nothing.")]


def add_tools(server: MCPServer[Any]) -> None:
    @server.tool(structured_output=False)
    async def test_simple_text() -> list[TextContent]:
        """Give a text."""
        return [said("This is a simple text response for testing.")]

    @server.tool(structured_output=False)
    async def test_image_content() -> list[ImageContent]:
        """Give an image."""
        return [image()]

    @server.tool(structured_output=False)
    async def test_audio_content() -> list[AudioContent]:
        """Give a sound."""
        return [AudioContent(type="audio", data=WAV, mime_type="audio/wav")]

    @server.tool(structured_output=False)
    async def test_embedded_resource() -> list[EmbeddedResource]:
        """Give a resource."""
        return [embedded("test://embedded-resource", "This is an embedded resource content.")]

    @server.tool(structured_output=False)
    async def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
        """Give one of each."""
        data = json.dumps({"test": "data", "value": 123})
        text = said("Multiple content types test:")
        return [text, image(), embedded("test://mixed-content-resource", data, "application/json")]

    @server.tool(structured_output=False)
    async def test_error_handling() -> list[TextContent]:
        """Fail."""
        raise RuntimeError("This tool intentionally returns an error for testing")


def add_the_rest(server: MCPServer[Any]) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    async def text() -> str:
        """A text that stays."""
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    async def binary() -> bytes:
        """An image that stays."""
        return base64.b64decode(PNG)

    @server.resource("test://template/{id}/data", mime_type="application/json")
    async def template(id: str) -> str:  # noqa: A002
        """A text of an id."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @server.prompt()
    async def test_simple_prompt() -> str:
        """Say something simple."""
        return "This is a simple prompt for testing."

    @server.prompt()
    async def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        """Say what was given."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt()
    async def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803
        """Say what a resource has."""
        resource = embedded(resourceUri, "Embedded resource content for testing.")
        return [UserMessage(resource), UserMessage("Please process the embedded resource above.")]

    @server.prompt()
    async def test_prompt_with_image() -> list[UserMessage]:
        """Show an image."""
        return [UserMessage(image()), UserMessage("Please analyze the image above.")]


def with_samples(memory_of: MemoryOf, defaults: Defaults = Defaults()) -> MCPServer[Any]:  # noqa: B008
    server = make(memory_of, defaults)
    add_tools(server)
    add_the_rest(server)
    free = Tool(
        fn=_nothing,
        name="json_schema_2020_12_tool",
        description="Tool with JSON Schema 2020-12 features",
        parameters=SCHEMA,
        fn_metadata=FuncMetadata(arg_model=_Free),
        is_async=True,
    )
    server._tool_manager._tools[free.name] = free
    return server


def main() -> None:
    """Serve it on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http, "make", with_samples)
        api = create(load_settings(), ServeOptions(trust_loopback=True, worker=False))
    uvicorn.run(api, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")


if __name__ == "__main__":
    main()
