"""The audit trail: sealed in time, and unchanged since."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from mnemon.core.settings import Settings
from mnemon.operations import repository
from mnemon.operations.doctor.model import Finding
from mnemon.operations.doctor.words import SEE_MORE, age, some

#: Seconds after which a row should be sealed; a worker does it every minute.
LATE = 900
#: Verifying reads a whole trail: so many organisations, and trails of so many rows altogether.
MOST, LONGEST = 200, 200_000

_LAG = """
SELECT count(*) AS rows, coalesce(extract(epoch FROM clock_timestamp() - min(a.created_at)), 0)::float8 AS oldest
FROM audit_logs a
LEFT JOIN LATERAL (
  SELECT b.upper_transaction FROM audit_blocks b WHERE b.organization_id = a.organization_id
  ORDER BY b.number DESC LIMIT 1
) last ON true
WHERE a.transaction_id >= coalesce(last.upper_transaction, 0)
"""
_CHAINS = "SELECT organization_id, sum(row_count) AS rows FROM audit_blocks GROUP BY 1 ORDER BY max(sealed_at) DESC"


async def look(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """How long rows wait for their seal, and whether the chains hold; of all organisations if the role may see them."""
    if await connection.fetchval("SELECT to_regclass('audit_blocks') IS NULL"):
        return []
    lag = await connection.fetchrow(_LAG)
    if lag["oldest"] > LATE:
        found = f"{lag['rows']:,} rows wait for it, the oldest for {age(lag['oldest'])}"
        do = "Let a worker run (`mnemon worker`): what is not sealed can be changed without a trace."
        findings = [Finding("audit seal", "note", found, do)]
    else:
        findings = [Finding("audit seal", "ok", f"{lag['rows']:,} rows wait for it")]
    return [*findings, await _verified(connection)]


async def _verified(connection: asyncpg.Connection) -> Finding:
    broken: list[str] = []
    rows = chains = 0
    left = 0
    for chain in await connection.fetch(_CHAINS):
        if chains == MOST or rows + chain["rows"] > LONGEST:
            left += 1
            continue
        organization: UUID = chain["organization_id"]
        told = await repository.verify_audit(connection, organization, None, None)
        rows, chains = rows + chain["rows"], chains + 1
        if told["broken"]:
            broken.append(f"{organization} (block {told['block']}: {told['problem']})")
    if broken:
        do = "Somebody changed what is sealed. Keep the database as it is, and compare with a backup."
        return Finding("audit chain", "wrong", f"broken for {some(broken)}", do)
    rest = f"; {left} too long to verify here" if left else ""
    if chains == 0 and not left:
        return Finding("audit chain", "ok", "nothing is sealed yet")
    whose = "" if await connection.fetchval("SELECT NOT row_security_active('audit_blocks')") else f" {SEE_MORE}"
    counted = f"{rows:,} rows of {chains} organisation{'s' if chains != 1 else ''} are as they were sealed{rest}"
    return Finding("audit chain", "ok", counted, whose.strip() or None)
