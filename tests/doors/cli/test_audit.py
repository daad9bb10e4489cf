"""mnemon audit: seals, verifies, shows what was written down."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doors.cli.conftest import Cli


def test_sealed_verified_and_written_down(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MNEMON_AUDIT_ANCHORS", str(tmp_path / "anchors.jsonl"))
    cli("remember", "Ada likes figs.", "--user", "ada")
    done = cli("audit", "seal", "--json")
    assert done.code == 0, done.err
    assert done.json["rows"] >= 2
    assert cli("audit", "seal").out == "Sealed: 0 entries.\n"
    told = cli("audit", "verify")
    assert (told.code, "as it was sealed" in told.out) == (0, True)
    found = cli("audit", "verify", "--json").json
    assert (found["valid"], found["anchors"]) == (True, 1)
    shown = cli("audit", "anchors", "--json").json
    assert shown["path"] == str(tmp_path / "anchors.jsonl")
    (anchor,) = shown["anchors"]
    written = f"{anchor['number']}:{anchor['hash']}"
    assert written in cli("audit", "anchors").out
    assert cli("audit", "verify", "--anchor", written).code == 0
    refused = cli("audit", "verify", "--anchor", f"{anchor['number']}:{'0' * 64}")
    assert (refused.code, "anchor (block" in refused.out) == (1, True)
    for wrong in ("x", "7", "7:zz", "-1:" + "0" * 64):
        assert cli("audit", "verify", "--anchor", wrong, "--json").code == 2
