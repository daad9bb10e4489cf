"""A trail that moves: what it had lost by rule there is no loss here, and nothing that was forged passes for whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mnemon.app import App
from mnemon.core.errors import Unavailable
from mnemon.installation.export import ExportOrganization, ImportOrganization, export_organization, import_organization
from mnemon.operations import service
from mnemon.operations.schemas import MaintainPartitions
from tests.factories import context_of, new_slug
from tests.installation.exports import Elsewhere
from tests.operations.tampering import at_work, tampering
from tests.operations.test_audit_tampering import erased, trail


async def test_what_was_erased_and_has_expired_arrives_as_that(
    own: tuple[App, Any], elsewhere: Elsewhere, tmp_path: Path
) -> None:
    app, admin = own
    ctx = await app.organization(slug := new_slug())
    await admin.execute(
        "INSERT INTO audit_logs (organization_id, action, created_at) "
        "SELECT $1, 'test:old', now() - interval '3000 days' FROM generate_series(1, 5)",
        ctx.principal.organization_id,
    )
    await trail(ctx)
    await erased(ctx)
    async with at_work(app.context) as upkeep:
        await service.maintain_partitions(upkeep, MaintainPartitions(tables=("audit_logs",)))
    before = await service.verify_audit(ctx)
    assert (before.valid, before.expired) == (True, 5)
    manifest = await export_organization(ctx, ExportOrganization(path=tmp_path / "export"))
    assert (manifest.audit.broken, manifest.audit.unsigned) == (0, 0)
    assert manifest.audit.missing_before is not None
    await import_organization(elsewhere.owner_url, ImportOrganization(path=tmp_path / "export"))
    there = context_of(await elsewhere.memory.organization(slug))
    after = await service.verify_audit(there)
    assert (after.valid, after.expired) == (True, 5), after
    await service.seal_audit(there)
    assert (await service.verify_audit(there)).valid
    # It is held to what it was when it came.
    async with tampering(elsewhere.admin):
        await elsewhere.admin.execute(
            "UPDATE audit_logs SET user_id = gen_random_uuid() WHERE organization_id = $1 AND metadata ? 'erased'",
            ctx.principal.organization_id,
        )
    assert not (await service.verify_audit(there)).valid


async def test_a_trail_that_was_forged_before_it_left_is_told(
    own: tuple[App, Any], elsewhere: Elsewhere, tmp_path: Path
) -> None:
    app, admin = own
    ctx = await app.organization(new_slug())
    await trail(ctx)
    async with tampering(admin):
        await admin.execute(
            "UPDATE audit_blocks SET mac = sha256('x') WHERE organization_id = $1 AND number = 2",
            ctx.principal.organization_id,
        )
    manifest = await export_organization(ctx, ExportOrganization(path=tmp_path / "export"))
    assert (manifest.audit.broken, manifest.audit.unsigned) == (0, 1)
    await import_organization(elsewhere.owner_url, ImportOrganization(path=tmp_path / "export"))
    told = await elsewhere.admin.fetchval(
        "SELECT metadata ->> 'unsigned' FROM audit_logs WHERE organization_id = $1 AND action = 'organizations:import'",
        ctx.principal.organization_id,
    )
    assert told == "1"


async def test_nobody_imports_without_a_key(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MNEMON_INSTALLATION_KEY")
    with pytest.raises(Unavailable) as caught:
        await import_organization(elsewhere.owner_url, ImportOrganization(path=tmp_path / "export"))
    assert caught.value.code == "unavailable.installation_key"
