"""The parameters that a database URL may have: each of libpq's, and what becomes of it here.

The driver is asyncpg, which has no libpq: what it cannot do is refused by name. ``docs/connecting.md`` shows the table.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass

_ENCODINGS = frozenset({"utf8", "unicode", "auto"})
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SESSION_ATTRIBUTES = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
TLS_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a database URL.

    Attributes:
        does: what becomes of it, for the page.
        takes: says what values there are, where one is wrong; None for a right one.
        refusal: what to do instead, where the parameter is refused whatever its value.
        variable: libpq's environment variable, for PostgreSQL's own programs.
        read: the variable counts here as well, where the URL says nothing.
        secret: its value is never shown.
        since: the first major version of libpq that has it, where an older one does not.
        until: the last one, where a newer one has it no more.
    """

    does: str
    takes: Callable[[str], str | None] | None = None
    refusal: str | None = None
    variable: str | None = None
    read: bool = False
    secret: bool = False
    since: int = 0
    until: int | None = None

    def is_known_to(self, libpq: int) -> bool:
        """Tell whether a libpq of that major version knows it."""
        return self.since <= libpq and (self.until is None or libpq <= self.until)


def _one_of(*values: str) -> Callable[[str], str | None]:
    return lambda value: None if value in values else f"It is one of: {', '.join(values)}."


def _only(*values: str, hint: str) -> Callable[[str], str | None]:
    return lambda value: None if value in values else hint


def _number(least: int, most: int = 2**31 - 1) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        whole = re.fullmatch(r"-?[0-9]{1,10}", value) is not None and least <= int(value) <= most
        return None if whole else f"It is a whole number from {least}."

    return check


def _seconds(value: str) -> str | None:
    return None if re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,6})?", value) else "It is a number of seconds."


def _encoding(value: str) -> str | None:
    if re.sub(r"[^a-z0-9]", "", value.lower()) in _ENCODINGS:
        return None
    return "Remove it: the driver speaks UTF-8, whatever encoding the database has."


_SWITCH = _one_of("0", "1")
_BY_WORD = "Remove it, and give the password: the driver proves itself with the password alone."
_OAUTH = "Remove it: the driver knows no OAuth. Let the role log in with a password or a certificate."

