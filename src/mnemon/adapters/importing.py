"""Import: a stream of utterances into memory, in batches that carry their own checkpoint.

Each batch and how far it has come are written in one transaction, so an import that is killed goes on where it was:
nothing is lost, and nothing is stored twice, because every utterance has the id that its source gave it. Reading,
embedding and writing of consecutive batches overlap, and no more than two batches are held at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from mnemon.adapters.collecting import seldom_collected
from mnemon.adapters.folders import Plan, Target, plan_of
from mnemon.adapters.importers import Broken, Import, Mark, Position, Record, Utterance, limits, open_import
from mnemon.adapters.importers.dates import zone_of
from mnemon.adapters.importers.records import excerpt
from mnemon.adapters.importers.registry import find
from mnemon.adapters.importers.zips import Archive
from mnemon.adapters.reports import KEPT_BROKEN, ImportReport
from mnemon.adapters.sinks import Sink
from mnemon.adapters.sources import place_after, place_of, read_nothing, reader_place
from mnemon.conversations.schemas import Checkpoint, Language, NewMessage
from mnemon.core.errors import Invalid, MnemonError, NotFound, Unavailable
from mnemon.core.ids import digest
from mnemon.core.text import CONTENT_LIMIT, LABEL_LIMIT, Label, Schema, invalid, parse, trimmed
from mnemon.memory.schemas import Remember

__all__ = ["BATCH", "FIRST", "ImportReport", "Progress", "import_file"]

BATCH = 2000
#: Records of the first batch; each further one is twice as large, up to BATCH, so that writing begins at once.
FIRST = 250
#: Records read between two offers of the interpreter to the event loop, which is writing the batch before.
_POLITE = 8


#: What else than an invalid file ends the import of that one alone, and not of those beside it.
_OF_A_FILE = ("not_found.import_file", "unavailable.importer")

Progress = Callable[[ImportReport], None]
_One = Callable[..., Awaitable[ImportReport]]


class _Names(Schema):
    """What an import is told by name."""

    conversation: Label | None = None
    user: Label | None = None
    agent: Label | None = None
    speakers: dict[Label, Label] = Field(default_factory=dict)
    language: Language | None = None


@dataclass(slots=True)
class _Batch:
    messages: list[NewMessage]
    broken: list[Broken]
    last: Position | None
    mark: Mark | None
    undated: int
    bytes_read: int
    prepared: Any = None
    error: MnemonError | None = None


async def import_file(
    sink: Sink,
    path: Path,
    *,
    format: str | None = None,  # noqa: A002 - the word that users use for it
    conversation: str | None = None,
    user: str | None = None,
    agent: str | None = None,
    speakers: Mapping[str, str] | None = None,
    language: str | None = None,
    stop_on_broken: bool = False,
    restart: bool = False,
    columns: Mapping[str, str] | None = None,
    timezone: str | tzinfo | None = None,
    on_progress: Progress | None = None,
) -> ImportReport:
    """Import a file of conversations, or a folder of them; goes on where an interrupted import of a file stopped.

    Args:
        sink: where it goes.
        path: the file, or ``-`` for standard input; a folder or an archive with several files: each one by itself.
        format: one of the importers' formats; found out from the file when left out.
        conversation: for JSONL: the conversation of lines that name none.
        user: whose memory it becomes; a speaker of that name is this user.
        agent: the agent that takes part.
        speakers: which speakers are users of the organisation: the name in the file, and the user. They take part in
            the conversations then; everybody else in the file is a name, and sees nothing by it.
        language: what all of it is written in, as an ISO 639 code; found out, if left out.
        stop_on_broken: stop at the first record that cannot be read, instead of reporting it and going on.
        restart: read from the beginning; what is already there is not stored twice.
        columns: which key of a record holds what, such as ``{"text": "body"}``.
        timezone: the zone of times that name none, by its IANA name; the setting's without it.
        on_progress: called after each batch.

    Raises:
        Invalid: the file cannot be read as that format; or a record is broken and stop_on_broken is set. What was
            imported before stays.
        NotFound: nothing is there.
        Unavailable: the format's importer cannot be loaded.
    """
    told_by_name = {"conversation": conversation, "user": user, "agent": agent, "language": language}
    names = parse(_Names, {**told_by_name, "speakers": dict(speakers or {})})
    reading: dict[str, Any] = {
        "conversation": names.conversation,
        "columns": columns,
        "zone": zone_of(timezone, sink.timezone),
    }
    run = partial(_import_one, sink, names=names, stop_on_broken=stop_on_broken)
    run = partial(run, restart=restart, on_progress=on_progress)
    plan = await asyncio.to_thread(plan_of, path, format)
    if plan is None:
        return await run(Target(path, format or ""), ImportReport(format or "", str(path)), reading)
    if (single := plan.single) is not None:
        report = await run(single, ImportReport(single.format, single.name), reading)
        report.unknown, report.left_out = plan.unknown, {**report.left_out, **plan.left_out}
        return report
    return await _import_each(run, plan, path, reading, stop_on_broken=stop_on_broken)


async def _import_each(
    run: _One, plan: Plan, path: Path, reading: dict[str, Any], *, stop_on_broken: bool
) -> ImportReport:
    """Import each file of a folder or an archive; one that cannot be imported is in the report with its error."""
    whole = ImportReport(plan.kind, str(path), unknown=plan.unknown, left_out=dict(plan.left_out))
    for name, why in plan.failed:
        if stop_on_broken:
            raise Invalid(why, code="invalid.import.unreadable", hint="Mend or remove it.", path=name)
        whole.add(ImportReport("", name, error=why))
    archives = _Archives()
    try:
        for target in plan.targets:
            report = ImportReport(target.format, target.name)
            try:
                archive = await asyncio.to_thread(archives.of, target)
                await run(target, report, _fitting(target, reading), archive=archive)
            except (Invalid, NotFound, Unavailable) as error:
                if stop_on_broken or not (isinstance(error, Invalid) or error.code in _OF_A_FILE):
                    raise
                report.error = str(error)
            whole.add(report)
    finally:
        archives.close()
    return whole


class _Archives:
    """The archive that files are being imported of: its list of files is read once for all of them."""

    def __init__(self) -> None:
        self._archive: Archive | None = None

    def of(self, target: Target) -> Archive | None:
        """Return the archive of a file, open; None of a file by itself."""
        if target.member is None:
            return None
        if self._archive is None or self._archive.path != target.path:
            self.close()
            self._archive = Archive(target.path)
        return self._archive

    def close(self) -> None:
        """Let go of it."""
        if self._archive is not None:
            self._archive.close()
        self._archive = None


def _fitting(target: Target, reading: dict[str, Any]) -> dict[str, Any]:
    """Return those of the options that have a meaning for the format of a file, where a folder has several."""
    known = find(target.format).load().options
    return {name: value for name, value in reading.items() if name == "zone" or name in known}


async def _import_one(
    sink: Sink,
    target: Target,
    report: ImportReport,
    reading: dict[str, Any],
    *,
    names: _Names,
    stop_on_broken: bool,
    restart: bool,
    on_progress: Progress | None,
    archive: Archive | None = None,
) -> ImportReport:
    options = {**reading, "format": target.format or None, "member": target.member, "archive": archive}
    source = await asyncio.to_thread(open_import, target.path, **options)
    checkpoint = await place_of(sink, source, reading)
    if restart or read_nothing(checkpoint):
        checkpoint = Checkpoint(source=checkpoint.source)
    report.format, report.total_bytes = source.format, source.total_bytes
    if begun_at := reader_place(checkpoint):
        start = Position.from_dict(begun_at)
        report.resumed_after, report.broken_before = start.entry, checkpoint.broken
        source = await asyncio.to_thread(open_import, target.path, start=start, **options)
    run = _Run(sink, source, report, checkpoint, names, stop_on_broken=stop_on_broken)
    with seldom_collected():
        await run.all(on_progress)
    return report


class _Run:
    """One import under way."""

    def __init__(
        self,
        sink: Sink,
        source: Import,
        report: ImportReport,
        place: Checkpoint,
        names: _Names,
        *,
        stop_on_broken: bool,
    ) -> None:
        self.sink = sink
        self.source = source
        self.report = report
        self.place = place
        self.names = names
        self.stop_on_broken = stop_on_broken
        self.records: Iterator[Record] = iter(source)
        self.size = min(FIRST, BATCH)

    async def all(self, on_progress: Progress | None) -> None:
        """Write every batch; the next is read and embedded while the present one is written."""
        began = time.perf_counter()
        reading = asyncio.create_task(self._next())
        try:
            while True:
                batch = await reading
                if batch.last is None and not batch.broken and batch.error is None:
                    break
                if batch.error is None:
                    reading = asyncio.create_task(self._next())
                if batch.last is not None or batch.broken:
                    await self._write(batch)
                self.report.seconds = time.perf_counter() - began
                if on_progress is not None:
                    on_progress(self.report)
                if batch.error is not None:
                    raise batch.error  # what came before it is written
                if batch.broken and self.stop_on_broken:
                    raise _stopped(batch.broken[0])
        finally:
            await asyncio.gather(reading, return_exceptions=True)
            self.report.keys, self.report.left_out = self.source.keys_found(), dict(self.source.left_out)
        await self._write(_Batch([], [], None, None, 0, self.source.bytes_read), finished=True)
        self.report.seconds = time.perf_counter() - began

    async def _next(self) -> _Batch:
        """Return the next records, embedded: all that can be done before the database is needed."""
        batch = await asyncio.to_thread(self._read)
        # What was said is one message wherever it fits; what does not is kept in parts.
        request = Remember.model_construct(items=tuple(batch.messages), checkpoint=None, split_over=CONTENT_LIMIT)
        batch.prepared = await self.sink.prepare(request)
        return batch

    def _read(self) -> _Batch:
        """Return the next records as messages; runs in a thread."""
        messages: list[NewMessage] = []
        broken: list[Broken] = []
        last: Position | None = None
        mark: Mark | None = None
        size, self.size = self.size, min(2 * self.size, BATCH)
        begin: int | None = None
        failures: list[MnemonError] = []
        for n, record in enumerate(_until_failure(islice(self.records, size), failures)):
            if n % _POLITE == 0:
                time.sleep(0)  # hands the interpreter over, if the event loop wants it, sooner than it would be taken
            message = self._message(record) if isinstance(record, Utterance) else record
            if isinstance(message, NewMessage):
                messages.append(message)
            else:
                broken.append(message)
                if self.stop_on_broken:
                    break  # its place is not kept: once it is mended, the import goes on with it
            last = record.position
            if self.stop_on_broken:
                mark = self.source.mark()
            # Where it lies in the unpacked file, or how much of that has been read.
            offset = self.source.bytes_read if last.offset is None else last.offset
            begin = offset if begin is None else begin
            if offset - begin > limits.BATCH_BYTES:
                break
        undated = sum(message.at is None for message in messages)
        batch = _Batch(messages, broken, last, mark or self.source.mark(), undated, self.source.bytes_read)
        batch.error = failures[0] if failures else None
        return batch

    def _message(self, utterance: Utterance) -> NewMessage | Broken:
        """Return the utterance as a message; or what about it memory does not keep."""
        try:
            return self._valid(utterance)
        except ValidationError as error:
            return Broken(utterance.position, invalid(error).message, excerpt(utterance.text))

    def _valid(self, utterance: Utterance) -> NewMessage:
        identity = utterance.source_id
        speaker = _name(utterance.speaker)
        is_person = utterance.role == "user"
        return NewMessage(
            content=utterance.text,
            conversation=_name(utterance.conversation) or self.names.conversation or "default",
            conversation_title=_name(utterance.conversation_title),
            role=utterance.role,
            speaker=speaker,
            sender=self.names.speakers.get(speaker) if speaker and is_person else None,
            user=self.names.user,
            agent=self.names.agent,
            language=self.names.language,
            at=utterance.at,
            session=_name(utterance.session),
            tags=tuple(tag for tag in utterance.tags if trimmed(tag)),
            metadata=utterance.metadata,
            source=utterance.source,
            source_id=identity if len(identity) <= LABEL_LIMIT else digest(identity),
        )

    async def _write(self, batch: _Batch, *, finished: bool = False) -> None:
        checkpoint = self.place
        position = place_after(batch.last.as_dict(), batch.mark) if batch.last else checkpoint.position
        after = Checkpoint(
            source=checkpoint.source,
            position=position,
            imported=checkpoint.imported,
            skipped=checkpoint.skipped,
            broken=checkpoint.broken + (0 if self.stop_on_broken else len(batch.broken)),
            finished_at=self.sink.now() if finished else None,
        )
        # How many of the batch are new is known only once they are written; the counters of this batch are added to
        # the checkpoint of the next, its position is not: that decides where an interrupted import goes on.
        prepared = batch.prepared or await self.sink.prepare(Remember.model_construct(items=()))
        written = await self.sink.write(prepared, after)
        skipped = len(batch.messages) - written.created
        self.place = after.model_copy(
            update={"imported": after.imported + written.created, "skipped": after.skipped + skipped}
        )
        report = self.report
        report.imported += written.created
        report.skipped += skipped
        report.broken += len(batch.broken)
        report.undated += batch.undated
        report.bytes_read = batch.bytes_read
        report.problems += batch.broken[: max(KEPT_BROKEN - len(report.problems), 0)]


def _until_failure(records: Iterator[Record], failures: list[MnemonError]) -> Iterator[Record]:
    """Yield records up to where the file cannot be read on, and note why not: those before it are good."""
    try:
        yield from records
    except MnemonError as error:
        failures.append(error)


def _name(given: str | None) -> str | None:
    """Return a name as memory keeps it: a file may hold one that is blank, which names nobody, or too long."""
    return trimmed(given)[:LABEL_LIMIT] or None if given else None


def _stopped(broken: Broken) -> Invalid:
    return Invalid(
        f"{broken.position.file}, {broken.reason}"
        if broken.position.line
        else f"{broken.position.file}: {broken.reason}",
        code="invalid.import.broken",
        hint="Mend it and import again (it goes on where it stopped), or import without --strict to skip it.",
        line=broken.position.line,
    )
