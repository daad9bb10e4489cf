"""Sessions of coding agents: the JSON Lines that Claude Code and Codex keep of what was said and done."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterator
from typing import Any, ClassVar

from mnemon.adapters.importers.chatparts import joined, objects_in, placeholder, texts_in
from mnemon.adapters.importers.export import moment_or_none
from mnemon.adapters.importers.kept import TOO_MUCH, Kept
from mnemon.adapters.importers.parts import call_text
from mnemon.adapters.importers.records import Role, excerpt, role_of, shown
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.talk import SHAPELESS, Said, Talk, Unreadable

REASONING = "a model's reasoning"
PICTURES = "pictures"
_REPEATS = 8  # how many texts before are looked at for what a log says twice
_TITLE = 80


class Session(Talk):
    """A log of one session; a subclass turns its lines into what was said."""

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl",)

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise one of the first lines."""
        if not sample.is_document or not sample.first_line.startswith(b"{"):
            return Certainty.NO
        return Certainty.CERTAIN if any(cls.knows(one) for one in sample.objects) else Certainty.NO

    @classmethod
    @abstractmethod
    def knows(cls, line: dict[str, Any]) -> bool:
        """Tell whether a line is one that no other log has."""

    @abstractmethod
    def said(self, line: dict[str, Any], number: int) -> Iterator[Said]:
        """Yield what a line says."""

    def begin(self) -> None:
        """Forget what was read before."""

    def messages(self) -> Iterator[Said | Unreadable]:
        """Yield what was said and done, line by line."""
        self.begin()
        for number, line, entry in self.objects():
            if isinstance(entry, str):
                yield Unreadable(entry, line=line)
                continue
            try:
                spoken = list(self.said(entry, number))
            except SHAPELESS as error:
                reason = f"line {line}: not in the shape of {self.format}: {excerpt(repr(error))}"
                yield Unreadable(reason, shown(entry), line)
                continue
            for item in spoken:
                item.line = line
                yield item

    def kept(self, record: dict[str, Any], taken: set[str], text: str) -> dict[str, Any]:
        """Return what else a record holds."""
        kept = Kept(text)
        rest = kept.rest(record, taken)
        if kept.dropped:
            self.leave_out(TOO_MUCH, kept.dropped)
        return rest


class ClaudeCode(Session):
    """One session of Claude Code; a model's reasoning and pictures are counted, and repeated results of tools."""

    format: ClassVar[str] = "claude-code"
    title: ClassVar[str] = "Claude Code"
    description: ClassVar[str] = "The log of a session of Claude Code, `~/.claude/projects/*/*.jsonl`."
    shape: ClassVar[frozenset[str]] = frozenset(
        {"type", "uuid", "parentUuid", "sessionId", "timestamp", "message", "cwd"}
    )
    needs: ClassVar[str] = "lines with `sessionId`, `uuid` and `message`, as Claude Code writes them"

    @classmethod
    def knows(cls, line: dict[str, Any]) -> bool:
        """Recognise a line of a session, or the summary that may come first."""
        kind = line.get("type")
        if kind == "summary":
            return "leafUuid" in line
        return "sessionId" in line and ("uuid" in line or kind in ("queue-operation", "file-history-snapshot"))

    def begin(self) -> None:
        """Forget the session's title."""
        self._title: str | None = None

    def said(self, line: dict[str, Any], number: int) -> Iterator[Said]:
        """Yield the message of a line, and each result of a tool in it as one of its own."""
        kind = str(line.get("type") or "")
        if kind == "summary" or (kind.endswith("-title") and isinstance(line.get("title"), str)):
            self._title = str(line.get("summary") or line.get("title"))[:_TITLE]
            return
        message = line.get("message")
        message = message if isinstance(message, dict) else {"content": line.get("content")}
        if message.get("content") is None:
            self.leave_out(f"entries of the log without words (`{excerpt(kind, 30)}`)")
            return
        session = str(line.get("sessionId") or self.stem)
        identity = str(line.get("uuid") or f"line {number}")
        role: Role = "system" if kind == "system" else role_of(message.get("role") or kind) or "user"
        text, results, beside = self._blocks(message["content"])
        envelope = self.kept(
            {k: v for k, v in line.items() if k not in ("message", "toolUseResult")}, {"timestamp"}, text
        )
        repeated = line.get("toolUseResult")
        if repeated is not None and not results:
            envelope |= self.kept({"toolUseResult": repeated}, set(), text)
        elif repeated is not None:
            self.leave_out("results of tools a second time")
        details = self.kept({k: v for k, v in message.items() if k not in ("content", "role")}, set(), text)
        at = moment_or_none(line.get("timestamp"), self.zone)
        name = "Claude" if role == "assistant" else None
        for n, (words, sayer, extras) in enumerate([*([(text, role, beside)] if text else []), *results]):
            yield Said(
                id=f"{session}:{identity}" + (f":{n}" if n else ""),
                text=words,
                conversation=session,
                title=self._title,
                at=at,
                speaker=name if sayer == role else None,
                role=sayer,
                metadata={**envelope, **details, **extras},
            )

    def _blocks(self, content: Any) -> tuple[str, list[tuple[str, Role, dict[str, Any]]], dict[str, Any]]:
        if isinstance(content, str):
            return content, [], {}
        pieces: list[str] = []
        results: list[tuple[str, Role, dict[str, Any]]] = []
        calls: list[str] = []
        for block in objects_in(content):
            kind = block.get("type")
            if kind == "tool_use":
                pieces.append(call_text(block.get("name"), block.get("input") or {}))
                calls.append(str(block.get("id")))
            elif kind == "tool_result":
                text = self._result(block.get("content"))
                if text:
                    results.append((text, "tool", self.kept(block, {"content", "type"}, text)))
            elif kind in ("thinking", "redacted_thinking"):
                self.leave_out(REASONING)
            elif kind == "image":
                self.leave_out(PICTURES)
                pieces.append(placeholder("image"))
            else:
                pieces += texts_in(block, ("text", "content", "title"))
        return joined(pieces), results, {"tool_use_ids": calls} if calls else {}

    def _result(self, content: Any) -> str:
        if isinstance(content, str):
            return content
        pictures = sum(block.get("type") == "image" for block in objects_in(content))
        if pictures:
            self.leave_out(PICTURES, pictures)
        return joined([text for block in objects_in(content) for text in texts_in(block, ("text", "tool_name"))])


