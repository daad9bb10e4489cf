"""Whatever is wrong with an address, the error names the setting, the variable or the file that it came from."""

from __future__ import annotations

import re
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mnemon import Invalid, MnemonError, app
from mnemon.core.settings import Settings, load_settings
from mnemon.db.address import parse_address, setting_of
from mnemon.db.engine import create_engine, pooled
from mnemon.db.errors import translated
from mnemon.db.tls import tries
from mnemon.doors.cli.main import main
from mnemon.installation.backup.source import open_source
from mnemon.installation.pgbouncer import pooler_for
from mnemon.installation.replicas.addresses import addresses
from mnemon.installation.replicas.own import add_own

SETTINGS = ("database_url", "database_worker_url", "database_owner_url", "database_replica_urls", "backup_database_url")
VARIABLES = {name: f"MNEMON_{name}".upper() if name.startswith("backup") else name.upper() for name in SETTINGS}
GOOD = "postgresql://app:hush@127.0.0.1:9/mnemon"


@pytest.fixture(scope="module")
def dead() -> Iterator[int]:
    """A port that nobody listens at, and nobody else takes meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def _start(settings: Settings) -> None:
    await app.start(settings)


async def _work(settings: Settings) -> None:
    await app.start(settings, worker=True)


async def _back_up(settings: Settings) -> None:
    async with open_source(settings):
        pass


async def _replicate(settings: Settings) -> None:
    await add_own(settings, "north", Path("/nonexistent/north"))


async def _read_replicas(settings: Settings) -> None:
    [(_, url)] = addresses(settings, None, "")
    engine = create_engine(url, settings)
    try:
        with translated():
            async with pooled(engine):
                pass
    finally:
        await engine.dispose()


async def _pool(settings: Settings) -> None:
    pooler_for(settings)


Door = Callable[[Settings], Awaitable[None]]
#: What reads which setting. Of replicas the first to read the address is a start.
DOORS: list[tuple[str, Door]] = [
    ("database_url", _start),
    ("database_url", _pool),
    ("database_worker_url", _work),
    ("database_worker_url", _pool),
    ("database_owner_url", _back_up),
    ("database_owner_url", _replicate),
    ("database_replica_urls", _read_replicas),
    ("backup_database_url", _back_up),
]
COMMANDS = (
    ["db", "upgrade"],
    ["db", "check"],
    ["db", "downgrade", "--yes", "base"],
    ["doctor"],
    ["ops", "replica", "remove", "north"],
)


def wrong(kind: str, dead: int) -> str:
    """An address that cannot be used, in one of many ways."""
    return {
        "unknown parameter": f"{GOOD}?nonsense=1",
        "contradiction": f"{GOOD}?sslnegotiation=direct&sslmode=disable",
        "no such file": f"{GOOD}?sslmode=verify-full&sslrootcert=/nonexistent/root.crt",
        "placeholder": "postgresql://app:%5BYOUR-PASSWORD%5D@127.0.0.1/mnemon",
        "port": "postgresql://app:hush@127.0.0.1:99999/mnemon",
        "no service": f"{GOOD}?service=mill&servicefile=/dev/null",
        "nobody there": f"postgresql://app:hush@127.0.0.1:{dead}/mnemon",
        "no such host": f"postgresql://app:hush@nowhere.invalid:{dead}/mnemon",
        "no socket": "postgresql://app@/mnemon?host=/nonexistent",
        "a socket too long": f"postgresql://app@/mnemon?host=/{'x' * 200}",
    }[kind]


KINDS = (
    *("unknown parameter", "contradiction", "no such file", "placeholder", "port", "no service"),
    *("nobody there", "no such host", "no socket", "a socket too long"),
)
#: What only who connects can find.
REACHING = frozenset(KINDS[6:])


def assert_names(told: str, name: str, *, variable: str | None = None) -> None:
    """Hold a text to name one of the settings and none of the others."""
    words = set(re.findall(r"[A-Z_]{5,}", told))
    assert words & {variable or VARIABLES[name]}, told
    assert not words & {other for key, other in VARIABLES.items() if key != name}, told


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "door"), DOORS, ids=[f"{name} {door.__name__}" for name, door in DOORS])
async def test_an_error_names_the_setting_that_the_address_came_from(
    name: str, door: Door, kind: str, dead: int
) -> None:
    if kind in REACHING and door is _pool:
        return  # it writes a file and connects to nothing
    values: dict[str, Any] = {"database_url": GOOD, name: wrong(kind, dead)}
    if name == "database_worker_url" and door is _work:
        values["database_url"] = f"{GOOD}_other"
    with pytest.raises(MnemonError) as caught:
        await door(load_settings(database_connect_timeout=5, **values))
    error = caught.value
    assert_names(f"{error} {error.data}", name)
    named = error.data.get("field") or error.data.get("setting")
    assert named in {name, VARIABLES[name]}
    assert "hush" not in f"{error} {error.as_dict()}"


@pytest.mark.parametrize("name", ["database_owner_url", "database_url"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("kind", ["unknown parameter", "nobody there"])
def test_a_command_names_the_setting_that_the_address_came_from(
    name: str, command: list[str], kind: str, dead: int, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    if name == "database_url" and command[0] == "ops":
        return  # it takes the owner's alone
    monkeypatch.setenv(VARIABLES[name], wrong(kind, dead))
    assert main(command) != 0
    output = capfd.readouterr()
    told = "".join(line for line in f"{output.out}{output.err}".splitlines() if "Set DATABASE_OWNER_URL" not in line)
    assert_names(told, name)
    assert "hush" not in told


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_no_address_is_refused_by_the_settings_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLES[name], "mysql://app:hush@db/mnemon")
    with pytest.raises(Invalid) as caught:
        load_settings()
    assert caught.value.data["field"] == name
    assert_names(str(caught.value), name)
    assert "hush" not in str(caught.value)


def test_the_variable_is_named_that_was_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMON_DATABASE_URL", GOOD)
    settings = load_settings()
    assert settings.database_url is not None
    assert setting_of(settings.database_url.get_secret_value(), settings) == "MNEMON_DATABASE_URL"
    monkeypatch.setenv("MNEMON_DATABASE_URL", "hush")
    with pytest.raises(Invalid, match="MNEMON_DATABASE_URL") as caught:
        load_settings()
    assert caught.value.data["field"] == "database_url"


def test_an_address_of_no_setting_is_the_embedded_servers() -> None:
    settings = load_settings(database_replica_urls=f"{GOOD},{GOOD}2", database_url=GOOD)
    assert setting_of("postgresql+asyncpg://app@/mnemon?host=/run/x", settings) == "MNEMON_DATA_DIR"
    assert setting_of(GOOD.replace("postgresql:", "postgresql+asyncpg:") + "2", settings) == "DATABASE_REPLICA_URLS"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGSSLMODE", "always"),
        ("PGSSLROOTCERT", "/nonexistent/root.crt"),
        ("PGSSLCERT", "/nonexistent/app.crt"),
        ("PGTARGETSESSIONATTRS", "master"),
        ("PGSSLNEGOTIATION", "direct"),
        ("PGPORT", "many"),
    ],
)
def test_a_variable_of_libpqs_is_named_itself(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Invalid) as caught:
        parse_address("postgresql://app:hush@db/mnemon", "DATABASE_OWNER_URL")
    assert caught.value.message.startswith(f"{variable} cannot be used")
    assert "DATABASE_OWNER_URL" not in caught.value.message


def test_a_file_that_is_no_certificate_names_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "root.crt"
    file.write_text("nothing")
    monkeypatch.setenv("PGSSLROOTCERT", str(file))
    with pytest.raises(Invalid, match=r"^PGSSLROOTCERT cannot be used"):
        tries(parse_address("postgresql://app:hush@db/mnemon?sslmode=verify-full"))


def test_a_service_file_is_named_for_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "services"
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    for line in ("nonsense=1", "sslmode=always", "port=x", "sslcert=/nonexistent", "password=[YOUR-PASSWORD]"):
        file.write_text(f"[mill]\nhost=weir\n{line}\n")
        with pytest.raises(Invalid) as caught:
            parse_address("postgresql:///mnemon?service=mill", "DATABASE_OWNER_URL")
        assert caught.value.message.startswith(f"The service file {file} cannot be used"), line
