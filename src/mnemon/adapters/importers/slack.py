"""A Slack export: a folder a channel, a file a day."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Unpack

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.archive import Tree, open_tree
from mnemon.adapters.importers.base import Counter, Import, Options
from mnemon.adapters.importers.chatparts import objects_in
from mnemon.adapters.importers.export import Message, moment_or_none, too_long
from mnemon.adapters.importers.jsonstream import DamagedJson, MeteredStream, elements
from mnemon.adapters.importers.kept import TOO_MUCH, Kept
from mnemon.adapters.importers.records import (
    Anchor,
    Record,
    Utterance,
    character_problem,
    excerpt,
    printable,
    shown,
)
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.adapters.importers.slackblocks import attachment_text, block_texts
from mnemon.adapters.importers.talk import SHAPELESS
from mnemon.core.errors import Invalid

_DAY = re.compile(r"(?!\.\.?/)(?P<folder>[^/]+)/\d{4}-\d{2}-\d{2}\.json")
# The lists that an export has beside its folders; which of them depends on the plan.
_LISTS = ("channels.json", "users.json", "groups.json", "dms.json", "mpims.json")
_TAKEN = {
    *("type", "subtype", "ts", "thread_ts", "user", "text", "edited", "reactions", "files", "client_msg_id", "team"),
    *("user_team", "source_team", "bot_id", "upload", "display_as_bot", "parent_user_id"),
    *("reply_count", "reply_users", "reply_users_count", "latest_reply", "replies", "subscribed", "last_read"),
}
_LOOKED_AT = 5  # days, to know an export by
_MAX_MEMBERS = 50  # of a conversation, in its title
_MAX_LABEL = 100  # characters of a name: a mention of five characters becomes so many
# What Slack says about a channel, not what somebody said in it.
_NOISE = {
    *(f"{kind}_{what}" for kind in ("channel", "group") for what in ("join", "leave", "archive", "unarchive")),
    "bot_add",
    "bot_remove",
    "tombstone",
    "pinned_item",
    "reminder_add",
}
_SYSTEM = {f"{kind}_{what}" for kind in ("channel", "group") for what in ("topic", "purpose", "name")}
_LINK = re.compile(r"<([@#!]?)([^<>|]+)(?:\|([^<>]*))?>")


@dataclass(slots=True)
class _Directory:
    """Who and what the ids in messages stand for."""

    people: dict[str, str] = field(default_factory=dict)
    bots: set[str] = field(default_factory=set)
    channels: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By folder: the channel's id and title."""
    names: dict[str, str] = field(default_factory=dict)
    """By id: the channel's name."""

    def readable(self, text: str) -> str:
        """Return Slack's own markup as people read it: names for mentions, labels for links."""
        return html.unescape(_LINK.sub(self._link, text)).strip()

    def _link(self, match: re.Match[str]) -> str:
        sign, target, label = match.groups()
        if sign == "@":
            return f"@{self.people.get(target) or label or target}"
        if sign == "#":
            return f"#{label or self.names.get(target, target)}"
        if sign == "!":
            return label or "@" + target.split("^")[0]
        address = target.removeprefix("mailto:")
        return f"{label} ({address})" if label and label != address else address


