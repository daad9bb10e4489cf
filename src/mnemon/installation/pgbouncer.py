"""The configuration of PgBouncer in transaction mode in front of PostgreSQL: from settings to the text of two files.

It serves many processes whose pools together have more connections than the server should: a few hundred clients on
twenty connections. One process, or few, need none: their own pools do as well, with one hop less.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mnemon.core.errors import Invalid
from mnemon.core.settings import Settings, variable_of
from mnemon.db.address import parse_address
from mnemon.db.engine import POOLED_SETTINGS, session_settings

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_HOST = re.compile(r"[A-Za-z0-9_.:*/,-]+")
_WORD = re.compile(r"[a-z0-9_.]+")
_TLS = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_INI = """\
; Written by `mnemon ops pgbouncer`. PgBouncer 1.18 or newer; start it as a user that is not root:
;   pgbouncer -d pgbouncer.ini
; Mnemon then has DATABASE_POOLER=transaction, and a DATABASE_URL that leads to {listen_host}:{listen_port}; workers a
; DATABASE_WORKER_URL.
; `mnemon db upgrade` does not go through here: it holds a lock for a whole session, so DATABASE_OWNER_URL leads to
; PostgreSQL itself.

[databases]
; connect_query: what Mnemon's statements need on every connection to the server. A client cannot set it here, as what
; it sets would stay behind on a connection that the next client gets.
;   plan_cache_mode, jit: organisations differ in size, and a plan for one is wrong for another
;   hnsw.iterative_scan: without it a filtered vector search returns too few rows; Mnemon refuses to start
{database} = host={server_host} port={server_port} dbname={database} connect_query='{connect_query}'

[pgbouncer]
listen_addr = {listen_host}
listen_port = {listen_port}
; no socket in the file system: under /tmp anybody could put one there first
unix_socket_dir =

; The names and secrets of userlist.txt serve both ways: for who comes, and to log in to the server. The application's
; login and the workers' are two, and each has connections of its own to the server: neither acts as the other.
auth_type = scram-sha-256
auth_file = {auth_file}
; TLS towards the server as the URL asks for it; towards clients none, so listen on loopback or on a private network,
; or give client_tls_key_file and client_tls_cert_file and ask for `require`.
server_tls_sslmode = {tls}{tls_ca}
client_tls_sslmode = disable

; A server connection belongs to a client for one transaction. The organisation is set within the transaction
; (SET LOCAL) and ends with it, so that nothing of it passes to the next client.
pool_mode = transaction
; Never run in transaction mode: there is nothing to reset.
server_reset_query =
; Connections to PostgreSQL, for all clients of a login together: about two to four for each of its cores; more only
; queue inside the server. The second line is for all logins, and leaves each its own: a connection that lies idle in
; the one's is not taken from it for the other. It holds also where somebody adds another user.
default_pool_size = {pool_size}
max_db_connections = {all_connections}
; Clients that may be connected: all processes' DATABASE_POOL_SIZE + DATABASE_POOL_OVERFLOW added up, and some. A client
; costs about 2 kB. (The limit of open files must be above this and the server connections together.)
max_client_conn = {max_clients}

; A client that waits so long for a free connection gets an error instead of waiting for ever.
query_wait_timeout = {query_wait_timeout}
; A client that does nothing for so long within a transaction loses it: the connection is needed by others.
idle_transaction_timeout = {idle_transaction_timeout}
; After the server went away: PgBouncer's default lets every client wait 15 s after one failed attempt.
server_login_retry = 1
server_connect_timeout = 5
; A connection that lay idle for so long is tried before it is lent.
server_check_delay = 10
server_check_query = select 1
; Connections are renewed after an hour, so that the memory of caches inside the server's processes comes back.
server_lifetime = 3600
server_idle_timeout = 600
; A host that vanished without a word is noticed after a minute, not after two hours.
tcp_keepalive = 1
tcp_keepidle = 30
tcp_keepintvl = 10
tcp_keepcnt = 3

