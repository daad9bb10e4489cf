"""Dialogues of models, as they are trained on: ShareGPT's turns, and the messages of OpenAI's fine-tuning."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from mnemon.adapters.importers.chatparts import objects_in
from mnemon.adapters.importers.export import moment_or_none
from mnemon.adapters.importers.kept import TOO_MUCH, Kept
from mnemon.adapters.importers.parts import calls_text, in_words
from mnemon.adapters.importers.records import Role, excerpt, role_of, shown
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.talk import SHAPELESS, Said, Talk, Unreadable
from mnemon.core.ids import digest

_LINES = (".jsonl", ".ndjson")
_FROM: dict[str, Role] = {
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "claude": "assistant",
    "function_call": "assistant",
    "function_response": "tool",
    "observation": "tool",
    "tool_response": "tool",
}


class Dialogues(Talk):
    """A list of dialogues, as one JSON array, one object or JSON Lines; each a conversation of its own."""

    suffixes: ClassVar[tuple[str, ...]] = _LINES

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise the first dialogue."""
        first = sample.first if sample.is_document else None
        return Certainty.CERTAIN if first is not None and cls.turns(first) else Certainty.NO

    @classmethod
    @abstractmethod
    def turns(cls, dialogue: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the turns of a dialogue; nothing where it is none."""

    @abstractmethod
    def words(self, turn: dict[str, Any]) -> tuple[str, Role, str | None, set[str]]:
        """Return a turn's text, role and speaker, and which of its keys were used up for them."""

    #: The keys of a dialogue that are its turns, or used up otherwise.
    taken: ClassVar[frozenset[str]] = frozenset({"id"})

    def messages(self) -> Iterator[Said | Unreadable]:
        """Yield the turns of each dialogue."""
        for number, line, dialogue in self.objects():
            where = f"line {line}" if line else f"dialogue {number}"
            if isinstance(dialogue, str):
                yield Unreadable(dialogue, line=line)
                continue
            try:
                spoken = list(self._dialogue(dialogue, line))
            except SHAPELESS as error:
                reason = f"{where}: not in the shape of {self.format}: {excerpt(repr(error))}"
                yield Unreadable(reason, shown(dialogue), line)
                continue
            if not spoken:
                yield Unreadable(f"{where}: it needs {self.needs}", shown(dialogue), line)
            yield from spoken

    def _dialogue(self, dialogue: dict[str, Any], line: int | None) -> Iterator[Said]:
        name = dialogue.get("id") or dialogue.get("conversation_id") or dialogue.get("custom_id")
        # What has no name is told from others by what is in it, wherever it is copied to.
        key = str(name) if isinstance(name, str | int) and name != "" else ""
        key = key or f"{self.stem}-{digest(json.dumps(dialogue, sort_keys=True))[:12]}"
        for number, turn in enumerate(self.turns(dialogue), 1):
            text, role, speaker, used = self.words(turn)
            keeper = Kept(text)
            metadata = keeper.rest(turn, used)
            if number == 1:
                # What is said of the dialogue once for all stays with its first turn.
                metadata |= keeper.rest(dialogue, self.taken)
            if keeper.dropped:
                self.leave_out(TOO_MUCH, keeper.dropped)
            at = moment_or_none(turn.get("timestamp") or turn.get("created_at"), self.zone)
            yield Said(f"{key}:{number}", text, key, at, speaker, role, line=line, metadata=metadata)


class ShareGpt(Dialogues):
    """``conversations`` of ``from`` and ``value``."""

    format: ClassVar[str] = "sharegpt"
    title: ClassVar[str] = "ShareGPT"
    description: ClassVar[str] = "Dialogues with `conversations` of `from` and `value`; an array or a line each."
    shape: ClassVar[frozenset[str]] = frozenset({"id", "conversations", "system", "tools"})
    needs: ClassVar[str] = "`conversations`, a list of turns with `from` and `value`"
    taken: ClassVar[frozenset[str]] = frozenset({"id", "conversations", "conversation"})

    @classmethod
    def turns(cls, dialogue: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the turns that say from whom they are."""
        turns = objects_in(dialogue.get("conversations") or dialogue.get("conversation"))
        return turns if turns and all("from" in turn or "value" in turn for turn in turns) else []

    def words(self, turn: dict[str, Any]) -> tuple[str, Role, str | None, set[str]]:
        """Return the turn's value, and who said it."""
        value, who = turn.get("value"), turn.get("from")
        text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
        name = str(who or "").strip().casefold()
        role = role_of(name) or _FROM.get(name)
        used = {"value"} | ({"from"} if role else set())
        return text, role or "user", None if role else str(who or "") or None, used


class OpenAiMessages(Dialogues):
    """``messages`` as OpenAI's interfaces take them: with tool calls, weights, parts and refusals."""

    format: ClassVar[str] = "openai"
    title: ClassVar[str] = "OpenAI messages"
    description: ClassVar[str] = "Dialogues with `messages` of `role` and `content`, as fine-tuning takes them."
    shape: ClassVar[frozenset[str]] = frozenset({"messages", "tools", "functions", "parallel_tool_calls"})
    needs: ClassVar[str] = "`messages`, a list of `role` and `content`"
    taken: ClassVar[frozenset[str]] = frozenset({"id", "messages"})

    @classmethod
    def turns(cls, dialogue: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the messages: of the dialogue, of a request in a batch, of a preference with its preferred answer."""
        for holder in (dialogue, dialogue.get("input"), dialogue.get("body")):
            if isinstance(holder, dict):
                found = objects_in(holder.get("messages"))
                if found and all(isinstance(turn.get("role"), str) for turn in found):
                    return found + objects_in(dialogue.get("preferred_output"))
        return []

    def words(self, turn: dict[str, Any]) -> tuple[str, Role, str | None, set[str]]:
        """Return the text of a message, or what it calls or refuses."""
        content = turn.get("content")
        text, remainder = in_words(content) if isinstance(content, list) else (content, [])
        spoken = text if isinstance(text, str) and text.strip() else ""
        refusal = turn.get("refusal")
        spoken = spoken or calls_text(turn) or (refusal if isinstance(refusal, str) else "")
        role = role_of(turn.get("role"))
        name = turn.get("name")
        used = {"timestamp", "created_at"} | ({"role"} if role else set()) | ({"name"} if name else set())
        if isinstance(content, str) or (isinstance(content, list) and not remainder):
            used.add("content")
        return spoken, role or "user", str(name) if name else None, used
