"""An address as PostgreSQL's own programs get it, in what their version of libpq knows."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import quote

import pytest

from mnemon import Invalid
from mnemon.db import certificates
from mnemon.db.address import parse_address
from tests.db.addresses import TAKEN, URL, of_libpq


def test_the_systems_certificates_are_named_to_programs_as_their_version_knows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.crt"
    bundle.write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("HOME", str(tmp_path))
    for query in ("sslrootcert=system", "sslmode=verify-full", "sslmode=verify-full&sslrootcert=system"):
        address = parse_address(f"{URL}?{query}")
        for version, root in ((15, str(bundle)), (16, "system"), (18, "system")):
            parts, variables = address.parts(version), address.variables(version)
            assert (parts["sslmode"], parts["sslrootcert"]) == ("verify-full", root), (query, version)
            assert (variables["PGSSLMODE"], variables["PGSSLROOTCERT"]) == ("verify-full", root)
    named = parse_address(f"{URL}?sslmode=verify-full&sslrootcert={bundle}")
    assert named.parts(15)["sslrootcert"] == named.parts(18)["sslrootcert"] == str(bundle)
    assert "sslrootcert" not in parse_address(f"{URL}?sslmode=require").parts(18)
    # The user's own file counts before the system's, as with libpq itself.
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").write_text("")
    assert "sslrootcert" not in parse_address(f"{URL}?sslmode=verify-full").parts(18)
    monkeypatch.setattr(certificates, "_BUNDLES", ())
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: NO_PATHS)
    with pytest.raises(Invalid, match="PostgreSQL 15") as caught:
        parse_address(f"{URL}?sslrootcert=system").parts(15)
    assert caught.value.data["parameter"] == "sslrootcert"


NO_PATHS = ssl.DefaultVerifyPaths("", "", "SSL_CERT_FILE", "/none", "SSL_CERT_DIR", "/none")


@pytest.mark.parametrize("version", [16, 18])
def test_programs_get_no_parameter_that_their_libpq_does_not_know(version: int) -> None:
    known = of_libpq(version)
    values = {name: value for name, value in TAKEN.items() if name not in {"hostaddr", "password", "options"}}
    written = "&".join(f"{name}={quote(value)}" for name, value in values.items())
    parts = parse_address(f"{URL}?{written}").parts(version)
    assert set(parts) <= set(known)
    own = {"dbname", "application_name", "fallback_application_name", "client_encoding", "sslpassword"}
    assert set(parts) == set(values) & set(known) - own


def test_programs_of_postgresql_get_the_same_without_the_password_in_their_arguments() -> None:
    address = parse_address(f"{URL}?sslmode=require&connect_timeout=2.5&channel_binding=prefer&sslpassword=hush2")
    assert address.parts(18) == {
        "host": "db.example",
        "port": "5433",
        "user": "app",
        "sslmode": "require",
        "connect_timeout": "3",
        "channel_binding": "prefer",
    }
    assert address.variables(18) == {
        "PGHOST": "db.example",
        "PGPORT": "5433",
        "PGUSER": "app",
        "PGPASSWORD": "hush",
        "PGSSLMODE": "require",
        "PGCONNECT_TIMEOUT": "3",
        "PGCHANNELBINDING": "prefer",
    }