class Slack(Import):
    """The zip file as Slack exports it, or the directory it was unpacked to."""

    format: ClassVar[str] = "slack"
    title: ClassVar[str] = "Slack"
    needs: ClassVar[str] = "`channels.json` or `users.json`, and a folder a channel with a file a day"
    description: ClassVar[str] = "The export of a workspace, as the zip file or unpacked; each channel a conversation."
    expects: ClassVar[tuple[str, ...]] = ("channels.json", "users.json")

    def __init__(self, path: Path, **given: Unpack[Options]) -> None:
        super().__init__(path, **given)
        self._tree = open_tree(path, "a slack export")
        lists, self._days = _layout(self._tree.sizes)
        self._root = _root(lists)
        if not self._days:
            raise Invalid(
                f"{path} has no folders with a file a day (general/2026-03-01.json), so it is not a slack export.",
                code="invalid.import.format",
                hint="Give the zip file as Slack exported it, or the directory it was unpacked to.",
                path=str(path),
            )
        self.total_bytes = sum(self._tree.sizes[name] for name in self._days)
        self._base = 0

    def identify(self) -> str:
        """Return the digest of the whole export."""
        return self._tree.identify()

    @classmethod
    def recognises(cls, sample: Sample) -> Certainty:
        """Recognise the lists of channels and people, with the files of days; each of them others have as well."""
        lists, days = _layout(sample.names)
        if not lists or lists[0].count("/") > 1:
            return Certainty.NO
        if days:
            return Certainty.CERTAIN if _has_messages(sample, days) else Certainty.NO
        # Nothing was said, or the folders are missing: that it is one is still to be seen by its channels.
        return Certainty.CERTAIN if any(_has_channels(sample, name) for name in lists) else Certainty.NO

    @property
    def bytes_read(self) -> int:
        """How many bytes of the messages, unpacked, have been read."""
        return max(0, self._tree.bytes_read - self._base)

    def records(self, anchor: Anchor) -> Iterator[Record]:
        """Yield the messages of each channel."""
        counter = Counter()
        self.left_out.clear()
        with open_tree(self.path, "a slack export") as tree:
            self._tree = tree
            directory = _directory(tree, self._root)
            self._base = tree.bytes_read
            for name in self._days:
                folder = name.removeprefix(self._root).split("/", 1)[0]
                key, title = directory.channels.get(folder, (folder, f"#{folder}"))
                label, day = tree.label(name), printable(name)
                with tree.open(name) as raw:
                    try:
                        for number, message in enumerate(elements(MeteredStream(raw, label)), 1):
                            yield from self._message(
                                message, f"{day}, message {number}", label, counter, directory, key, title
                            )
                    except DamagedJson as error:
                        yield counter.broken(label, f"{day}: {error}")

    def _message(
        self, message: Any, where: str, file: str, counter: Counter, directory: _Directory, key: str, title: str
    ) -> Iterator[Record]:
        if not isinstance(message, dict) or not isinstance(message.get("ts"), str):
            yield counter.broken(file, f"{where}: not a message with a `ts`", shown(message))
            return
        subtype = str(message.get("subtype") or "")
        if subtype in _NOISE:
            self.leave_out(f"what Slack says of a channel (`{subtype}`)")
            return
        try:
            text = _text(message)
            if len(text) <= limits.MAX_MESSAGE_TEXT:  # a longer one is refused below, as it stands
                text = directory.readable(text)
            speaker, bot = _speaker(message, directory)
            metadata, dropped = _metadata(message, text)
            if dropped:
                self.leave_out(TOO_MUCH, dropped)
        except SHAPELESS as error:
            reason = f"{where}: not in the shape of slack: {excerpt(repr(error))}"
            yield counter.broken(file, reason, shown(message))
            return
        if not text:
            self.leave_out("messages without words")
            return
        message_said = Message(message["ts"], text, "user", speaker=speaker)
        if problem := too_long(message_said) or character_problem([text, speaker, metadata, key, title], "the text"):
            yield counter.broken(file, f"{where}: {problem}", excerpt(text))
            return
        source_id = f"{key}:{message['ts']}"
        yield Utterance(
            text=text.strip(),
            at=moment_or_none(message["ts"], self.zone),
            speaker=speaker,
            role="system" if subtype in _SYSTEM else "assistant" if bot else "user",
            conversation=key,
            conversation_title=title,
            session=None,
            source=self.format,
            source_id=source_id,
            position=counter.next(file, source_id),
            metadata=metadata,
        )