; Other drivers send this at the start; asyncpg does not.
ignore_startup_parameters = extra_float_digits
; What a connection does is in PostgreSQL's own log and in Mnemon's.
log_connections = 0
log_disconnections = 0
log_pooler_errors = 1
; `psql -p {listen_port} pgbouncer` as this role: SHOW POOLS, SHOW STATS; it may change nothing.
stats_users = {role}
"""


@dataclass(frozen=True, slots=True)
class Pooler:
    """Where PgBouncer listens, what it leads to, and how many it lets in.

    Attributes:
        role: the application's login, of the server and of PgBouncer.
        secret: its password, or its SCRAM secret as ``pg_authid.rolpassword`` has it.
        worker: the workers' login, where they come through it too; ``worker_secret``: its password.
        connect_query: what every connection to the server runs first.
        tls: how the server is reached, in libpq's words.
        ca: a file of certificates that vouch for the server; empty: the system's.
        auth_file: where PgBouncer finds the list of users; relative to its working directory.
    """

    server_host: str
    server_port: int
    database: str
    role: str
    secret: str
    connect_query: str
    listen_host: str = "127.0.0.1"
    listen_port: int = 6432
    pool_size: int = 20
    max_clients: int = 1000
    query_wait_timeout: int = 30
    idle_transaction_timeout: int = 60
    tls: str = "prefer"
    ca: str = ""
    auth_file: str = "userlist.txt"
    worker: str = ""
    worker_secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Refuse what would mean something else in a file of lines, quotes and equals signs.

        Raises:
            Invalid: a name or host has characters that the format cannot carry.
        """
        for name, value, allowed in (
            ("database", self.database, _NAME),
            ("role", self.role, _NAME),
            ("worker", self.worker, _NAME),
            ("server_host", self.server_host, _HOST),
            ("listen_host", self.listen_host, _HOST),
        ):
            if not allowed.fullmatch(value) and (name, value) != ("worker", ""):
                raise Invalid(
                    f"PgBouncer's configuration cannot carry this {name.replace('_', ' ')}: {value[:60]!r}.",
                    code="invalid.pooler",
                    hint="Letters, digits, _ and - make names; a host also has dots and colons.",
                    field=name,
                )
        if not self.secret or not self.secret.isprintable():
            raise Invalid(
                "The application's password is missing, or cannot stand on a line.",
                code="invalid.pooler",
                hint="Give it in DATABASE_URL: postgresql://role:password@host/database.",
                field="database_url",
            )
        if self.worker and (not self.worker_secret or not self.worker_secret.isprintable()):
            raise Invalid(
                "The workers' password is missing, or cannot stand on a line.",
                code="invalid.pooler",
                hint="Give it in DATABASE_WORKER_URL: postgresql://role:password@host/database.",
                field="database_worker_url",
            )
        if self.tls not in _TLS or any(mark in f"{self.auth_file}{self.ca}" for mark in "\n\r'\""):
            raise Invalid("PgBouncer knows no such TLS mode or file.", code="invalid.pooler", field="tls")


def pooler_for(settings: Settings, *, host: str | None = None, port: int | None = None, **options: object) -> Pooler:
    """Return what PgBouncer needs: server, database and login of ``DATABASE_URL``, and the workers' login.

    Args:
        settings: those of the application that will connect.
        host: PostgreSQL's host, where the URL leads to PgBouncer already.
        port: its port.
        options: further fields of :class:`Pooler`.

    Raises:
        Invalid: there is no URL (the embedded server has one user and needs no pooler), or it lacks a part.
    """
    if settings.database_url is None:
        raise Invalid(
            "There is no DATABASE_URL: the embedded server is not for many processes and has no pooler.",
            code="invalid.pooler",
            hint="Set DATABASE_URL to your PostgreSQL, as the application's login with its password.",
            field="database_url",
        )
    address = parse_address(settings.database_url.get_secret_value(), variable_of("database_url"))
    if port is None and len({each.port for each in address.hosts}) > 1:
        raise Invalid(
            "The hosts of DATABASE_URL have several ports, and PgBouncer's configuration has one for all.",
            code="invalid.pooler",
            hint="Give the port with --port, or name one host with --host.",
            field="database_url",
        )
    from_settings: dict[str, object] = {
        "server_host": host or ",".join(each.at or each.name for each in address.hosts),
        "server_port": port or address.hosts[0].port,
        "database": address.database or "",
        "role": address.user or "",
        "secret": address.password or "",
        "connect_query": connect_query(settings),
        "tls": address.sslmode,
    }
    root = address.parameters.get("sslrootcert")
    if root is not None and root != "system":
        from_settings["ca"] = root
    if settings.database_worker_url is not None:
        login = parse_address(settings.database_worker_url.get_secret_value(), variable_of("database_worker_url"))
        from_settings |= {"worker": login.user or "", "worker_secret": login.password or ""}
    return Pooler(**{**from_settings, **options})  # type: ignore[arg-type]


def connect_query(settings: Settings) -> str:
    """Return what a connection to the server runs first: the settings that a client cannot give through PgBouncer."""
    wanted = {name: value for name, value in session_settings(settings).items() if name not in POOLED_SETTINGS}
    for name, value in wanted.items():
        if not (_WORD.fullmatch(name) and _WORD.fullmatch(value)):
            raise ValueError(f"{name} cannot stand in a connect_query without quotes")
    return "; ".join(f"SET {name} TO {value}" for name, value in wanted.items())


def pgbouncer_ini(pooler: Pooler) -> str:
    """Return the text of ``pgbouncer.ini``; there is no secret in it."""
    # A mode that checks certificates needs to know by whose word: the address's, or Debian's and its kin's.
    file = pooler.ca or "/etc/ssl/certs/ca-certificates.crt"
    ca = f"\nserver_tls_ca_file = {file}" if pooler.tls.startswith("verify") else ""
    fields = {name: getattr(pooler, name) for name in Pooler.__slots__ if "secret" not in name}
    return _INI.format(**fields, all_connections=pooler.pool_size * (2 if pooler.worker else 1), tls_ca=ca)


def userlist(pooler: Pooler) -> str:
    """Return the text of ``userlist.txt``: the logins and their secrets. Nobody but PgBouncer's user is to read it."""
    logins = {pooler.role: pooler.secret} | ({pooler.worker: pooler.worker_secret} if pooler.worker else {})
    return (
        "; It serves both to check who comes and to log in to the server. What stands there in pg_authid.rolpassword\n"
        "; (SCRAM-SHA-256$...) may stand here too, then there is no password in this file.\n"
    ) + "".join(f'"{role}" "{_doubled(secret)}"\n' for role, secret in logins.items())


def _doubled(secret: str) -> str:
    return secret.replace('"', '""')
