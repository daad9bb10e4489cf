"""Messages as clients of models have them, and what is kept of each."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(60))
BASE64 = base64.b64encode(PNG).decode()
DATA_URL = f"data:image/png;base64,{BASE64}"
KEPT = {"size": len(PNG), "sha256": hashlib.sha256(PNG).hexdigest()}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Lisbon"}'}}
USE = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Lisbon"}}

SAID: list[tuple[str, Any, dict[str, Any]]] = [
    (
        "openai: content null beside tool calls",
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "assistant", "content": 'weather({"city": "Lisbon"})', "tool_calls": [CALL]},
    ),
    (
        "openai: content empty beside tool calls",
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "assistant", "content": 'weather({"city": "Lisbon"})', "tool_calls": [CALL]},
    ),
    (
        "openai: text beside tool calls",
        {"role": "assistant", "content": "Let me look", "tool_calls": [CALL]},
        {"content": "Let me look", "tool_calls": [CALL]},
    ),
    (
        "openai: the older function call",
        {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}},
        {
            "content": "weather({})",
            "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": "{}"}}],
        },
    ),
    (
        "openai: a tool's result",
        {"role": "tool", "tool_call_id": "c1", "content": "21 degrees"},
        {
            "role": "tool",
            "content": "21 degrees",
            "tool_results": [{"tool_call_id": "c1", "content": "21 degrees"}],
            "speaker": None,
        },
    ),
    (
        "openai: a function's result",
        {"role": "function", "name": "weather", "content": "21 degrees"},
        {"role": "tool", "tool_results": [{"name": "weather", "content": "21 degrees"}], "speaker": None},
    ),
    (
        "openai: a picture by address",
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
            ],
        },
        {
            "content": "What is it?",
            "metadata": {"parts": [{"type": "image", "url": "https://example.org/a.png", "detail": "low"}]},
        },
    ),
    (
        "openai: a picture in it",
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": DATA_URL}}]},
        {
            "content": "[image]",
            "metadata": {"parts": [{"type": "image", "media_type": "image/png", **KEPT}], "content_from": "parts"},
        },
    ),
    (
        "openai: sound",
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": BASE64, "format": "wav"}}]},
        {
            "content": "[audio]",
            "metadata": {"parts": [{"type": "audio", "format": "wav", **KEPT}], "content_from": "parts"},
        },
    ),
    (
        "openai: what was spoken",
        {"role": "assistant", "content": None, "audio": {"id": "a", "data": BASE64, "transcript": "Good morning"}},
        {
            "content": "Good morning",
            "metadata": {"parts": [{"type": "audio", "id": "a", "transcript": "Good morning", **KEPT}]},
        },
    ),
    (
        "openai: a file",
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Read it"},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{BASE64}"}},
            ],
        },
        {
            "content": "Read it",
            "metadata": {"parts": [{"type": "file", "filename": "a.pdf", "media_type": "application/pdf", **KEPT}]},
        },
    ),
    (
        "openai: a refusal",
        {"role": "assistant", "content": None, "refusal": "I cannot do that"},
        {
            "content": "I cannot do that",
            "metadata": {"parts": [{"type": "refusal", "refusal": "I cannot do that"}]},
        },
    ),
    (
        "openai: a refusal among parts",
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No"}]},
        {"content": "No", "metadata": {"parts": [{"type": "refusal", "refusal": "No"}]}},
    ),
    ("openai: a developer", {"role": "developer", "content": "Be brief"}, {"role": "system", "content": "Be brief"}),
    ("openai: a name", {"role": "user", "content": "Hello", "name": "Rosa"}, {"content": "Hello", "speaker": "Rosa"}),
    (
        "responses: texts and their sources",
        {
            "type": "message",
            "id": "m1",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "In Lisbon", "annotations": [{"url": "u"}]}],
        },
        {
            "content": "In Lisbon",
            "role": "assistant",
            "metadata": {"id": "m1", "parts": [{"type": "text", "annotations": [{"url": "u"}]}]},
        },
    ),
    (
        "responses: a call",
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Lisbon"}'},
        {
            "role": "assistant",
            "content": 'weather({"city": "Lisbon"})',
            "tool_calls": [
                {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "Lisbon"}'}
            ],
        },
    ),
    (
        "responses: a call's result",
        {"type": "function_call_output", "call_id": "c1", "output": "21 degrees"},
        {
            "role": "tool",
            "content": "21 degrees",
            "tool_results": [{"type": "function_call_output", "call_id": "c1", "output": "21 degrees"}],
        },
    ),
    (
        "anthropic: thinking, text and a call",
        {
            "role": "assistant",
            "model": "claude",
            "content": [
                {"type": "thinking", "thinking": "Hm", "signature": "s"},
                {"type": "text", "text": "Let me look"},
                USE,
            ],
        },
        {
            "content": "Let me look",
            "model": "claude",
            "tool_calls": [USE],
            "metadata": {"parts": [{"type": "thinking", "thinking": "Hm", "signature": "s"}]},
        },
    ),
    (
        "anthropic: results are no words of the user's",
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [
                        {"type": "text", "text": "21 degrees"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BASE64}},
                    ],
                }
            ],
        },
        {"role": "tool", "content": "21 degrees\n[image]"},
    ),
    (
        "anthropic: a picture and a document",
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BASE64}},
                {
                    "type": "document",
                    "title": "Notes",
                    "source": {"type": "text", "media_type": "text/plain", "data": "The boat is blue"},
                },
            ],
        },
        {
            "content": "[image]\n[file: Notes]",
            "metadata": {
                "parts": [
                    {"type": "image", "media_type": "image/png", **KEPT},
                    {"type": "file", "title": "Notes", "media_type": "text/plain", "text": "The boat is blue"},
                ],
                "content_from": "parts",
            },
        },
    ),
    (
        "gemini: text, a picture",
        {"role": "user", "parts": [{"text": "See"}, {"inlineData": {"mimeType": "image/png", "data": BASE64}}]},
        {"content": "See", "metadata": {"parts": [{"type": "image", "mimeType": "image/png", **KEPT}]}},
    ),
    (
        "gemini: a call",
        {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {"city": "Lisbon"}}}]},
        {
            "role": "assistant",
            "content": 'weather({"city": "Lisbon"})',
            "tool_calls": [{"functionCall": {"name": "weather", "args": {"city": "Lisbon"}}}],
        },
    ),
    (
        "gemini: a result",
        {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"t": 21}}}]},
        {"role": "tool", "content": '{"t": 21}'},
    ),
    (
        "langchain: as mapping",
        {"type": "human", "data": {"content": "Hello", "name": "Rosa"}},
        {"role": "user", "content": "Hello", "speaker": "Rosa"},
    ),
    (
        "langchain: serialised",
        {"lc": 1, "type": "constructor", "id": ["x", "AIMessage"], "kwargs": {"content": "Hello", "type": "ai"}},
        {"role": "assistant", "content": "Hello"},
    ),
    (
        "an unknown part",
        {"role": "user", "content": [{"type": "hologram", "beam": {"x": 1}}, {"type": "text", "text": "See"}]},
        {"content": "See", "metadata": {"parts": [{"type": "hologram", "beam": {"x": 1}}]}},
    ),
]
