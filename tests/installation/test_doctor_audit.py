"""What the doctor says of the audit trail: its seal, its signatures, its anchors."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from mnemon import AsyncMemory
from mnemon.installation.doctor import Finding
from tests.conftest import APP
from tests.factories import context_of
from tests.installation.test_doctor import Patient
from tests.installation.test_doctor import patient as patient
from tests.operations.tampering import seal_every


async def complaints(patient: Patient, **wanted: Any) -> dict[str, Finding]:
    """What is not well with the trail."""
    return {name: one for name, one in (await patient.complaints(**wanted)).items() if name.startswith("audit")}


async def _audited(admin: Any) -> UUID:
    organization: UUID = await admin.fetchval(
        "INSERT INTO organizations (name, slug) VALUES ('audited', 'audited') RETURNING id"
    )
    await admin.execute(
        "INSERT INTO audit_logs (organization_id, action) SELECT $1, 'test:write' FROM generate_series(1, 9)",
        organization,
    )
    return organization


async def test_the_audit_trail(patient: Patient, tmp_path: Path) -> None:
    anchors = tmp_path / "anchors.jsonl"
    organization = await _audited(patient.admin)
    assert not await complaints(patient, audit_anchors=anchors)
    await patient.admin.execute(
        "INSERT INTO audit_logs (organization_id, action, created_at) "
        "VALUES ($1, 'test:old', now() - interval '1 hour')",
        organization,
    )
    late = (await complaints(patient, audit_anchors=anchors))["audit seal"]
    assert (late.level, "60 min" in late.found) == ("note", True)
    url = patient.server.url(APP, patient.name)
    async with AsyncMemory(database_url=url, organization="own", audit_anchors=anchors) as memory:
        await seal_every(context_of(memory))
    assert not await complaints(patient, audit_anchors=anchors)
    assert "as they were sealed" in (await patient.named("audit chain", audit_anchors=anchors)).found
    assert "of 2 trails" in (await patient.named("audit anchors", audit_anchors=anchors)).found
    # The application's role holds what it sees against them, and does not miss what it cannot see.
    assert not [one for one in await patient.look(APP, audit_anchors=anchors) if one.level == "wrong"]
    await patient.admin.execute("SET session_replication_role = replica")  # past the trigger that refuses changes
    await patient.admin.execute("UPDATE audit_logs SET action = 'test:nothing' WHERE action = 'test:old'")
    broken = (await complaints(patient, audit_anchors=anchors))["audit chain"]
    assert broken.level == "wrong"
    assert str(organization) in broken.found
    assert "changed" in broken.found


async def test_a_trail_that_was_cut_off(patient: Patient, tmp_path: Path) -> None:
    """Of itself a shorter chain is whole; what was written down outside shows it, and that nothing was is told too."""
    anchors = tmp_path / "anchors.jsonl"
    organization = await _audited(patient.admin)
    url = patient.server.url(APP, patient.name)
    async with AsyncMemory(database_url=url, organization="own", audit_anchors=anchors) as memory:
        await seal_every(context_of(memory))
    await patient.admin.execute("SET session_replication_role = replica")
    await patient.admin.execute("DELETE FROM audit_logs WHERE organization_id = $1", organization)
    await patient.admin.execute("DELETE FROM audit_blocks WHERE organization_id = $1", organization)
    found = await complaints(patient, audit_anchors=anchors)
    assert set(found) == {"audit anchors"}
    assert (found["audit anchors"].level, str(organization) in found["audit anchors"].found) == ("wrong", True)
    anchors.write_text(anchors.read_text() + "nonsense\n" + anchors.read_text()[:40])
    assert (await patient.named("audit anchors", audit_anchors=anchors)).level == "wrong"
    anchors.unlink()
    assert (await patient.named("audit anchors", audit_anchors=anchors)).level == "ok", "it was sealed a moment ago"


async def test_no_key_no_signatures(patient: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    await _audited(patient.admin)
    monkeypatch.delenv("MNEMON_INSTALLATION_KEY")
    found = await complaints(patient, audit_anchors=tmp_path / "anchors.jsonl")
    assert set(found) == {"audit signatures"}
    assert "MNEMON_INSTALLATION_KEY" in (found["audit signatures"].do or "")


async def test_a_retention_that_was_shortened(patient: Patient) -> None:
    await patient.admin.execute("UPDATE partition_policies SET retention_days = 7 WHERE table_name = 'audit_logs'")
    assert "7 days" in (await complaints(patient))["audit retention"].found


async def test_a_trail_of_before_there_were_signatures(patient: Patient, tmp_path: Path) -> None:
    """Right after an upgrade it waits for its signatures; once an anchor knows it, it has lost them."""
    anchors = tmp_path / "anchors.jsonl"
    await _audited(patient.admin)
    url = patient.server.url(APP, patient.name)
    async with AsyncMemory(database_url=url, organization="own", audit_anchors=anchors) as memory:
        await seal_every(context_of(memory))
    await patient.admin.execute("SET session_replication_role = replica")
    await patient.admin.execute("UPDATE audit_blocks SET mac = NULL, mac_key = NULL")
    lost = (await complaints(patient, audit_anchors=anchors))["audit chain"]
    assert (lost.level, "unsigned" in lost.found) == ("wrong", True)
    anchors.unlink()
    older = (await complaints(patient, audit_anchors=anchors))["audit chain"]
    assert (older.level, "before there were signatures" in older.found) == ("note", True)
    await patient.admin.execute("UPDATE audit_logs SET action = 'test:nothing' WHERE action = 'test:write'")
    assert (await complaints(patient, audit_anchors=anchors))["audit chain"].level == "wrong"
