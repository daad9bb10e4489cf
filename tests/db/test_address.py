"""A database's address as providers hand it out: what each parameter becomes, and what is said where it cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemon import Invalid
from mnemon.core.settings import load_settings
from mnemon.db.address import Address, parse_address
from mnemon.db.engine import SESSION_SETTINGS
from mnemon.db.parameters import FOREIGN, KNOWN, PARAMETERS
from mnemon.db.tls import tries
from tests.db.addresses import TAKEN, URL, arrived, of_libpq, refusal


@pytest.mark.parametrize("version", [16, 18])
def test_no_parameter_of_libpq_is_forgotten(version: int) -> None:
    known = of_libpq(version)
    assert len(known) >= 40
    assert set(known) <= set(PARAMETERS)
    for name, variable in known.items():
        assert PARAMETERS[name].does
        if PARAMETERS[name].variable is not None:
            assert PARAMETERS[name].variable == variable


FILES = ("passfile", "sslcert", "sslkey", "sslrootcert", "sslcrl")
SERVICE = ("service", "servicefile")


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_each_parameter_is_taken_or_refused_by_its_name(name: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("[mill]\nhost=weir.example\n")
    file.chmod(0o600)
    if name in SERVICE:
        address = parse_address(f"postgresql:///mnemon?service=mill&servicefile={file}")
        assert address.label == "weir.example:5432"
        return
    value = TAKEN.get(name, str(file) if name in FILES else None)
    known = PARAMETERS[name]
    assert (value is None) == (known.refusal is not None), f"{name} has no value here"
    if value is not None:
        address = parse_address(f"{URL}?{name}={quote(value)}")
        assert value in arrived(address, name)
    if known.refusal is not None:
        assert value is None
        error = refusal(f"{URL}?{name}=anything")
        assert name in error.message
        assert error.data["parameter"] == name
    if known.takes is not None:
        error = refusal(f"{URL}?{name}=no%20such%20value")
        assert name in error.message
    assert isinstance(parse_address(f"{URL}?{name}="), Address)  # an empty value says nothing, as with libpq


PROVIDERS = {
    "Neon": "postgresql://app:hush@ep-a-b-123.eu-central-1.aws.neon.tech/neondb?sslmode=require&channel_binding=require",
    "Neon, old clients": "postgres://app:hush@ep.neon.tech/db?sslmode=require&options=endpoint%3Dep-a-b-123",
    "Neon, pooled": "postgresql://app:hush@ep-pooler.neon.tech/db?sslmode=require&connect_timeout=15&application_name=web",
    "Supabase": "postgresql://postgres:hush@db.abcd.supabase.co:5432/postgres",
    "Supabase's pooler": "postgres://postgres.abcd:hush@aws-0-eu.pooler.supabase.com:6543/postgres?sslmode=require&supa=base-pooler.x",
    "Heroku": "postgres://u1234:p5678@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d1234",
    "RDS": "postgresql://app:hush@mill.abc.eu-west-1.rds.amazonaws.com:5432/mnemon?sslmode=require",
    "Azure": "postgresql://app%40mill:hush@mill.postgres.database.azure.com:5432/postgres?sslmode=require",
    "Azure, words": "host=mill.postgres.database.azure.com dbname=postgres user=app password=hush sslmode=require",
    "DigitalOcean": "postgresql://doadmin:hush@db-do-user-1.b.db.ondigitalocean.com:25060/defaultdb?sslmode=require",
    "Cloud SQL": "postgresql://app:hush@/mnemon?host=/cloudsql/mill:europe-west1:main",
    "Crunchy": "postgres://app:hush@p.abc.db.postgresbridge.com:5432/postgres?gssencmode=disable&keepalives_idle=30",
    "Patroni": "postgresql://app:hush@a:5432,b:5433,c/mnemon?target_session_attrs=primary&load_balance_hosts=random",
    "SQLAlchemy": "postgresql+asyncpg://app:hush@db/mnemon?ssl=require&prepared_statement_cache_size=0",
    "SQLAlchemy, several": "postgresql+asyncpg://app:hush@/mnemon?host=a:5432&host=b:5433",
    "Render": "postgresql://app:hush@dpg-abc-a/mnemon",
    "JDBC's ssl": "postgresql://app:hush@db/mnemon?ssl=true",
}  # fmt: skip


@pytest.mark.parametrize("name", PROVIDERS)
def test_what_providers_hand_out_is_taken(name: str) -> None:
    text = PROVIDERS[name]
    settings = load_settings(database_url=text, data_dir=None)
    assert settings.database_url is not None
    address = parse_address(settings.database_url.get_secret_value())
    assert address.settings(SESSION_SETTINGS)["search_path"] == "public"
    assert address.password in {"hush", "p5678"}
    assert "hush" not in f"{address!r} {address} {settings!r} {address.parts(18)}"
    expected = {
        "Neon": ("verify-full", "ep-a-b-123.eu-central-1.aws.neon.tech:5432"),
        "Azure": ("require", "mill.postgres.database.azure.com:5432"),
        "Azure, words": ("require", "mill.postgres.database.azure.com:5432"),
        "Cloud SQL": ("prefer", "/cloudsql/mill:europe-west1:main:5432"),
        "Patroni": ("prefer", "a:5432,b:5433,c:5432"),
        "SQLAlchemy, several": ("prefer", "a:5432,b:5433"),
        "SQLAlchemy": ("require", "db:5432"),
        "JDBC's ssl": ("require", "db:5432"),
    }.get(name)
    assert expected is None or expected == (address.sslmode, address.label)
    if name == "Azure":
        assert address.user == "app@mill"
    if name == "Neon, old clients":
        assert address.server == {"options": "endpoint=ep-a-b-123"}


def test_a_parameter_that_is_not_known_names_the_closest() -> None:
    assert "sslmode" in str(refusal(f"{URL}?sslmod=require"))
    assert "application_name" in str(refusal(f"{URL}?aplication_name=x"))
    assert "connect_timeout" in str(refusal(f"{URL}?connection_timeout=3"))
    assert "sslrootcert" in str(refusal(f"{URL}?ssl_root_cert=x"))
    assert "sslmode" in str(refusal(f"{URL}?SSLMODE=require"))
    assert "nonsense" in str(refusal(f"{URL}?nonsense=1"))
    for name in FOREIGN:
        assert FOREIGN[name] in str(refusal(f"{URL}?{name}=1"))
        assert name not in KNOWN


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("sslmode=on", "verify-full"),
        ("sslmode=verify_full", "verify-full"),
        ("sslmode=verify-ca&sslrootcert=system", "sslmode=verify-full"),
        ("sslmode=disable&channel_binding=require", "channel_binding"),
        ("sslnegotiation=direct", "sslmode=require"),
        ("sslmode=verify-full&hostaddr=192.0.2.1", "hostaddr"),
        ("hostaddr=192.0.2.1,192.0.2.2", "hosts"),
        ("port=1,2,3", "hosts"),
        ("port=x", "port"),
        ("port=70000", "port"),
        ("sslrootcert=/nowhere/root.crt", "/nowhere/root.crt"),
        ("sslcert=/nowhere/a.crt", "sslcert"),
        ("passfile=/nowhere/pass", "passfile"),
        ("service=mill&servicefile=/nowhere/services", "/nowhere/services"),
        ("options=-c%20search_path%3Dmine", "search_path"),
        ("options=-c%20row_security%3Doff", "row_security"),
        ("options=--timezone%3DEurope/Berlin", "timezone"),
        ("options=-e", "options"),
        ("options=-c%20hnsw.iterative_scan%3Doff", "hnsw.iterative_scan"),
        ("client_encoding=latin1", "UTF-8"),
        ("connect_timeout=soon", "seconds"),
        ("keepalives=yes", "keepalives"),
        ("keepalives_idle=-3", "keepalives_idle"),
        ("target_session_attrs=master", "primary"),
        ("application_name=a%zz", "%"),
        ("application_name=%00", "%"),
        ("host=@abstract", "socket"),
        ("gssencmode=require", "verify-full"),
        ("sslmode", "no value"),
        ("schema=mine", "public"),
    ],
)
def test_what_cannot_be_kept_is_named_with_what_to_do(query: str, says: str) -> None:
    assert says in str(refusal(f"{URL}?{query}"))


def test_a_password_that_is_not_encoded_is_never_repeated() -> None:
    for bad in ("hu/sh", "hu?sh", "hu/sh?x=1", "hu?sh=1", "hu%sh"):
        for text in (f"postgresql://app:{bad}@db/mnemon", f"postgres://app:{bad}@db:5432/mnemon?sslmode=require"):
            assert "%40" in str(refusal(text))
    for bad in ("p@ss", "p#ss", "p:ss", "p[ss", "p@s:s@", "p ss", "p&ss", "p=ss", "pässword"):
        assert parse_address(f"postgresql://app:{bad}@db/mnemon").password == bad
    for placeholder in ("[YOUR-PASSWORD]", "%5BYOUR-PASSWORD%5D", "<password>", "{db_password}"):
        assert "placeholder" in str(refusal(f"postgresql://app:{placeholder}@db/mnemon"))


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=6, max_size=30))
def test_any_password_works_when_it_is_encoded(password: str) -> None:
    for text in (
        f"postgresql://app:{quote(password, safe='')}@db:5/mnemon?sslmode=require",
        f"postgresql://db:5/mnemon?user=app&password={quote(password, safe='')}",
    ):
        address = parse_address(text)
        assert (address.user, address.password, address.label) == ("app", password, "db:5")
    escaped = password.replace("\\", "\\\\").replace("'", "\\'")
    assert parse_address(f"host=db user=app password='{escaped}' dbname=mnemon").password == password


@given(st.text(alphabet="abXY1!@:/?#[]%&= ", min_size=1, max_size=20))
def test_no_error_of_an_address_repeats_any_of_its_password(password: str) -> None:
    secret = f"kqz{password}kqz"
    for text in (f"postgresql://app:{secret}@db/mnemon", f"app:{secret}@db/mnemon"):
        try:
            settings = load_settings(database_url=text)
            assert settings.database_url is not None
            parse_address(settings.database_url.get_secret_value())
        except Invalid as error:
            told = f"{error} {error!r} {error.as_dict()} {error.__cause__!r}"
            assert "kqz" not in told


def test_several_hosts_sockets_and_ipv6() -> None:
    def label(text: str) -> str:
        return parse_address(text).label

    assert label("postgresql://a:1,b,[2001:db8::1]:3/x") == "a:1,b:5432,2001:db8::1:3"
    assert label("postgresql://a,b:7/x?port=9") == "a:9,b:9"
    assert label("postgresql:///x?host=/run/postgresql&port=6") == "/run/postgresql:6"
    assert label("postgresql://app@%2Frun%2Fpostgresql:7/x") == "/run/postgresql:7"
    assert label("host=/run/a,b port=1,2") == "/run/a:1,b:2"
    assert label("postgresql:///x?host=::1") == "::1:5432"
    assert label("postgresql://") == "localhost:5432"


def test_a_service_fills_in_what_the_url_leaves_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "services"
    file.write_text(
        "# ours\n[mill]\nhost=weir\nport=7\nuser=app\npassword=hush%=x\nsslmode=require\n[bad]\nnonsense=1\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    address = parse_address("postgresql://db/mnemon?service=mill&user=other")
    assert (address.label, address.user, address.password) == ("db:7", "other", "hush%=x")
    assert address.sslmode == "require"
    assert parse_address("service=mill").label == "weir:7"
    assert "none" in str(refusal("service=none"))
    assert "nonsense" in str(refusal("service=bad"))


def test_the_environment_counts_where_the_url_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "require")
    assert parse_address(URL).sslmode == "require"
    assert parse_address(f"{URL}?sslmode=disable").sslmode == "disable"
    assert parse_address("postgresql:///x?host=/run").sslmode == "prefer"
    monkeypatch.setenv("PGSSLMODE", "nonsense")
    with pytest.raises(Invalid, match="PGSSLMODE"):
        parse_address(URL)


@pytest.mark.parametrize("name", sorted(name for name, one in PARAMETERS.items() if one.read))
def test_each_variable_that_is_read_counts(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    value = {**TAKEN, "sslcrl": str(file), "sslmode": "require", "sslnegotiation": "postgres"}.get(name, str(file))
    monkeypatch.setenv(PARAMETERS[name].variable or "", value)
    assert parse_address(URL).parameters[name] == value


def test_options_and_names_go_to_the_server() -> None:
    given: Any = parse_address(f"{URL}?options=-c%20statement_timeout%3D5s%20--work-mem%3D64MB%20-cjit%3Doff")
    sent = given.settings(SESSION_SETTINGS | {"statement_timeout": "60000"})
    assert (sent["statement_timeout"], sent["work_mem"], sent["jit"]) == ("5s", "64MB", "off")
    assert sent["application_name"] == "mnemon"
    assert parse_address(f"{URL}?application_name=web").settings(SESSION_SETTINGS)["application_name"] == "web"
    assert parse_address(f"{URL}?fallback_application_name=w").settings(SESSION_SETTINGS)["application_name"] == "w"
    escaped = parse_address(r"host=db options='-c application_name=a\\ b'")
    assert escaped.server == {"application_name": "a b"}


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    file = tmp_path / "root.crt"
    file.write_text("no certificate")
    with pytest.raises(Invalid, match=r"root\.crt"):
        tries(parse_address(f"{URL}?sslmode=verify-full&sslrootcert={file}"))
    with pytest.raises(Invalid, match="sslcert"):
        tries(parse_address(f"{URL}?sslmode=require&sslcert={file}&sslkey={file}"))
    exposed = tmp_path / "pass"
    exposed.write_text("*:*:*:*:hush\n")
    exposed.chmod(0o644)
    assert "chmod 600" in str(refusal(f"{URL}?passfile={exposed}"))


def test_a_scheme_that_is_none_of_ours_is_named_and_nothing_else() -> None:
    for text, shown in (("mysql://app:hush@db/x", "mysql"), ("app:hush@db/x", None), ("hush://", "hush")):
        with pytest.raises(Invalid) as caught:
            load_settings(database_url=text)
        told = str(caught.value)
        assert "postgresql://" in told
        assert (shown is None) or (f"'{shown}'" in told)
        assert shown == "hush" or "hush" not in told
