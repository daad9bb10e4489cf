"""AsyncMemory: the verbs of memory for code that awaits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mnemon.core import times
from mnemon.core.errors import Invalid
from mnemon.core.pages import Page
from mnemon.doors.library import refusals
from mnemon.doors.library.erasing import erasure
from mnemon.doors.library.items import Rememberable, as_items, as_list, chunks, given
from mnemon.doors.library.namespaces import AsyncNamespaces
from mnemon.doors.library.reading import Reading
from mnemon.doors.library.zones import people_of
from mnemon.memory import service
from mnemon.memory.schemas import (
    Forget,
    Forgotten,
    Item,
    ListItems,
    Recollection,
    Remember,
    Remembered,
    Scope,
    Search,
    Update,
    Weights,
)

if TYPE_CHECKING:
    from mnemon.adapters.importing import ImportReport, Progress
    from mnemon.operations.schemas import ErasurePreview, ErasureReceipt


class AsyncMemory(Reading, AsyncNamespaces):
    """Memory of one organisation.

    Opens on first use: with no settings, on the embedded PostgreSQL with the built-in embedder. Use it as an async
    context manager, or call :meth:`close` at the end. One instance serves any number of tasks of one
    event loop; it opens again on the next one, and in a forked child (docs/processes.md).

    Args:
        settings: where and how; read from the environment when left out. Single settings may be given by name
            instead, and win: ``AsyncMemory(data_dir="./memory", organization="acme")``. Or the address of a server:
            ``AsyncMemory("https://memory.example.org", api_key="mnk_...")``.
        env_file: a file of settings, which no one but its user may write; no file is read that is not named.
        api_key: by which a server knows who asks.
    """

    async def organization(self, slug: str) -> AsyncMemory:
        """Return the memory of another organisation, over the same connections; made on first use.

        Raises:
            Invalid: not a slug; or it is the memory of a server, whose keys are for one organisation each.
        """
        refusals.text("slug", slug, missing=True)
        if self.is_remote:
            hint = "Make a memory with a key of the other organisation."
            raise Invalid("A key is for one organisation.", code="invalid.remote", hint=hint)
        other = AsyncMemory(self.settings.model_copy(update={"organization": slug}))
        other._parent = self._parent or self
        await other.open()
        return other

    async def remember(
        self,
        /,
        content: Rememberable | Iterable[Rememberable],
        *,
        user: str | None = None,
        agent: str | None = None,
        conversation: str | None = None,
        team: str | None = None,
        role: str | None = None,
        speaker: str | None = None,
        at: datetime | date | str | None = None,
        tags: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        source: str | None = None,
        source_id: str | None = None,
        dedupe: bool = True,
        split: bool = False,
        **fields: Any,
    ) -> Remembered:
        """Remember one thing or thousands; up to 1,000 at a time are written in one transaction.

        A text with a conversation, a role or a speaker is a message, an episode of that conversation; otherwise it
        is a memory (``memory_type="semantic"`` unless said otherwise). The ids come in order.

        Args:
            content: a text; a mapping of the fields of NewMessage or NewMemory; one of these; a message as a client
                of a model has it (docs/remembering.md); or an iterable of them.
            user: whose memory it is, by a string of yours; made on first use, as are agents and conversations.
            agent: the agent that takes part or keeps it.
            conversation: the conversation it was said in.
            team: slug of the team that shares it.
            role: user, assistant, system or tool.
            speaker: who said it, by name, if that is not ``user`` or ``agent``; a user only where ``sender`` says so.
            at: when it was said or true; now, if left out. A datetime without a zone is local time of the process; a
                text (ISO 8601) without one, and a date, are in the zone of the user, else of the setting ``timezone``.
            tags: labels.
            metadata: a JSON object of yours.
            source: where it came from.
            source_id: its id there; the same source and id is stored once.
            dedupe: confirm a memory that is there word for word, of the same owner and type; False keeps it twice.
            split: keep a text of more than 3,000 characters in parts, which are found as one text and are one under the
                id that is returned; without it more than 50,000 are refused (docs/remembering.md).
            **fields: any other field of NewMessage or NewMemory, such as ``importance=8`` or ``language="de"``.

        Raises:
            Invalid: something breaks a rule; nothing of its thousand was kept.
            Unavailable: the embedder or the database cannot be reached; nothing of its thousand was kept.
        """
        defaults = given(
            user=user,
            agent=agent,
            conversation=conversation,
            team=team,
            role=role,
            speaker=speaker,
            at=at,
            tags=refusals.labels("tags", tags),
            metadata=refusals.mapping("metadata", metadata),
            source=source,
            source_id=source_id,
            **fields,
        )
        many, shared = as_list(content, defaults)
        zones = await self._zones(people_of(many, shared))
        with times.reading_in(self._zone):
            items = as_items(many, shared, zones)
        over = refusals.split_over(split)
        if over is None:
            service.refuse_long(items)
        requests = [
            Remember.model_construct(items=chunk, checkpoint=None, dedupe=dedupe, split_over=over)
            for chunk in chunks(items)
        ]
        remembered = await self._remember_each(requests)
        self._maintain_later(remembered.created)
        return remembered

    async def search(
        self,
        /,
        query: str,
        *,
        k: int = 10,
        now: datetime | str | None = None,
        scope: Scope | None = None,
        **conditions: Any,
    ) -> Recollection:
        """Return what matches a question best, with the reasons.

        Args:
            query: a question or words.
            k: hits wanted, 1 to 1,000; that many come back while there are that many.
            now: the moment of asking, from which "yesterday" counts; ``as_of``, if that is given, else the clock's.
            scope: which rows may be seen; or
            **conditions: the fields of Scope by name: ``user="ada"``, ``tags=["trip"]``, ``as_of=...``. Their times are
                read as those of :meth:`remember` are.

        Raises:
            Invalid: a field is unknown or out of its bounds.
        """
        fields = given(now=now)
        request = await self._parsed(Search, {"query": query, "k": k, "scope": _scope(scope, conditions), **fields})
        return self._counted(await self._call(service.search, request))

    async def recall(
        self,
        /,
        query: str,
        *,
        k: int = 10,
        token_budget: int | None = None,
        weights: Weights | Mapping[str, float] | None = None,
        running: str | None = None,
        now: datetime | str | None = None,
        scope: Scope | None = None,
        **conditions: Any,
    ) -> Recollection:
        """Return what to bring to mind: matching, recent, important, connected, and within a token budget.

        Args:
            query: a question or what was just said.
            k: hits wanted at most, 1 to 1,000.
            token_budget: tokens the hits may have together; the agent's, if the scope names one.
            weights: the five weights; the agent's, if the scope names one.
            running: the conversation that is going on.
            now: the moment of asking, from which recency and "yesterday" count; ``as_of``, if that is given, else the
                clock's.
            scope: which rows may be seen; or
            **conditions: the fields of Scope by name.

        Raises:
            Invalid: a field is unknown or out of its bounds.
        """
        fields = given(token_budget=token_budget, weights=weights, running=running, now=now)
        request = await self._parsed(Search, {"query": query, "k": k, "scope": _scope(scope, conditions), **fields})
        return self._counted(await self._call(service.recall, request))

    async def list(
        self,
        /,
        *,
        limit: int = 50,
        cursor: str | None = None,
        include_past: bool = False,
        scope: Scope | None = None,
        **conditions: Any,
    ) -> Page[Item]:
        """List a page of what is remembered, newest first; pass the page's ``next_cursor`` for the next."""
        request = await self._parsed(
            ListItems,
            {"limit": limit, "cursor": cursor, "include_past": include_past, "scope": _scope(scope, conditions)},
        )
        return await self._call(service.list_items, request)

    async def update(self, /, id: UUID | str, content: str | None = None, **fields: Any) -> Item:  # noqa: A002
        """Change a memory; new content makes a new memory that supersedes the old one, which ``as_of`` still sees.

        Args:
            id: the memory.
            content: the corrected text.
            **fields: other fields of Update: ``at``, ``importance``, ``tags``, ``reason``, ``expected_version``.

        Raises:
            Conflict: another change came first; ``data`` has both versions.
            NotFound: there is none in this organisation.
        """
        request = await self._parsed(Update, given(id=refusals.uuid(id), content=content, **fields))
        return await self._call(service.update, request)

    async def forget(
        self,
        /,
        id: UUID | str | Iterable[UUID | str] | None = None,  # noqa: A002
        *,
        reason: str | None = None,
        scope: Scope | None = None,
        **conditions: Any,
    ) -> Forgotten:
        """Forget softly, by id, ids or conditions; ``as_of`` an earlier moment still sees it.

        Raises:
            Invalid: neither is given: everything is not forgotten by accident.
            NotFound: none of the ids is there.
        """
        ids = [id] if isinstance(id, UUID | str) else refusals.labels("id", id) or ()
        fields = {"ids": tuple(refusals.uuid(item) for item in ids), "reason": reason}
        if scope is not None or conditions:
            fields["scope"] = _scope(scope, conditions)
        request = await self._parsed(Forget, fields)
        return await self._call(service.forget, request)

    async def position(self) -> str:
        """Return what stands for everything written so far, to be handed to :meth:`after` in another process."""
        return await (await self.open()).database.position()

    async def after(self, position: str) -> None:
        """Let every later read see at least what a position stands for, also where replicas serve reads.

        Within one process, reads see what was written through it anyway.

        Raises:
            Invalid: it is not a position.
        """
        refusals.text("position", position, missing=True)
        ctx = await self.open()
        ctx.database.see(ctx.principal.organization_id, position)

    async def erase(
        self,
        *,
        user: str | UUID | None = None,
        conversation: str | UUID | None = None,
        organization: bool = False,
        by: str | None = None,
        preview: ErasurePreview | None = None,
    ) -> ErasureReceipt:
        """Erase a person, a conversation or this whole organisation for good; see docs/erasure.md.

        Args:
            user: the person: id, external id or e-mail address.
            conversation: the conversation: id or external id.
            organization: all there is.
            by: which of these the name is: ``id``, ``external_id`` or ``email``.
            preview: what :meth:`preview_erasure` gave, if it was confirmed: the subject has to be the same still.

        Raises:
            Invalid: not one of the three is given.
            NotFound: there is none of this name in this organisation.
            Conflict: the name means more than one; nothing was erased.
        """
        from mnemon.operations import service as operations

        refusals.subjects(user, conversation, organization)
        ctx = None if self.is_remote else await self.open()
        return await self._call(
            operations.erase, erasure(ctx, user, conversation, organization, by=by, preview=preview)
        )

    async def preview_erasure(
        self,
        *,
        user: str | UUID | None = None,
        conversation: str | UUID | None = None,
        organization: bool = False,
        by: str | None = None,
    ) -> ErasurePreview:
        """Count what :meth:`erase` would do now: rows that go and rows that lose a reference. Changes nothing."""
        from mnemon.operations import service as operations

        refusals.subjects(user, conversation, organization)
        ctx = None if self.is_remote else await self.open()
        return await self._call(operations.preview_erasure, erasure(ctx, user, conversation, organization, by=by))

    async def import_file(
        self,
        path: str | Path,
        *,
        format: str | None = None,  # noqa: A002
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
        """Import conversations from a file in any of the formats of docs/importers.md; resumes by itself.

        Args:
            path: the file, or ``-`` for standard input; of a folder or an archive each file by itself.
            format: one of the importers' formats; found out from the file when left out.
            conversation: the conversation of records that name none.
            user: whose memory it becomes; a speaker of that name is this user.
            agent: the agent that takes part.
            language: what all of it is written in, as an ISO 639 code; found out, if left out.
            speakers: which speakers are users of yours, such as ``{"Rosa": "rosa@example.org"}``; others are names.
            stop_on_broken: stop at the first record that cannot be read.
            restart: read from the beginning; what is there is not stored twice.
            columns: which key of a record holds what, such as ``{"text": "body", "at": "when"}``.
            timezone: the zone of times that name none, such as ``Europe/Oslo``; the file's own goes before it.
            on_progress: called after each batch.

        Raises:
            Invalid: it cannot be read as that format, or a record is broken and stop_on_broken is set.
            NotFound: nothing is there.
            Unavailable: the format's importer cannot be loaded.
        """
        from mnemon.adapters.importing import import_file  # whose importers nothing else needs

        refusals.path("path", path)
        refusals.texts(format=format, conversation=conversation, user=user, agent=agent)
        report = await import_file(
            await self._sink(),
            Path(path),
            format=format,
            conversation=conversation,
            user=user,
            agent=agent,
            speakers=speakers,
            language=language,
            stop_on_broken=stop_on_broken,
            restart=restart,
            columns=columns,
            timezone=timezone,
            on_progress=on_progress,
        )
        self._maintain_later(report.imported)
        return report


def _scope(scope: Scope | None, conditions: Mapping[str, Any]) -> Any:
    if scope is not None and conditions:
        raise Invalid("Give a scope, or conditions by name, not both.", code="invalid.scope")
    return scope if scope is not None else dict(conditions)
