"""mnemon organization: export, verify, import on the command line."""

from __future__ import annotations

from pathlib import Path

from mnemon.doors.cli.main import main
from tests.doors.cli.conftest import Cli
from tests.factories import new_slug


def test_out_and_in_again_as_a_copy(cli: Cli, tmp_path: Path) -> None:
    cli("remember", "Ada likes figs.", "--user", "ada")
    path, copy = tmp_path / "acme.tar", new_slug("copy")
    made = cli("organization", "export", path, "--gzip", "--json")
    assert made.code == 0, made.err
    assert made.json["path"] == str(path)
    assert next(table["rows"] for table in made.json["tables"] if table["name"] == "memories") == 1
    read = cli("organization", "verify", path)
    assert f"SHA-256 of the manifest: {made.json['sha256']}" in read.out
    done = cli("organization", "import", path, "--as", copy, "--without-vectors", "--json")
    assert done.code == 0, done.err
    assert (done.json["slug"], done.json["rows"]["memories"], done.json["embedded"]) == (copy, 1, 1)
    assert "figs" in cli("recall", "fruit", organization=copy).out
    assert cli("organization", "embed", organization=copy).out == "Computed: 0 vectors.\n"
    told = cli("organization", "import", path, "--as", new_slug("copy")).out
    assert told.startswith("Imported copy-")
    assert "the audit trail begins anew" in told


def test_what_is_refused(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "export"
    assert cli("organization", "export", path, "--quiet").out == ""
    for arguments, code in (
        (("export", path), "conflict.exists"),
        (("import", path), "conflict.organization"),
        (("import", path, "--as", "No"), "invalid.slug"),
        (("import", path, "--sha256", "0"), "invalid.export_damaged"),
        (("verify", tmp_path / "nothing"), "invalid.path"),
    ):
        assert cli("organization", *arguments, "--json").error["code"] == code
    (path / "users.ndjson").write_text("x", encoding="utf-8")
    assert cli("organization", "verify", path).code == main(["organization", "verify", str(path)]) == 2
