"""Connections to where an address leads: real servers, several hosts, TLS of every kind, settings that arrive."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from mnemon import AsyncMemory, Invalid, MnemonError, Unavailable
from mnemon.core.settings import load_settings
from mnemon.db.address import parse_address
from mnemon.db.engine import create_engine, pooled
from mnemon.db.reach import reach
from tests.db.own_server import PASSWORD, OwnServer
from tests.db.tls_front import Authority, TlsFront

BASE = "reached"


@dataclass
class Places:
    """A server with a database at head, TLS in front of it, and ports where nobody is."""

    server: OwnServer
    authority: Authority
    front: TlsFront
    dead: int
    silent: socket.socket

    def url(self, query: str = "", *, host: str | None = None, database: str = BASE) -> str:
        """The application's URL."""
        place = host or f"127.0.0.1:{self.server.port}"
        return f"postgresql://{BASE}_app:{PASSWORD}@{place}/{database}{'?' if query else ''}{query}"

    def encrypted(self, query: str, *, name: str = "localhost") -> str:
        """The same through TLS."""
        return self.url(query, host=f"{name}:{self.front.port}")


@pytest_asyncio.fixture(scope="module")
async def places(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Places]:
    own = OwnServer()
    await own.prepared(BASE)
    authority = Authority.new(tmp_path_factory.mktemp("authority"))
    front = TlsFront(own.port, authority.sign("localhost"))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        dead = probe.getsockname()[1]
    silent = socket.create_server(("127.0.0.1", 0))  # takes connections, and says nothing
    yield Places(own, authority, front, dead, silent)
    silent.close()
    front.close()
    own.close()


@pytest.fixture(autouse=True)
def no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine's user decides."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)


async def ask(url: str, query: str = "SELECT 1") -> Any:
    """An answer through an engine, as the product has it."""
    settings = load_settings(database_url=url, database_connect_timeout=5)
    assert settings.database_url is not None
    engine = create_engine(settings.database_url.get_secret_value(), settings)
    try:
        async with pooled(engine) as driver:
            return await driver.fetchval(query)
    finally:
        await engine.dispose()


async def refusal(url: str) -> MnemonError:
    """Why the library does not open, held to keep the password for itself."""
    memory = AsyncMemory(database_url=url, database_connect_timeout=5)
    with pytest.raises(MnemonError) as caught:
        await memory.open()
    error: BaseException | None = caught.value
    while error is not None:
        assert PASSWORD not in f"{error} {error!r} {getattr(error, 'data', '')}"
        error = error.__cause__ or error.__context__
    return caught.value


async def test_the_library_opens_with_what_a_provider_hands_out(places: Places) -> None:
    query = "sslmode=prefer&channel_binding=prefer&application_name=web&connect_timeout=9&gssencmode=disable"
    query += "&keepalives=1&keepalives_idle=33&load_balance_hosts=disable&options=-c%20statement_timeout%3D41s"
    async with AsyncMemory(database_url=places.url(query)) as memory:
        await memory.remember("The mill stands by the river")
        assert (await memory.search("mill")).hits


async def test_what_the_address_sets_arrives(places: Places) -> None:
    query = "application_name=web%20one&options=-c%20statement_timeout%3D41s%20-c%20work_mem%3D7MB"
    show = "SELECT current_setting('application_name') || ' ' || current_setting('statement_timeout') || ' ' || "
    show += "current_setting('work_mem') || ' ' || current_setting('hnsw.iterative_scan')"
    assert await ask(places.url(query), show) == "web one 41s 7MB relaxed_order"
    words = f"host=127.0.0.1 port={places.server.port} dbname={BASE} user={BASE}_app password='{PASSWORD}'"
    assert await ask(words, show) == "mnemon 1min 4MB relaxed_order"


