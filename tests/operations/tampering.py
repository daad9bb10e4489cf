"""What tests of tampering share: a superuser whom no trigger stops, and what is tampered with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from mnemon.context import Context
from mnemon.operations import service
from mnemon.operations.trail.seals import Block, Sealer, SealKind
from tests.conftest import APP, WORKER
from tests.factories import installation_of, worker_at

REHASH = """
DO $$
DECLARE b audit_blocks; before bytea := decode(repeat('00', 32), 'hex');
BEGIN
  UPDATE audit_blocks t SET row_hashes = ARRAY(
      SELECT audit_digest(a) FROM unnest(t.row_ids) WITH ORDINALITY r(id, place)
      JOIN audit_logs a ON a.organization_id = t.organization_id AND a.id = r.id ORDER BY place),
    row_kept_hashes = ARRAY(
      SELECT audit_kept(a) FROM unnest(t.row_ids) WITH ORDINALITY r(id, place)
      JOIN audit_logs a ON a.organization_id = t.organization_id AND a.id = r.id ORDER BY place)
  WHERE t.organization_id = '{0}';
  FOR b IN SELECT * FROM audit_blocks WHERE organization_id = '{0}' ORDER BY number LOOP
    UPDATE audit_blocks t SET previous_hash = before, hash = audit_block_hash(before, b.organization_id, b.number,
      b.era, b.upper_transaction, b.row_ids, b.row_hashes, b.row_times)
    WHERE t.organization_id = b.organization_id AND t.number = b.number RETURNING t.hash INTO before;
  END LOOP;
END $$
"""


@asynccontextmanager
async def tampering(admin: Any) -> AsyncIterator[Any]:
    """As a superuser whom no trigger stops."""
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        yield admin


async def recompute(admin: Any, organization: UUID) -> None:
    """Make every hash of a trail anew, as its rows are now."""
    await admin.execute(REHASH.format(organization))


async def seal_every(ctx: Context) -> int:
    """Seal every trail, as a worker does; how many rows."""
    async with at_work(ctx) as upkeep:
        return (await service.seal_audits(upkeep)).rows


@asynccontextmanager
async def at_work(ctx: Context) -> AsyncIterator[Context]:
    """The installation itself over the same database, as a worker; with the same clock and settings."""
    url = ctx.settings.database_url
    assert url is not None
    async with worker_at(url.get_secret_value().replace(APP, WORKER), organization="own") as made:
        yield replace(installation_of(made), clock=ctx.clock, settings=ctx.settings)


async def sign(admin: Any, organization: UUID, sealer: Sealer) -> None:
    """Sign every block of a trail as it is now, with whatever key."""
    for row in await admin.fetch(
        "SELECT m.* FROM audit_blocks b, audit_block_material(b.organization_id, b.number) m "
        "WHERE b.organization_id = $1",
        organization,
    ):
        block = Block(organization, row["number"], row["hash"], row["kept"], row["sealed_us"])
        await admin.execute(
            "UPDATE audit_blocks SET mac = $3 WHERE organization_id = $1 AND number = $2",
            *(organization, block.number, sealer.sign(SealKind.BLOCK, block)),
        )


@dataclass
class Harm:
    """A sealed trail and what is done to it.

    Attributes:
        entry: in the middle of it, the second of the second block.
    """

    admin: Any
    own: UUID
    entry: UUID
    later: list[Callable[[Context], Awaitable[None]]] = field(default_factory=list)

    @classmethod
    async def of(cls, ctx: Context, admin: Any) -> Harm:
        own = ctx.principal.organization_id
        entry = await admin.fetchval(
            "SELECT row_ids[2] FROM audit_blocks WHERE organization_id = $1 AND number = 2", own
        )
        return cls(admin, own, entry)

    async def run(self, statement: str, *args: Any) -> None:
        """Something that changes a row at least."""
        done = await self.admin.execute(statement, *args)
        assert not done.endswith(" 0"), statement

    async def then(self, work: Callable[[Context], Awaitable[None]]) -> None:
        """Something that is done after the tampering."""
        self.later.append(work)

    async def afterwards(self, ctx: Context) -> None:
        """Do it."""
        for work in self.later:
            await work(ctx)