def _layout(names: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the lists that an export begins with, those that are furthest out, and the files of days beside them."""
    lists = [name for name in names if name.rsplit("/", 1)[-1] in _LISTS]
    root = _root(lists)
    lists = [name for name in lists if name.rpartition("/")[0] == root.removesuffix("/")]
    return lists, sorted(n for n in names if n.startswith(root) and _DAY.fullmatch(n.removeprefix(root)))


def _root(lists: list[str]) -> str:
    """Return the folder that the lists are in, with its slash, or nothing."""
    root = min((name.rpartition("/")[0] for name in lists), key=len, default="")
    return f"{root}/" if root else ""


def _has_messages(sample: Sample, days: list[str]) -> bool:
    """Tell whether a message of the first days has a time as Slack's have; or none of them can be looked at."""
    for name in days[:_LOOKED_AT]:
        first = _first(sample, name)
        if first is not None:
            return isinstance(first, dict) and isinstance(first.get("ts"), str)
    return True


def _has_channels(sample: Sample, name: str) -> bool:
    """Tell whether a list is one of channels; people alone are listed by others too."""
    if name.rsplit("/", 1)[-1] == "users.json":
        return False
    first = _first(sample, name)
    return first is None or (isinstance(first, dict) and "id" in first and not {"name", "members"}.isdisjoint(first))


def _first(sample: Sample, name: str) -> Any:
    """Return the first element of a list; None where it has none or is damaged, False where it is no list."""
    try:
        with sample.open(name) as raw:
            stream = MeteredStream(raw, name)
            return next(elements(stream), None) if stream.prefix else False
    except (DamagedJson, Invalid):
        return None


def _directory(tree: Tree, root: str) -> _Directory:
    directory = _Directory()
    for user in _list(tree, f"{root}users.json"):
        profile = user.get("profile")
        profile = profile if isinstance(profile, dict) else {}
        names = (profile.get("display_name"), user.get("real_name"), profile.get("real_name"), user.get("name"))
        key = _name(user.get("id"))
        directory.people[key] = next((_name(n) for n in names if n), key)
        if user.get("is_bot"):
            directory.bots.add(key)
        if bot := _name(profile.get("bot_id")):
            directory.people.setdefault(bot, directory.people[key])
            directory.bots.add(bot)
    for entry in _list(tree, f"{root}integration_logs.json"):
        # What was installed, by its own name: a message may name no more than its number.
        name = next((_name(entry[k]) for k in ("app_type", "service_type", "service_name") if entry.get(k)), "")
        for k in ("bot_id", "app_id", "service_id") if name else ():
            if _name(entry.get(k)):
                directory.people.setdefault(_name(entry[k]), name)
    for name in _LISTS:
        for channel in _list(tree, f"{root}{name}") if name != "users.json" else []:
            key = _name(channel.get("id"))
            label = _name(channel.get("name") or "")
            listed = channel.get("members")
            members = [
                directory.people.get(member := _name(m), member) for m in (listed if isinstance(listed, list) else [])
            ]
            others = f" and {len(members) - _MAX_MEMBERS} others" if len(members) > _MAX_MEMBERS else ""
            private = name in ("dms.json", "mpims.json")
            title = " and ".join(members[:_MAX_MEMBERS]) + others if private and members else f"#{label or key}"
            # The folder of a direct conversation is named by its id, all others by their name.
            directory.channels[key if name == "dms.json" else label or key] = (key, title)
            directory.names[key] = label
    return directory


def _list(tree: Tree, name: str) -> Iterator[dict[str, Any]]:
    """Yield the people or channels of a list, one after the other: of each no more is kept than what is asked for."""
    if tree.sizes.get(name, limits.MAX_LIST + 1) > limits.MAX_LIST:
        return
    with tree.open(name) as raw:
        stream = MeteredStream(raw, tree.label(name))
        if not stream.prefix:
            return  # no list
        try:
            for number, value in enumerate(elements(stream)):
                if number >= limits.MAX_LISTED:
                    raise Invalid(
                        f"{tree.label(name)} has more than {limits.MAX_LISTED:,} entries.",
                        code="invalid.import.entries",
                        hint="Export from Slack again; no workspace has so many.",
                    )
                if isinstance(value, dict):
                    yield value
        except DamagedJson as error:
            raise Invalid(
                f"{tree.label(name)} is not JSON: {error}.",
                code="invalid.import.damaged",
                hint="Export from Slack again.",
            ) from error


def _name(value: object) -> str:
    return str(value)[:_MAX_LABEL] if isinstance(value, str | int) else ""


def _text(message: dict[str, Any]) -> str:
    """Return what a message says: its text, or else its blocks; what was attached to it; the names of its files."""
    text = message.get("text") or ""
    pieces = [text if text.strip() else "\n".join(block_texts(message.get("blocks")))]
    for one in message.get("attachments") or []:
        said = attachment_text(one)
        # A link's preview may say what the message says already.
        pieces.append("" if said and said in pieces[0] else said)
    pieces.extend(f"[file: {name}]" for name in _files(message))
    return "\n".join(piece for piece in pieces if piece.strip())


def _files(message: dict[str, Any]) -> list[str]:
    files = message.get("files") or []
    return [str(name) for file in files if (name := file.get("name") or file.get("title"))]


def _speaker(message: dict[str, Any], directory: _Directory) -> tuple[str | None, bool]:
    """Return who wrote it, and whether that is a program."""
    user, bot_id = str(message.get("user") or ""), str(message.get("bot_id") or "")
    bot = message.get("subtype") == "bot_message" or "bot_id" in message or user in directory.bots
    profile = message.get("user_profile") or {}
    bot_name = (message.get("bot_profile") or {}).get("name")
    if bot_id and (candidates := bot_name or message.get("username")):
        # A message further on may have its number alone.
        directory.people.setdefault(bot_id, _name(candidates))
    names = (
        directory.people.get(user),
        message.get("username"),
        bot_name,
        profile.get("display_name"),
        profile.get("real_name"),
        directory.people.get(bot_id),
        directory.people.get(str(message.get("app_id") or "")),
        user or bot_id,
    )
    return next((str(name) for name in names if name), None), bot


def _metadata(message: dict[str, Any], text: str) -> tuple[dict[str, Any], int]:
    """Return what else a message holds; and how many details of it were too many to keep."""
    metadata: dict[str, Any] = {"ts": message["ts"]}
    if thread := message.get("thread_ts"):
        metadata["thread_ts"] = thread
        metadata["reply"] = thread != message["ts"]
    if message.get("edited"):
        metadata["edited"] = True
    if reactions := {r["name"]: r.get("count", 1) for r in message.get("reactions") or []}:
        metadata["reactions"] = reactions
    if names := _files(message):
        metadata["files"] = names
    keeper = Kept(text)
    details = keeper.rest(message, _TAKEN)
    if files := [
        remainder for entry in objects_in(message.get("files")) if (remainder := keeper.rest(entry, {"name"}))
    ]:
        details["file_details"] = files
    return metadata | ({"details": details} if details else {}), keeper.dropped
