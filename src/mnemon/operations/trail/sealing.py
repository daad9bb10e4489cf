"""Signing: what the database has sealed, what an erasure has blanked, what retention may take.

Each signature is written in the transaction of what it signs, with a proof that a process of this installation wrote
it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from mnemon.core.errors import Unavailable
from mnemon.core.installation import InstallationKey
from mnemon.core.principal import INSTALLATION
from mnemon.db.connection import Connection
from mnemon.db.tenant import Prover
from mnemon.operations.trail.anchors import Anchor, Anchors
from mnemon.operations.trail.seals import Block, Retention, Sealer, SealKind, microseconds
from mnemon.operations.trail.verify import listed

#: Blocks whose signatures are written by one statement.
_BATCH = 1000


class Signer:
    """Signs the trail in transactions of a process that has the installation's key."""

    def __init__(self, installation: InstallationKey) -> None:
        self.sealer = Sealer(installation)
        self._prover = Prover(installation)

    async def seal(self, connection: Connection, organization: UUID, size: int) -> tuple[list[Anchor], int]:
        """Seal and sign the next block of one trail; its anchor, and how many rows it has."""
        rows = await connection.fetch("SELECT * FROM seal_trail($1, $2)", organization, size)
        return await self._sign(connection, SealKind.BLOCK, rows), sum(row["rows"] for row in rows)

    async def seal_every(self, connection: Connection, size: int) -> tuple[list[Anchor], int]:
        """Seal and sign what can be sealed of every trail; the anchors, and how many rows."""
        rows = await connection.fetch("SELECT * FROM seal_every_trail($1)", size)
        return await self._sign(connection, SealKind.BLOCK, rows), sum(row["rows"] for row in rows)

    async def _sign(self, connection: Connection, kind: SealKind, rows: Sequence[Any]) -> list[Anchor]:
        signed_blocks = []
        now = datetime.now(UTC)
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            blocks = [
                Block(row["organization_id"], row["number"], row["hash"], row["kept"], row["sealed_us"]) for row in part
            ]
            macs = [self.sealer.sign(kind, block) for block in blocks]
            signed = await connection.fetchval(
                "SELECT sign_trails($1, $2, $3, $4, $5)",
                [block.organization for block in blocks],
                [block.number for block in blocks],
                macs,
                self.sealer.key,
                self._prover.prove(f"seal:{hashlib.sha256(b''.join(macs)).hexdigest()}"),
            )
            if kind is SealKind.BLOCK and signed != len(part):
                raise Unavailable(
                    "Blocks of the audit trail could not be signed; nothing was sealed.", code="unavailable.audit_seal"
                )
            signed_blocks += [
                Anchor(block.organization, block.number, block.hash, mac, now)
                for block, mac in zip(blocks, macs, strict=True)
            ]
        return signed_blocks

    async def sign_older(self, connection: Connection, organization: UUID | None, anchors: Anchors) -> int:
        """Sign what was sealed before blocks were signed: once, and never a trail that an anchor knows.

        A trail of which any block is signed, or of which something was written down outside, is not from before: there
        a block without a signature stays without, and is found.

        Args:
            connection: in a transaction of the organisation, or of a worker.
            organization: whose trail; None: every one's.
            anchors: what was written down.

        Returns:
            How many blocks.
        """
        if organization is None:
            rows = await connection.fetch("SELECT * FROM every_unsigned_trail()")
        else:
            rows = await connection.fetch("SELECT * FROM unsigned_trail($1)", organization)
        if not rows:
            return 0
        written = anchors.read()
        anchored = {anchor.organization for anchor in written.anchors}
        older = [row for row in rows if row["lone"] and row["organization_id"] not in anchored]
        await self._sign(connection, SealKind.LEGACY, older)
        if older and not written.there:
            await self._older_retention(connection)
        return len(older)

    async def sign_imported(self, connection: Connection, organization: UUID, missing_before: datetime | None) -> None:
        """Sign the trail of an organisation that has just been brought in, as what it was then."""
        rows = await connection.fetch("SELECT * FROM unsigned_trail($1)", organization)
        await self._sign(connection, SealKind.LEGACY, rows)
        if missing_before is not None:
            await self.retention(connection, organization, missing_before, 0, datetime.now(UTC))

    async def _older_retention(self, connection: Connection) -> None:
        """Return what retention had taken before such records were signed."""
        kept_since = await connection.fetchval(
            "SELECT least(kept_since, now() - make_interval(days => retention_days)) FROM partition_policies "
            "WHERE table_name = 'audit_logs' AND kept_since IS NOT NULL"
        )
        if kept_since is not None:
            await self.retention(connection, INSTALLATION, kept_since, 0, datetime.now(UTC))

    async def retention(
        self, connection: Connection, organization: UUID, until: datetime, days: int, made: datetime
    ) -> None:
        """Record that rows before a time may be gone."""
        record = Retention(organization, microseconds(until), days, microseconds(made))
        mac = self.sealer.sign(SealKind.RETENTION, record)
        await connection.fetchval(
            "SELECT sign_retention($1, $2, $3, $4, $5, $6, $7)",
            *(organization, until, days, made, mac, self.sealer.key),
            self._prover.prove(f"retention:{mac.hex()}"),
        )

    async def erasure(self, connection: Connection, organization: UUID, receipt: str) -> None:
        """Sign what the erasure of this transaction says it has blanked."""
        for told in await listed(connection, organization, receipt):
            mac = self.sealer.sign(SealKind.ERASURE, told)
            await connection.fetchval(
                "SELECT sign_erasure($1, $2, $3, $4, $5, $6)",
                *(receipt, told.rows, told.digest, mac, self.sealer.key),
                self._prover.prove(f"erasure:{organization}:{receipt}:{mac.hex()}"),
            )