#: Every parameter of libpq (PostgreSQL 18), and those that its older versions had.
PARAMETERS: dict[str, Parameter] = {
    "host": Parameter(
        "one or several after commas; a directory (`/run/postgresql`) is a Unix socket's", variable="PGHOST"
    ),
    "hostaddr": Parameter(
        "connected to in place of `host`; refused with `verify-full`, which checks a name", variable="PGHOSTADDR"
    ),
    "port": Parameter("one, or one for each host", variable="PGPORT"),
    "user": Parameter("the role", variable="PGUSER"),
    "password": Parameter("the password", variable="PGPASSWORD", secret=True),
    "dbname": Parameter("the database", variable="PGDATABASE"),
    "passfile": Parameter(
        "a file of passwords in libpq's form; it must exist and be its owner's alone", variable="PGPASSFILE"
    ),
    "service": Parameter("a section of the service file: what the URL leaves out is taken from it", variable=None),
    "servicefile": Parameter(
        "the service file; else PGSERVICEFILE, `~/.pg_service.conf`, `pg_service.conf` in PGSYSCONFDIR"
    ),
    "connect_timeout": Parameter(
        "seconds for each host, in place of MNEMON_DATABASE_CONNECT_TIMEOUT; 0: no limit",
        takes=_seconds,
        variable="PGCONNECT_TIMEOUT",
    ),
    "application_name": Parameter("shown in `pg_stat_activity`, in place of `mnemon`", variable=None),
    "fallback_application_name": Parameter("the same where `application_name` is not given"),
    "options": Parameter(
        "settings of the server: `-c name=value` each, in a URL `options=-c%20name%3Dvalue`; a provider's own word "
        "(`endpoint=...`) is sent as it is"
    ),
    "client_encoding": Parameter("UTF-8 is taken, another is refused", takes=_encoding, variable="PGCLIENTENCODING"),
    "keepalives": Parameter("0 turns TCP keepalives off", takes=_SWITCH),
    "keepalives_idle": Parameter("seconds of silence before the first", takes=_number(0)),
    "keepalives_interval": Parameter("seconds between two", takes=_number(0)),
    "keepalives_count": Parameter("how many may be lost", takes=_number(0)),
    "tcp_user_timeout": Parameter("milliseconds that sent data may be unanswered (Linux)", takes=_number(0)),
    "target_session_attrs": Parameter(
        "which of several hosts will do: " + ", ".join(f"`{one}`" for one in SESSION_ATTRIBUTES),
        takes=_one_of(*SESSION_ATTRIBUTES),
        variable="PGTARGETSESSIONATTRS",
        read=True,
    ),
    "load_balance_hosts": Parameter(
        "`random`: the hosts are tried in any order",
        takes=_one_of("disable", "random"),
        variable="PGLOADBALANCEHOSTS",
        since=16,
    ),
    "sslmode": Parameter(
        ", ".join(f"`{one}`" for one in SSL_MODES) + "; as in libpq, but that `verify-full` without a file of "
        "certificates trusts those of the system",
        takes=_one_of(*SSL_MODES),
        variable="PGSSLMODE",
        read=True,
    ),
    "sslnegotiation": Parameter(
        "`direct` asks for TLS at once, with `sslmode=require` or stronger",
        takes=_one_of("postgres", "direct"),
        variable="PGSSLNEGOTIATION",
        read=True,
        since=17,
    ),
    "sslrootcert": Parameter(
        "a file of certificates to trust; `system`: those of the system, with `verify-full`",
        variable="PGSSLROOTCERT",
        read=True,
    ),
    "sslcert": Parameter("the client's certificate, a file", variable="PGSSLCERT", read=True),
    "sslkey": Parameter("its key, a file", variable="PGSSLKEY", read=True),
    "sslpassword": Parameter("the key's password", secret=True),
    "sslcertmode": Parameter(
        "`disable` sends no certificate; `require` is refused",
        takes=_only(
            "disable",
            "allow",
            hint="Remove it: whether the server asked for the certificate cannot be told. Let its pg_hba.conf ask "
            "(clientcert=verify-full).",
        ),
        variable="PGSSLCERTMODE",
        since=16,
    ),
    "sslcrl": Parameter("a file of revoked certificates", variable="PGSSLCRL", read=True),
    "sslcrldir": Parameter("a directory of them", variable="PGSSLCRLDIR", read=True),
    "ssl_min_protocol_version": Parameter(
        "TLSv1.2, if it is not given", takes=_one_of(*TLS_VERSIONS), variable="PGSSLMINPROTOCOLVERSION", read=True
    ),
    "ssl_max_protocol_version": Parameter(
        "the newest, if it is not given", takes=_one_of(*TLS_VERSIONS), variable="PGSSLMAXPROTOCOLVERSION", read=True
    ),
    "channel_binding": Parameter(
        "`require`: the driver has none, so the server's certificate is checked instead, as with "
        "`sslmode=verify-full`; the others change nothing",
        takes=_one_of("disable", "prefer", "require"),
        variable="PGCHANNELBINDING",
    ),
    "krbsrvname": Parameter("the service's name for Kerberos", variable="PGKRBSRVNAME", read=True),
    "gsslib": Parameter("`gssapi` or `sspi`", takes=_one_of("gssapi", "sspi"), variable="PGGSSLIB", read=True),
    "gssencmode": Parameter(
        "`disable` and `prefer` change nothing; `require` is refused",
        takes=_only(
            "disable", "prefer", hint="Remove it, and use sslmode=verify-full: the driver encrypts by TLS only."
        ),
        variable="PGGSSENCMODE",
    ),
    "gssdelegation": Parameter(
        "`0` changes nothing; `1` is refused",
        takes=_only("0", hint="Remove it: the driver hands on no Kerberos credentials."),
        variable="PGGSSDELEGATION",
        since=16,
    ),
    "sslcompression": Parameter("changes nothing: TLS compresses no more", takes=_SWITCH),
    "sslsni": Parameter(
        "`1` changes nothing; `0` is refused",
        takes=_only("1", hint="Remove it: the server's name is always sent."),
        variable="PGSSLSNI",
    ),
    "min_protocol_version": Parameter(
        "`3.0` changes nothing; newer is refused",
        takes=_only("3.0", hint="Remove it: the driver speaks protocol 3.0."),
        variable="PGMINPROTOCOLVERSION",
        since=18,
    ),
    "max_protocol_version": Parameter(
        "changes nothing: the driver speaks 3.0",
        takes=_one_of("3.0", "3.2", "latest"),
        variable="PGMAXPROTOCOLVERSION",
        since=18,
    ),
    "replication": Parameter(
        "off changes nothing; on is refused",
        takes=_only("0", "false", "off", "no", hint="Remove it: replicas are made with `mnemon ops replica`."),
    ),
    "require_auth": Parameter(
        "refused",
        refusal="Remove it, and use sslmode=verify-full: the driver logs in the way that the server asks for.",
    ),
    "requirepeer": Parameter(
        "refused", refusal="Remove it, and keep the socket in a directory that only the server's user may write to."
    ),
    "scram_client_key": Parameter("refused", refusal=_BY_WORD, secret=True),
    "scram_server_key": Parameter("refused", refusal=_BY_WORD, secret=True),
    "oauth_issuer": Parameter("refused", refusal=_OAUTH),
    "oauth_client_id": Parameter("refused", refusal=_OAUTH),
    "oauth_client_secret": Parameter("refused", refusal=_OAUTH, secret=True),
    "oauth_scope": Parameter("refused", refusal=_OAUTH),
    "sslkeylogfile": Parameter("refused", refusal="Remove it: with that file everybody could read what was sent."),
    "authtype": Parameter("changes nothing; PostgreSQL 13 and older had it", until=13),
    "tty": Parameter("changes nothing; PostgreSQL 13 and older had it", until=13),
}

