"""The ten tools over both transports, by the SDK's own client."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client, MCPError

from mnemon.doors.mcp.answers import Memories, Memory
from mnemon.doors.mcp.budget import cost, fitted
from mnemon.doors.mcp.server import TOOLS
from mnemon.memory.recall.packing import tokens
from tests.doors.mcp.conftest import OVER_BOTH

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def call(client: Client, name: str, /, **arguments: Any) -> dict[str, Any]:
    """The structured answer of a tool that is to answer."""
    result = await client.call_tool(name, arguments)
    assert not result.is_error, result.content
    found: dict[str, Any] = result.structured_content
    return found


async def refused(client: Client, name: str, /, **arguments: Any) -> str:
    """What a tool says of a call that it refuses."""
    result = await client.call_tool(name, arguments)
    assert result.is_error
    return text(result)


def text(result: Any) -> str:
    """What the model reads of an answer."""
    return "".join(part.text for part in result.content)


@OVER_BOTH
async def test_what_a_client_is_told_of_the_tools(client: Client) -> None:
    tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == list(TOOLS)
    assert len(tools) == 10
    for tool in tools:
        assert tool.annotations is not None
        assert tool.description
        assert tool.output_schema is not None
        assert tool.input_schema["additionalProperties"] is False
        assert all("description" in one for one in tool.input_schema["properties"].values()), tool.name
        assert tool.annotations.open_world_hint is False
        assert tool.annotations.read_only_hint is (tool.name not in {"remember", "correct", "forget"})
    assert tokens(json.dumps([tool.model_dump(mode="json", exclude_none=True) for tool in tools])) < 6000
    assert "recall" in (client.instructions or "")


@OVER_BOTH
async def test_a_memory_and_what_becomes_of_it(client: Client) -> None:
    kept = await call(client, "remember", content="The launch is on Friday.", user="rosa", tags=["launch"])
    again = await call(client, "remember", content="The launch is on Friday.", user="rosa")
    assert kept["created"] == 1
    found = await call(client, "recall", query="When is the launch?", user="rosa")
    assert found["memories"][0]["id"] in {*kept["ids"], *again["ids"]}
    assert found["memories"][0]["content"] == "The launch is on Friday."
    searched = await call(client, "search", query="launch", user="rosa", tags=["launch"], reasons=True)
    assert searched["memories"][0]["why"]["meaning"] > 0
    (old,) = kept["ids"]
    new = await call(client, "correct", id=old, content="The launch is on Monday.", reason="it was moved")
    assert new["replaced"] == old != new["id"]
    line = await call(client, "timeline", user="rosa")
    assert "The launch is on Monday." in [one["content"] for one in line["memories"]]
    assert old not in [one["id"] for one in line["memories"]]
    done = await call(client, "forget", ids=[new["id"], *(set(again["ids"]) - {old})], reason="over")
    assert done["count"] >= 1
    assert (await call(client, "search", query="launch", user="rosa"))["memories"] == []
    assert (await client.read_resource(f"mnemon://memory/{old}")).contents[0].text == "The launch is on Friday."  # type: ignore[union-attr]


async def test_what_was_said(client: Client) -> None:
    await call(
        client, "remember", content="We ship on Friday.", conversation="standup", speaker="Bo", at="2026-03-01T12:00Z"
    )
    await call(
        client, "remember", content="No, on Monday.", conversation="standup", speaker="Rosa", at="2026-03-01T12:05Z"
    )
    (talk,) = (await call(client, "list_conversations"))["conversations"]
    assert (talk["name"], talk["messages"]) == ("standup", 2)
    line = await call(client, "timeline", conversation="standup", until="2026-03-01T12:05Z")
    assert [(one["who"], one["content"]) for one in line["memories"]] == [("Bo", "We ship on Friday.")]
    (read,) = (await client.read_resource("mnemon://conversation/standup")).contents
    lines = read.text.splitlines()  # type: ignore[union-attr]
    assert [line.partition("] ")[2] for line in lines] == ["Bo: We ship on Friday.", "Rosa: No, on Monday."]


async def test_the_state_of_it(client: Client) -> None:
    before = await call(client, "status")
    assert "last" not in before
    await call(client, "remember", content="It rained.", at="2026-03-01T12:00Z")
    assert datetime.fromisoformat((await call(client, "status"))["last"]) == NOON


@OVER_BOTH
async def test_what_is_wrong_is_said_to_the_model(client: Client) -> None:
    assert "not_found" in await refused(client, "correct", id=str(uuid4()), content="x")
    assert "not_found" in await refused(client, "forget", ids=[str(uuid4())])
    assert "invalid.id" in await refused(client, "forget", ids=["the first one"])
    assert "write 2026-03-31" in await refused(client, "search", query="x", since="soon")
    assert "sinc" in await refused(client, "search", query="x", sinc="2026-03-01")
    assert "importance" in await refused(client, "remember", content="x", importance=11)
    assert "content" in await refused(client, "remember", content="")
    assert "token_budget" in await refused(client, "recall", query="x", token_budget=1)
    assert "not_found.entity" in await refused(client, "entity", name="nobody")
    for address in (
        f"mnemon://memory/{uuid4()}",
        "mnemon://memory/first",
        "mnemon://conversation/none",
        "mnemon://what/1",
    ):
        with pytest.raises(MCPError):
            await client.read_resource(address)


async def test_prompts(client: Client) -> None:
    names = [prompt.name for prompt in (await client.list_prompts()).prompts]
    assert names == ["recall-before-you-answer", "keep-what-matters"]
    asked = await client.get_prompt("recall-before-you-answer", {"question": "Where does Rosa live?"})
    assert "Question: Where does Rosa live?" in asked.messages[0].content.text  # type: ignore[union-attr]
    kept = await client.get_prompt("keep-what-matters", {"about": "dates"})
    assert "In particular: dates" in kept.messages[0].content.text  # type: ignore[union-attr]
    templates = (await client.list_resource_templates()).resource_templates
    assert [one.uri_template for one in templates] == ["mnemon://memory/{id}", "mnemon://conversation/{id}"]


async def test_answers_fit_the_budget_and_go_on(client: Client) -> None:
    said = [f"Thing {n} of the list, and a few more words about it." for n in range(30)]
    for n, one in enumerate(said):
        await call(client, "remember", content=one, conversation="list", speaker="Bo", at=f"2026-03-01T12:{n:02d}Z")
    for budget in (100, 300, 900):
        found = await client.call_tool("search", {"query": "thing of the list", "k": 30, "token_budget": budget})
        assert tokens(json.dumps(found.structured_content, ensure_ascii=False)) <= budget
        assert tokens(text(found)) <= budget + 40
        assert found.structured_content is not None
        assert found.structured_content["left_out"] > 0
        assert "raise token_budget" in text(found)
    read: list[str] = []
    cursor = None
    for _ in range(100):
        page = await call(client, "timeline", conversation="list", token_budget=300, cursor=cursor)
        read += [one["content"] for one in page["memories"]]
        if (cursor := page.get("next_cursor")) is None:
            break
    assert read == said[::-1], "every page begins where the answer before ended"
    long = "A very long story. " * 400
    (id_,) = (await call(client, "remember", content=long))["ids"]
    (hit,) = (await call(client, "search", query="a very long story", k=1, token_budget=200))["memories"]
    assert hit["is_cut"] is True
    assert long.startswith(hit["content"])
    assert (await client.read_resource(f"mnemon://memory/{id_}")).contents[0].text == long  # type: ignore[union-attr]


async def test_many_calls_at_once(client: Client) -> None:
    await asyncio.gather(*(call(client, "remember", content=f"Fact number {n}.") for n in range(20)))
    line = await call(client, "timeline", limit=50, token_budget=10_000)
    assert len(line["memories"]) == 20


@given(
    contents=st.lists(st.text(min_size=1, max_size=3000), max_size=20),
    budget=st.integers(min_value=100, max_value=5000),
)
def test_what_fits_is_the_beginning_and_fits(contents: list[str], budget: int) -> None:
    entries = [Memory(id=str(uuid4()), at=NOON, content=content) for content in contents]
    kept, left_out = fitted(entries, budget)
    assert len(kept) + left_out == len(entries)
    assert [one.id for one in kept] == [one.id for one in entries[: len(kept)]]
    assert cost(Memories(memories=kept, left_out=left_out)) <= budget
    assert all(full.content.startswith(one.content) for one, full in zip(kept, entries, strict=False))
    assert not entries or kept
