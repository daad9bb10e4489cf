"""What every public verb takes first: who asks, and all that the verb needs from outside."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Any

from mnemon.ai.embedders import Embedder
from mnemon.core import times
from mnemon.core.background import Background
from mnemon.core.cache import Cache, Copies
from mnemon.core.clock import Clock, SystemClock
from mnemon.core.groups import Groups
from mnemon.core.principal import Principal
from mnemon.core.settings import Settings
from mnemon.core.shared import SharedCache
from mnemon.db.connection import Connection
from mnemon.db.session import Database, after_commit


@dataclass(frozen=True, slots=True)
class Context:
    """A principal, the database, the providers and the clock: all that a verb needs from outside.

    The composition root (:mod:`mnemon.app`) makes one; a verb never looks anything up globally.
    """

    principal: Principal
    database: Database
    embedder: Embedder
    settings: Settings
    clock: Clock = field(default_factory=SystemClock)
    cache: Cache = field(default_factory=Cache)
    copies: Copies = field(default_factory=lambda: Copies(0))
    groups: Groups = field(default_factory=Groups)
    background: Background = field(default_factory=Background)
    shared: SharedCache | None = None

    @property
    def zone(self) -> tzinfo:
        """The zone of the setting ``timezone``, or the process's own: of whoever has none of their own."""
        return times.zone(self.settings.timezone)

    def learn(self, connection: Connection, values: Mapping[Hashable, Any]) -> None:
        """Put values into the cache once the connection's transaction is committed; never, if it is rolled back."""

        def put() -> None:
            for key, value in values.items():
                self.cache.put(key, value)

        after_commit(connection, put)

    def as_principal(self, principal: Principal) -> Context:
        """Return the same context on behalf of somebody else."""
        return replace(self, principal=principal)