class Codex(Session):
    """One session of Codex (a rollout file); what the log says twice and a model's reasoning are counted."""

    format: ClassVar[str] = "codex"
    title: ClassVar[str] = "Codex"
    description: ClassVar[str] = "The log of a session of Codex, `~/.codex/sessions/**/rollout-*.jsonl`."
    shape: ClassVar[frozenset[str]] = frozenset({"timestamp", "type", "payload"})
    needs: ClassVar[str] = "lines with `timestamp`, `type` and `payload`, as Codex writes them"
    _TYPES = frozenset({"session_meta", "response_item", "event_msg", "turn_context", "compacted"})

    @classmethod
    def knows(cls, line: dict[str, Any]) -> bool:
        """Recognise a line with a payload, or the head of an older log."""
        if isinstance(line.get("payload"), dict):
            return line.get("type") in cls._TYPES
        return {"id", "timestamp", "instructions"} <= line.keys() and "text" not in line and "content" not in line

    def begin(self) -> None:
        """Forget the session."""
        self._session: str | None = None
        self._instructions: str | None = None
        self._cwd: str | None = None
        self._model: str | None = None
        self._last: deque[str] = deque(maxlen=_REPEATS)

    def said(self, line: dict[str, Any], number: int) -> Iterator[Said]:
        """Yield the message, the call or the result of a line."""
        kind = str(line.get("type") or "")
        payload = line["payload"] if isinstance(line.get("payload"), dict) else line
        inner = str(payload.get("type") or "")
        if kind == "session_meta" or (not kind and "id" in payload and self._session is None):
            text, role = self._head(payload), "system"
        elif kind == "turn_context":
            self._model = str(payload["model"]) if payload.get("model") else self._model
            self.leave_out("settings of a turn")
            return
        else:
            text, role = self._item(kind, inner, payload)
        if not text.strip():
            return
        if kind == "event_msg" and text.strip() in self._last:
            self.leave_out("events that repeat what was said")
            return
        self._last.append(text.strip())
        session = self._session or self.stem
        metadata = self.kept(payload, {"content", "message"}, text)
        metadata |= {key: value for key, value in (("cwd", self._cwd), ("model", self._model)) if value}
        yield Said(
            id=f"{session}:{number}",
            text=text,
            conversation=session,
            at=moment_or_none(line.get("timestamp") or payload.get("timestamp"), self.zone),
            speaker="Codex" if role == "assistant" else None,
            role=role_of(role) or "user",
            metadata=metadata,
        )

    def _head(self, payload: dict[str, Any]) -> str:
        """Return what the head of a session says.

        The first is the session's own. A session that was forked has those of the sessions that it came from further
        on, with what was said in them: it is one session all the same, and what they say again is counted.
        """
        text = joined(texts_in(payload, ("instructions", "base_instructions")))
        if self._session is None:
            self._session = str(payload.get("id") or self.stem)
            self._cwd = str(payload["cwd"]) if payload.get("cwd") else None
            self._instructions = text
            return text or f"Session of Codex in {self._cwd or 'no directory'}"
        if not text or text == self._instructions:
            self.leave_out("heads of the sessions that it was forked from")
            return ""
        return text

    def _item(self, kind: str, inner: str, payload: dict[str, Any]) -> tuple[str, str]:
        """Return what an item says, and who."""
        if "reasoning" in inner:
            self.leave_out(REASONING)
            return "", ""
        if inner == "message" or (not inner and payload.get("role")):
            content = payload.get("content")
            parts = objects_in(content)
            if pictures := sum("image" in str(part.get("type")) for part in parts):
                self.leave_out(PICTURES, pictures)
            text = content if isinstance(content, str) else joined([t for p in parts for t in texts_in(p, ("text",))])
            return text, str(payload.get("role") or "user")
        if inner.endswith(("_output", "_end")) or "output" in payload:
            output = payload.get("output", payload.get("aggregated_output"))
            if isinstance(output, dict):
                output = output.get("content") or output.get("text")
            return joined(
                [output] if isinstance(output, str) else [t for o in objects_in(output) for t in o.values()]
            ), "tool"
        if inner.endswith("_call"):
            arguments = payload.get("arguments", payload.get("input", payload.get("action", "")))
            return call_text(str(payload.get("name") or inner), arguments), "assistant"
        if inner in ("user_message", "agent_message") or kind == "compacted":
            return joined(texts_in(payload, ("message",))), "user" if inner == "user_message" else "assistant"
        self.leave_out(f"events of the log without words (`{excerpt(inner or kind, 30)}`)")
        return "", ""
