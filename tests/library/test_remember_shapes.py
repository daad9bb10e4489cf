"""What clients of models have as messages is remembered as it is: nothing is asked for again, and nothing is lost."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from mnemon import AsyncMemory, Invalid
from mnemon.memory.schemas import Item
from tests.library.shapes import BASE64, CALL, KEPT, PNG, SAID, USE


async def kept(memory: AsyncMemory, value: Any, **given: Any) -> Item:
    done = await memory.remember(value, conversation="c", **given)
    return await memory.get(done.id)


@pytest.mark.parametrize(("value", "expected"), [one[1:] for one in SAID], ids=[one[0] for one in SAID])
async def test_a_message_of_a_client_is_kept(memory: AsyncMemory, value: Any, expected: dict[str, Any]) -> None:
    item = await kept(memory, value)
    assert item.kind == "message"
    assert {name: getattr(item, name) for name in expected} == expected


async def test_no_bytes_are_kept_in_a_result(memory: AsyncMemory) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": BASE64}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "image", "source": source}]}
    item = await kept(memory, {"role": "user", "content": [result]})
    assert item.tool_results[0]["content"][0]["source"]["data"] == KEPT
    long = base64.b64encode(PNG * 40).decode()
    item = await kept(memory, {"role": "tool", "tool_call_id": "c", "content": "done", "artifact": {"bytes": long}})
    assert item.tool_results[0]["artifact"]["bytes"]["size"] == len(PNG * 40)


async def test_parts_alone_are_one_message(memory: AsyncMemory) -> None:
    parts: Any = [
        {"type": "text", "text": "See"},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
    ]
    done = await memory.remember(parts, user="ada")
    assert len(done.ids) == 1
    item = await memory.get(done.id)
    assert (item.content, item.role) == ("See", "user")


async def test_a_whole_conversation(memory: AsyncMemory) -> None:
    done = await memory.remember(
        [
            {"role": "system", "content": "Be brief"},
            ("human", "Which boat?"),
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "the blue one"},
            {"role": "assistant", "content": [{"type": "text", "text": "The blue one"}]},
        ],
        conversation="boats",
        user="ada",
        metadata={"project": 1},
    )
    items = [await memory.get(one) for one in done.ids]
    assert [item.role for item in items] == ["system", "user", "assistant", "tool", "assistant"]
    assert all(item.metadata["project"] == 1 and item.conversation == "boats" for item in items)
    assert [hit.content for hit in await memory.search("which boat is blue", user="ada", k=2)]


@pytest.mark.parametrize(
    ("pair", "role"),
    [
        (("user", "Which boat?"), "user"),
        (("human", "Which boat?"), "user"),
        (("ai", "Which boat?"), "assistant"),
        (("developer", "Which boat?"), "system"),
        (("assistant", [{"type": "text", "text": "Which boat?"}]), "assistant"),
    ],
)
async def test_a_role_and_a_text_are_one_message(memory: AsyncMemory, pair: Any, role: str) -> None:
    alone = await memory.remember(pair, user="ada", conversation="c")
    listed = await memory.remember([pair, pair], user="ada", conversation="c")
    several = await memory.remember((pair, pair, pair), user="ada", conversation="c")
    assert [len(done.ids) for done in (alone, listed, several)] == [1, 2, 3]
    for one in (*alone.ids, *listed.ids, *several.ids):
        item = await memory.get(one)
        assert (item.kind, item.role, item.content) == ("message", role, "Which boat?")


async def test_a_tuple_of_texts_is_several(memory: AsyncMemory) -> None:
    done = await memory.remember(("Rosa", "Which boat?"), user="ada")
    assert [(await memory.get(one)).content for one in done.ids] == ["Rosa", "Which boat?"]
    with pytest.raises(Invalid) as caught:
        await memory.remember(("user", 5))  # type: ignore[arg-type]
    assert caught.value.code == "invalid.type"


async def test_by_keyword(memory: AsyncMemory) -> None:
    done = await memory.remember(None, role="assistant", tool_calls=[CALL])  # type: ignore[arg-type]
    assert (await memory.get(done.id)).tool_calls == [CALL]
    done = await memory.remember("Be brief", role="developer")
    assert (await memory.get(done.id)).role == "system"


class AIMessage(BaseModel):
    """As LangChain's."""

    content: Any
    additional_kwargs: dict[str, Any] = {}
    response_metadata: dict[str, Any] = {}
    type: str = "ai"
    name: str | None = None
    id: str | None = None
    tool_calls: list[dict[str, Any]] = []
    invalid_tool_calls: list[dict[str, Any]] = []
    usage_metadata: dict[str, Any] | None = None


class ChatCompletionMessage(BaseModel):
    """As OpenAI's."""

    content: str | None = None
    refusal: str | None = None
    role: str = "assistant"
    tool_calls: list[Any] | None = None


class Human:
    """As somebody's own, which has its type in the class."""

    type = "human"

    def __init__(self, content: Any) -> None:
        self.content = content