#: Parameters of the driver and of SQLAlchemy that are taken too.
DRIVER: dict[str, Parameter] = {
    "ssl": Parameter(
        "`sslmode`, in the driver's words; `true` is `require`", takes=_one_of("true", "false", *SSL_MODES)
    ),
    "database": Parameter("`dbname`"),
    "timeout": Parameter("`connect_timeout`", takes=_seconds),
    "command_timeout": Parameter("seconds for one call of the driver", takes=_seconds),
    "statement_cache_size": Parameter(
        "prepared statements that a connection keeps; 0 for some poolers", takes=_number(0)
    ),
    "prepared_statement_cache_size": Parameter("the same of SQLAlchemy's", takes=_number(0)),
    "max_cached_statement_lifetime": Parameter("seconds that one is kept", takes=_number(0)),
    "max_cacheable_statement_size": Parameter("bytes of the longest that is kept", takes=_number(0)),
    "supa": Parameter("changes nothing; Vercel adds it for Supabase"),
    "uselibpqcompat": Parameter("changes nothing; it is node-postgres's"),
    "schema": Parameter(
        "`public` changes nothing; Prisma's",
        takes=_only("public", hint="Remove it: Mnemon's tables are in the schema `public`."),
    ),
}

#: What other programs' URLs have, and what says the same here.
FOREIGN: dict[str, str] = {
    "pgbouncer": "Remove it, and set DATABASE_POOLER=transaction: the address leads to a pooler.",
    "connection_limit": "Remove it, and set DATABASE_POOL_SIZE.",
    "pool_timeout": "Remove it: it is Prisma's.",
    "pool_size": "Remove it, and set DATABASE_POOL_SIZE.",
    "max_overflow": "Remove it, and set DATABASE_POOL_OVERFLOW.",
    "pool_mode": "Remove it; set DATABASE_POOLER=transaction where the address leads to a pooler in transaction mode.",
    "socket_timeout": "Remove it, and set MNEMON_DATABASE_STATEMENT_TIMEOUT.",
    "sslaccept": "Use sslmode: verify-full in place of strict, require in place of accept_invalid_certs.",
    "sslidentity": "Use sslcert and sslkey.",
    "sslca": "Use sslrootcert.",
    "ssl_ca": "Use sslrootcert.",
    "ssl_cert": "Use sslcert.",
    "ssl_key": "Use sslkey.",
    "sslfactory": "Use sslmode.",
    "currentschema": "Remove it: Mnemon's tables are in the schema `public`.",
    "applicationname": "Use application_name.",
    "preferquerymode": "Remove it: it is JDBC's.",
    "preparethreshold": "Use statement_cache_size=0 in place of prepareThreshold=0.",
    "logintimeout": "Use connect_timeout.",
    "connecttimeout": "Use connect_timeout.",
    "sockettimeout": "Remove it, and set MNEMON_DATABASE_STATEMENT_TIMEOUT.",
    "username": "Use user, or postgresql://role:password@host/database.",
    "server_settings": "Use options=-c%20name%3Dvalue.",
    "requiressl": "Use sslmode=require.",
    "search_path": "Remove it: Mnemon's tables are in the schema `public`.",
    "statement_timeout": "Use options=-c%20statement_timeout%3D60s, or MNEMON_DATABASE_STATEMENT_TIMEOUT.",
    "lock_timeout": "Use options=-c%20lock_timeout%3D30s.",
    "idle_in_transaction_session_timeout": "Set MNEMON_DATABASE_IDLE_TIMEOUT.",
    "timezone": "Remove it: the times of a connection are UTC.",
}

KNOWN: dict[str, Parameter] = PARAMETERS | DRIVER


def closest(name: str) -> str | None:
    """Return the known parameter that a name was probably meant to be."""
    plain = name.lower().replace("-", "_")
    if plain in KNOWN:
        return plain
    squeezed = {one.replace("_", ""): one for one in KNOWN}
    found = difflib.get_close_matches(plain.replace("_", ""), squeezed, n=1, cutoff=0.6)
    return squeezed[found[0]] if found else None
