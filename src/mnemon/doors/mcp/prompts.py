"""Prompts: what a person can tell their agent to do with the memory, in one click."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server import MCPServer
from pydantic import Field

_RECALL = """\
Before you answer, call `recall` with this question, and again with `search` if names or dates in it are not in what \
came back. Answer from what you found, say when it was said where that matters, and say so where nothing is known. \
Do not make up what the memory does not have.

Question: {question}\
"""
_KEEP = """\
Go through this conversation and keep what will matter later: who people are and what they prefer, what was decided \
and why, what was promised to whom and until when. Call `recall` first for each, and `correct` what is there and has \
changed; `remember` the rest, each as one sentence that can be understood alone, with names instead of "he" or "this", \
and with the date it is about. Leave out small talk and what can be looked up anywhere. Say at the end what you kept.\
{about}\
"""


def add(server: MCPServer[Any]) -> None:
    """Add the prompts to a server."""

    @server.prompt(name="recall-before-you-answer", title="Recall before you answer")
    def recall(question: Annotated[str, Field(description="What is to be answered.")]) -> str:
        """Answer a question from what is remembered."""
        return _RECALL.format(question=question)

    @server.prompt(name="keep-what-matters", title="Keep what matters of this talk")
    def keep(
        about: Annotated[str, Field(description="What to look for in particular; empty: everything.")] = "",
    ) -> str:
        """Remember what will matter later of the conversation so far."""
        return _KEEP.format(about=f"\n\nIn particular: {about}" if about else "")
