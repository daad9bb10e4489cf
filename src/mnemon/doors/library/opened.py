"""What an open memory holds: its app, when that starts and ends, and the maintenance that runs behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, SecretStr

from mnemon.app import App, start
from mnemon.context import Context
from mnemon.core import forks, times
from mnemon.core.errors import Invalid
from mnemon.core.loops import Home
from mnemon.core.settings import Settings, load_settings
from mnemon.core.text import Schema, moments_of, parse, trimmed
from mnemon.doors.library import refusals
from mnemon.doors.library.calling import Local, Transport
from mnemon.doors.library.zones import person_of
from mnemon.doors.routes import wire
from mnemon.identity import service as identity
from mnemon.identity.schemas import TimezoneSet
from mnemon.memory import service
from mnemon.memory.schemas import Maintained, Recollection, Remember, Remembered

if TYPE_CHECKING:
    from mnemon.adapters.sinks import Sink
    from mnemon.doors.library.remote import Remote
    from mnemon.doors.library.taking import Taking

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", bound=BaseModel)

#: New rows after which maintenance is worth a look.
_MAINTAIN_AFTER = 1000


class Opened:
    """The memory's life, without its verbs: it opens on first use, and closes everything at the end."""

    def __init__(
        self,
        settings: Settings | str | None = None,
        *,
        env_file: str | Path | None = None,
        api_key: str | SecretStr | None = None,
        **overrides: Any,
    ) -> None:
        self._remote: Remote | None = None
        if isinstance(settings, str):
            from mnemon.doors.library.remote import Remote  # and httpx, which a memory of this machine does not need

            self._remote, settings = Remote(settings, api_key), None
        elif api_key is not None:
            raise Invalid(
                "api_key is for a server.",
                code="invalid.api_key",
                field="api_key",
                hint='Memory("https://...", api_key=...)',
            )
        if settings is not None and (overrides or env_file):
            raise Invalid("Give settings, or single ones by name, not both.", code="invalid.settings")
        refusals.settings(settings)
        self.settings = settings or load_settings(env_file=env_file, **overrides)
        self._app: App | None = None
        self._ctx: Context | None = None
        self._opening = asyncio.Lock()
        self._maintenance: asyncio.Task[Maintained] | None = None
        self._written = 0
        self._parent: Self | None = None
        self._home = Home("memory")
        forks.in_child(self)

    @classmethod
    def over(cls, app: App, ctx: Context) -> Self:
        """Return a memory over what another door has open, on behalf of whoever the context is; it closes nothing.

        Args:
            app: what is open.
            ctx: a context of it.
        """
        memory = cls(app.settings)
        memory._app, memory._ctx, memory._parent = app, ctx, memory
        return memory

    def forked(self) -> None:
        """Be closed, without a word to what the parent has open; what it has not written yet is the parent's."""
        forks.leave(self._app, self._ctx, self._maintenance, self._opening)
        self._app = self._ctx = self._maintenance = None
        self._opening, self._written = asyncio.Lock(), 0
        self._home.leave()

    async def __aenter__(self) -> Self:
        await self._transport()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def open(self) -> Context:
        """Start what is not started yet; every verb does this by itself.

        Raises:
            Invalid: it is the memory of a server, which has a context of its own.
        """
        self._move()
        if self._remote is not None:
            raise Invalid(
                "This is for the memory of a database, and not of a server over HTTP.",
                code="invalid.remote",
                hint="Do it where the server has its database.",
            )
        ctx = self._ctx
        if ctx is None or (self._parent is not None and self._app is not self._parent._app):  # noqa: SLF001
            async with self._opening:
                ctx = await self._open()
        return ctx

    @property
    def is_open(self) -> bool:
        """Whether this process has anything of it open."""
        return self._app is not None

    @property
    def is_remote(self) -> bool:
        """Whether it is the memory of a server."""
        return self._remote is not None

    def _move(self) -> None:
        """Belong to the running event loop.

        Raises:
            Invalid: it is in use on another one, which has not ended.
        """
        if self._home.moved():
            self._opening, self._maintenance = asyncio.Lock(), None  # a task of the other loop ended with it

    async def _open(self) -> Context:
        if self._parent is not None:
            await self._parent.open()
            app = self._parent._app  # noqa: SLF001
            if app is None:
                raise Invalid("The memory is closed.", code="invalid.closed")
            if self._ctx is None or self._app is not app:
                self._ctx = await app.organization(self.settings.organization)
                self._app = app
        elif self._ctx is None:
            self._app = await start(self.settings)
            self._ctx = self._app.context
        return self._ctx

    async def close(self) -> None:
        """Finish what runs in the background and let go of everything; using it again opens it again."""
        self._move()
        if self._remote is not None:
            await self._remote.aclose()
        if self._maintenance is not None:
            self._maintenance.cancel()
            await asyncio.gather(self._maintenance, return_exceptions=True)
            self._maintenance = None
        app, self._app, self._ctx = self._app, None, None
        if app is not None and self._parent is None:
            await app.close()
        self._home.leave()

    async def _call(
        self, verb: Callable[Concatenate[Context, P], Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Call a verb, with what it takes after its context."""
        return await (await self._transport()).call(verb, *args, **kwargs)

    async def _transport(self) -> Transport:
        """Return what verbs are called by: the database, opened if it is not open, or the server."""
        return self._remote if self._remote is not None else Local(await self.open())

    async def _sink(self) -> Sink:
        """Return where imports write to."""
        if self._remote is not None:
            from mnemon.doors.library.remote_import import RemoteSink

            return RemoteSink(self._remote, self.settings.timezone)
        from mnemon.adapters.sinks import DatabaseSink

        return DatabaseSink(await self.open())

    async def _asked(self, taking: Taking, one: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """Call a verb of a namespace with what its method was given.

        Raises:
            Invalid: the first thing that is wrong.
        """
        fields = taking.fields(one, named)
        request = fields if isinstance(fields, Schema) else await self._parsed(taking.model, fields)
        return await self._call(taking.verb.function, **wire.arguments(taking.verb, request))

    async def maintain(self, *, max_rows: int | None = None) -> Maintained:
        """Index what is not indexed yet; any number of processes may call it at once."""
        refusals.count("max_rows", max_rows)
        return await self._call(service.maintain, max_rows=max_rows)

    async def set_timezone(self, timezone: str | None, *, user: str) -> None:
        """Say in which zone a person lives: their days in questions, and times of theirs that are texts without a zone.

        Args:
            timezone: IANA name, such as Europe/Berlin; None: that of the setting ``timezone``.
            user: the person, by a string of yours; made on first use.

        Raises:
            Invalid: nobody knows such a zone.
        """
        request = parse(TimezoneSet, {"user": user, "timezone": timezone})
        await self._call(identity.set_timezone, request)

    @property
    def _zone(self) -> tzinfo:
        """The zone of who has none of their own."""
        return times.zone(self.settings.timezone)

    async def zone(self, user: str | None = None) -> tzinfo:
        """Return the zone by which times without one are read: the person's, else that of the setting, else local."""
        person = trimmed(user) if user else ""
        return (await self._zones([person])).get(person, self._zone) if person else self._zone

    async def _zones(self, people: Collection[str]) -> dict[str, tzinfo]:
        """Return the zones of those of the people who have one."""
        return await (await self._transport()).zones(people) if people else {}

    async def _parsed(self, model: type[T], fields: Mapping[str, Any]) -> T:
        """Validate a request; texts without a zone are in that of the person in its scope, else the setting's.

        Raises:
            Invalid: the first thing that is wrong.
        """
        scope = fields.get("scope")
        person = person_of({**fields, **(scope if isinstance(scope, dict) else {})}, moments_of(model))
        zones = await self._zones([person] if person is not None else [])
        with times.reading_in(zones.get(person or "", self._zone)):
            return parse(model, fields)

    def _counted(self, found: Recollection) -> Recollection:
        if self._app is not None and self._ctx is not None:
            self._app.accesses.count(self._ctx.principal, found.hits)
        return found

    async def _remember_each(self, requests: Sequence[Remember]) -> Remembered:
        """Remember requests in order, each in a transaction; the next is made ready while one is written."""
        ids, created = list[UUID](), 0
        if self._remote is not None or len(requests) == 1:
            for request in requests:
                remembered = await self._call(service.remember, request)
                ids += remembered.ids
                created += remembered.created
            return Remembered(ids=tuple(ids), created=created)
        ctx = await self.open()
        preparing = [asyncio.create_task(service.prepare(ctx, request)) for request in requests[:1]]
        try:
            for n in range(len(requests)):
                prepared = await preparing.pop()
                preparing += [asyncio.create_task(service.prepare(ctx, request)) for request in requests[n + 1 : n + 2]]
                remembered = await service.write(ctx, prepared)
                ids += remembered.ids
                created += remembered.created
        finally:
            for task in preparing:
                task.cancel()
            await asyncio.gather(*preparing, return_exceptions=True)
        return Remembered(ids=tuple(ids), created=created)

    def _maintain_later(self, written: int) -> None:
        """Index in the background after large writes, if settings allow it."""
        self._written += written
        if self._remote is not None or not self.settings.auto_maintenance or self._written < _MAINTAIN_AFTER:
            return
        if self._maintenance is None or self._maintenance.done():
            self._written = 0
            self._maintenance = asyncio.create_task(self.maintain(), name="mnemon-maintenance")
            self._maintenance.add_done_callback(_swallow)


def _swallow(task: asyncio.Task[Maintained]) -> None:
    """Background maintenance that failed is tried again after the next large write."""
    if not task.cancelled():
        task.exception()