async def test_keepalives_reach_the_socket(places: Places) -> None:
    async def option(query: str, level: int, name: int) -> int:
        driver = await reach(parse_address(places.url(query)), timeout=9, server_settings={})
        try:
            number: int = driver._transport.get_extra_info("socket").getsockopt(level, name)
            return number
        finally:
            await driver.close()

    assert await option("", socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert await option("keepalives=0", socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
    if hasattr(socket, "TCP_KEEPIDLE"):
        assert await option("keepalives_idle=33", socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 33
        assert await option("keepalives_interval=7", socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 7
        assert await option("keepalives_count=4", socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 4
        assert await option("tcp_user_timeout=9000", socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 9000


async def test_the_next_host_is_tried(places: Places) -> None:
    live = f"127.0.0.1:{places.server.port}"
    silent = f"127.0.0.1:{places.silent.getsockname()[1]}"
    hosts = f"127.0.0.1:{places.dead},nowhere.invalid:1,{silent},{live}"
    assert await ask(places.url("connect_timeout=1", host=hosts)) == 1
    assert await ask(places.url("load_balance_hosts=random&target_session_attrs=primary", host=f"{live},{live}")) == 1
    assert await ask(places.url("target_session_attrs=prefer-standby", host=live)) == 1
    assert await ask(places.url("hostaddr=127.0.0.1&sslmode=disable", host=f"weir.invalid:{places.server.port}")) == 1
    error = await refusal(places.url("target_session_attrs=standby", host=f"{live},127.0.0.1:{places.dead}"))
    assert error.code == "unavailable.database"
    for part in (live, "is not standby", f"127.0.0.1:{places.dead}", "target_session_attrs=standby"):
        assert part in str(error)


async def test_a_password_from_a_file_and_a_place_from_a_service(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = tmp_path / "pass"
    passwords.write_text(f"127.0.0.1:{places.server.port}:*:{BASE}_app:{PASSWORD}\n")
    passwords.chmod(0o600)
    services = tmp_path / "services"
    services.write_text(f"[mill]\nhost=127.0.0.1\nport={places.server.port}\nuser={BASE}_app\npassfile={passwords}\n")
    plain = places.url(f"passfile={passwords}").replace(f":{PASSWORD}", "")
    assert await ask(plain) == 1
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    assert await ask(f"postgresql:///{BASE}?service=mill") == 1
    assert await ask(f"service=mill dbname={BASE}") == 1


async def test_tls_in_each_mode(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    root = places.authority.place / "root.crt"
    before = len(places.front.versions)
    for query in (
        "sslmode=allow",
        "sslmode=prefer",
        "sslmode=require",
        f"sslmode=verify-ca&sslrootcert={root}",
        f"sslmode=verify-full&sslrootcert={root}",
        f"sslmode=require&channel_binding=require&sslrootcert={root}",
        "sslmode=require&sslnegotiation=direct",
        "sslmode=require&ssl_min_protocol_version=TLSv1.3",
        "sslmode=require&ssl_max_protocol_version=TLSv1.2",
        "ssl=true",
    ):
        assert await ask(places.encrypted(query)) == 1, query
    assert len(places.front.versions) >= before + 10
    assert places.front.versions[-2:] == ["TLSv1.2", "TLSv1.3"]
    # The name is another: checked by verify-full alone.
    assert await ask(places.encrypted(f"sslmode=verify-ca&sslrootcert={root}", name="127.0.0.1")) == 1
    # The system's certificates, which this variable of OpenSSL's names.
    monkeypatch.setenv("SSL_CERT_FILE", str(root))
    for query in ("sslrootcert=system", "sslmode=verify-full", "sslmode=require&channel_binding=require"):
        assert await ask(places.encrypted(query)) == 1, query


@pytest.mark.parametrize(
    ("query", "name", "says"),
    [
        ("sslmode=verify-full&sslrootcert={root}", "127.0.0.1", ("not trusted", "127.0.0.1")),
        ("sslmode=verify-full", "localhost", ("not trusted", "sslrootcert")),
        ("sslmode=require&channel_binding=require", "localhost", ("not trusted", "channel_binding=require")),
        ("sslmode=verify-ca&sslrootcert={other}", "localhost", ("not trusted", "sslrootcert")),
        ("sslmode=disable", "localhost", ("closed the connection",)),
    ],
)
async def test_tls_that_is_not_to_be_had_says_so(
    places: Places, tmp_path: Path, query: str, name: str, says: tuple[str, ...]
) -> None:
    root = places.authority.place / "root.crt"
    Authority.new(tmp_path)
    query = query.format(root=root, other=tmp_path / "root.crt")
    error = await refusal(places.encrypted(query, name=name))
    assert isinstance(error, Unavailable)
    assert error.code == ("unavailable.database" if "disable" in query else "unavailable.tls")
    for part in (*says, f"{name}:{places.front.port}", "DATABASE_URL"):
        assert part in str(error)


async def test_a_server_without_tls_and_a_certificate_that_has_run_out(places: Places) -> None:
    error = await refusal(places.url("sslmode=require"))
    assert (error.code, error.data["reason"]) == ("unavailable.tls", "tls")
    assert "has no TLS" in error.message
    assert "sslmode=require" in error.message
    old = TlsFront(places.server.port, places.authority.sign("127.0.0.1", days=-1))
    try:
        root = places.authority.place / "root.crt"
        error = await refusal(places.url(f"sslmode=verify-full&sslrootcert={root}", host=f"127.0.0.1:{old.port}"))
        assert "expired" in error.message
    finally:
        old.close()
    with pytest.raises(Invalid, match="verify-ca"):
        await ask(places.encrypted("sslmode=verify-ca"))


async def test_a_certificate_of_the_clients_own(places: Places) -> None:
    root = places.authority.place / "root.crt"
    certificate, key = places.authority.sign("app")
    strict = TlsFront(places.server.port, places.authority.sign("localhost"), clients=root)
    try:
        host = f"localhost:{strict.port}"
        shown = f"sslmode=require&sslcert={quote(str(certificate))}&sslkey={quote(str(key))}"
        assert await ask(places.url(shown, host=host)) == 1
        error = await refusal(places.url("sslmode=require", host=host))
        assert error.code in {"unavailable.tls", "unavailable.database"}
        error = await refusal(places.url(f"{shown}&sslcertmode=disable", host=host))
        assert error.code in {"unavailable.tls", "unavailable.database"}
    finally:
        strict.close()


@pytest.fixture
def closed_home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return home


async def test_a_home_that_may_not_be_entered_is_no_obstacle(places: Places, closed_home: Path) -> None:
    """As in a container with a user of its own, whose HOME is still root's."""
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    url = places.url()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.environ["HOME"] = str(closed_home)
            os.setgroups([])
            os.setgid(54321)
            os.setuid(54321)
            assert not os.access(closed_home, os.X_OK)

            async def connected() -> None:
                driver = await reach(parse_address(url), timeout=30, server_settings={})
                await driver.close()

            asyncio.new_event_loop().run_until_complete(connected())
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode((await asyncio.to_thread(os.waitpid, child, 0))[1]) == 0


async def test_many_at_once_and_one_that_is_cancelled(places: Places) -> None:
    address = parse_address(places.url())

    async def one() -> int:
        driver = await reach(address, timeout=20, server_settings={})
        try:
            value: int = await driver.fetchval("SELECT 1")
            return value
        finally:
            await driver.close()

    assert await asyncio.gather(*(one() for _ in range(10))) == [1] * 10
    silent = parse_address(places.url(host=f"127.0.0.1:{places.silent.getsockname()[1]}"))
    waiting = asyncio.create_task(reach(silent, timeout=20, server_settings={}))
    await asyncio.sleep(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