async def test_objects_of_langchain_and_openai(memory: AsyncMemory) -> None:
    call = {"name": "weather", "args": {"city": "Lisbon"}, "id": "c1", "type": "tool_call"}
    message = AIMessage(
        content=[{"type": "text", "text": "Let me look"}, {**USE, "id": "c1"}],
        tool_calls=[call],
        additional_kwargs={"tool_calls": [CALL], "kept": 1},
        response_metadata={"model_name": "gpt", "finish_reason": "tool_calls"},
        usage_metadata={"input_tokens": 3, "output_tokens": 7},
    )
    item = await kept(memory, message)
    assert (item.content, item.role, item.model, item.tool_calls) == ("Let me look", "assistant", "gpt", [call])
    assert item.metadata["additional_kwargs"] == {"kept": 1}
    assert item.metadata["response_metadata"]["finish_reason"] == "tool_calls"
    assert (await kept(memory, ChatCompletionMessage(content="Hello"))).content == "Hello"
    assert (await kept(memory, ChatCompletionMessage(refusal="No"))).content == "No"
    assert (await kept(memory, Human("Good day"))).role == "user"
    assert (await kept(memory, [Human("One")])).content == "One"
    spaced = SimpleNamespace(type="ai", content="", tool_calls=[call])
    assert (await kept(memory, spaced)).content == 'weather({"city": "Lisbon"})'


@dataclass
class Part:
    """As those of Pydantic AI."""

    part_kind: str
    content: Any = None
    tool_name: str | None = None
    args: Any = None
    tool_call_id: str | None = None
    timestamp: datetime | None = None


@dataclass
class Bytes:
    """As BinaryContent."""

    data: bytes
    media_type: str
    kind: str = "binary"


@dataclass
class Exchanged:
    """As ModelRequest and ModelResponse."""

    parts: list[Part]
    kind: str
    model_name: str | None = None
    timestamp: datetime | None = None
    usage: dict[str, int] = field(default_factory=dict)


async def test_objects_of_pydantic_ai(memory: AsyncMemory) -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    asked = Exchanged(
        [
            Part("system-prompt", "Be brief"),
            Part("user-prompt", ["What is it?", Bytes(PNG, "image/png")], timestamp=moment),
        ],
        "request",
    )
    done = await memory.remember(asked, conversation="c")
    system, user = [await memory.get(one) for one in done.ids]
    assert (system.role, system.content) == ("system", "Be brief")
    assert (user.role, user.content, user.at) == ("user", "What is it?", moment)
    assert user.metadata["parts"] == [{"type": "image", "media_type": "image/png", **KEPT}]

    answered = Exchanged(
        [
            Part("thinking", "Hm"),
            Part("text", "Let me look"),
            Part("tool-call", tool_name="weather", args={"city": "Lisbon"}, tool_call_id="c1"),
        ],
        "response",
        model_name="gpt",
        timestamp=moment,
        usage={"output_tokens": 7},
    )
    item = await kept(memory, answered)
    assert (item.role, item.content, item.model, item.at) == ("assistant", "Let me look", "gpt", moment)
    assert item.tool_calls[0]["tool_name"] == "weather"
    assert item.metadata["parts"] == [{"type": "thinking", "content": "Hm"}]

    returned = Exchanged([Part("tool-return", {"t": 21}, tool_name="weather", tool_call_id="c1")], "request")
    item = await kept(memory, returned)
    assert (item.role, item.content) == ("tool", '{"t": 21}')
    assert item.tool_results[0]["tool_call_id"] == "c1"


async def test_what_says_nothing_is_refused(memory: AsyncMemory) -> None:
    refused: tuple[tuple[Any, str], ...] = (
        ({"role": "assistant", "content": None}, "invalid.content_empty"),
        ({"role": "user", "content": []}, "invalid.content_empty"),
        ({"role": "user", "parts": []}, "invalid.content_empty"),
        ({"role": "user", "content": ""}, "invalid.content_empty"),
        ({"role": "owl", "content": [{"type": "text", "text": "Hu"}]}, "invalid.enum"),
        ({"content": "x", "importence": 3}, "invalid.unknown_field"),
        ({"role": "user", "content": "x", "foo": 3}, "invalid.unknown_field"),
        ({"role": "user", "content": "x" * 50_001, "name": "Rosa"}, "invalid.content_too_long"),
        (Path("notes.txt"), "invalid.type"),
        (object(), "invalid.type"),
    )
    for value, code in refused:
        with pytest.raises(Invalid) as caught:
            await memory.remember(value)
        assert caught.value.code == code, value
    deep: Any = "x"
    for _ in range(50):
        deep = [deep]
    around: dict[str, Any] = {"type": "text", "text": "x"}
    around["more"] = around
    for value in ({"role": "user", "content": [{"type": "odd", "value": deep}]}, {"role": "user", "content": [around]}):
        with pytest.raises(Invalid) as caught:
            await memory.remember(value)
        assert caught.value.code == "invalid.json_too_deep"
