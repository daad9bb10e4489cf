"""A database's address as people have it: a URL or libpq's ``key=value`` words, read once and for everybody.

What each parameter becomes is in :mod:`mnemon.db.parameters`. No error repeats the address: it may hold a password, and
a password that is not percent-encoded may be taken for any part of it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mnemon.core.errors import Invalid
from mnemon.core.settings import Settings, variable_of
from mnemon.core.urls import split_urls
from mnemon.db.certificates import KNOWS_SYSTEM, own_file, system_file
from mnemon.db.parameters import FOREIGN, KNOWN, PARAMETERS, Parameter, closest
from mnemon.db.written import ENCODE, options, refused, service, unreadable, written

PORT = 5432
#: What is named in errors of the embedded server's address, which no setting holds.
EMBEDDED = "MNEMON_DATA_DIR"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")
_PLACEHOLDER = re.compile(r"[\[<{(].*(password|pwd|secret).*[\]>})]", re.IGNORECASE)
#: What we set and the user may set otherwise; anything else that we set is what statements rely on.
_YIELDS = frozenset({"application_name", "statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout"})


@dataclass(frozen=True, slots=True)
class Host:
    """One place where the server may be.

    Attributes:
        name: a host's name or address, or the directory of a Unix socket; empty for the driver's own places.
        at: the numeric address to connect to in place of the name.
    """

    name: str
    port: int
    at: str = ""

    def __str__(self) -> str:
        if self.is_socket:
            return f"{self.name}/.s.PGSQL.{self.port}"
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{name or 'localhost'}:{self.port}"

    @property
    def is_socket(self) -> bool:
        """True for a Unix socket."""
        return self.name.startswith("/")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is, as whom, and how to connect.

    Attributes:
        hosts: one or several, in the order in which they are tried.
        parameters: the other parameters, by libpq's names; checked.
        server: what ``options`` and ``application_name`` set on the server.
        setting: the variable that it came from, to be named in errors.
        origins: where a parameter came from that the setting does not say itself: a variable of libpq's, a file.
    """

    hosts: tuple[Host, ...]
    user: str | None
    password: str | None = field(repr=False)
    database: str | None
    parameters: Mapping[str, str] = field(repr=False)
    server: Mapping[str, str] = field(repr=False)
    setting: str = "DATABASE_URL"
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Hosts and ports, and nothing secret."""
        return ",".join(f"{each.name or 'localhost'}:{each.port}" for each in self.hosts)

    @property
    def sslmode(self) -> str:
        """How TLS is used, in libpq's words."""
        if self.parameters.get("channel_binding") == "require":
            return "verify-full"
        default = "verify-full" if self.parameters.get("sslrootcert") == "system" else "prefer"
        return self.parameters.get("sslmode", default)

    def timeout(self, otherwise: float | None) -> float | None:
        """Return the seconds that a host may take to let us in; None: as long as it likes."""
        for_server = self.parameters.get("connect_timeout")
        return otherwise if for_server is None else float(for_server) if float(for_server) > 0 else None

    def within(self, seconds: float) -> Address:
        """Return the same address for who waits so long at most."""
        for_server = self.timeout(seconds)
        least = seconds if for_server is None else min(for_server, seconds)
        return replace(self, parameters={**self.parameters, "connect_timeout": str(least)})

    def settings(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """Return what is set on the server: what we want, and what the address says beside it.

        Raises:
            Invalid: the address would set what Mnemon's statements rely on.
        """
        for name, value in self.server.items():
            ours = wanted.get(name)
            if ours is None or name in _YIELDS or _same(name, value, ours):
                continue
            raise self.refused(
                f"options sets {name}, which Mnemon sets itself.", f"Remove {name} from options.", parameter="options"
            )
        return {**self.server, **wanted, **{name: self.server[name] for name in _YIELDS & self.server.keys()}}

    def variables(self, libpq: int) -> dict[str, str]:
        """Return the address as variables of a libpq: everybody on a machine can read arguments, and not these."""
        named = {PARAMETERS[name].variable: value for name, value in self.parts(libpq).items() if name in PARAMETERS}
        named |= {"PGPASSWORD": self.password or ""}
        return {name: value for name, value in named.items() if name and value}

    def parts(self, libpq: int) -> dict[str, str]:
        """Return the address as parameters of a libpq, without the database and without what is secret.

        Args:
            libpq: its major version: that of the programs which get them.

        Raises:
            Invalid: it trusts the system's certificates, which this libpq does not find and nor do we.
        """
        own = {
            "host": ",".join(each.name for each in self.hosts),
            "hostaddr": ",".join(each.at for each in self.hosts) if any(each.at for each in self.hosts) else "",
            "port": ",".join(str(each.port) for each in self.hosts),
            "user": self.user or "",
        }
        known_names = {name for name, each in PARAMETERS.items() if not each.secret and each.is_known_to(libpq)}
        others = {name: value for name, value in self.parameters.items() if name in known_names}
        if "connect_timeout" in others:  # libpq knows whole seconds
            others["connect_timeout"] = str(math.ceil(float(others["connect_timeout"])))
        return {name: value for name, value in {**others, **self._trusted(libpq), **own}.items() if value}

    def _trusted(self, libpq: int) -> dict[str, str]:
        """Return whose certificates a libpq is to trust, where it would not find them itself as we do."""
        root = self.parameters.get("sslrootcert")
        if root is None and (self.parameters.get("sslmode") != "verify-full" or own_file("root.crt")):
            return {}
        if root not in {None, "system"}:
            return {}
        file = "system" if libpq >= KNOWS_SYSTEM else system_file()
        if file is None:
            raise self.refused(
                f"the programs of PostgreSQL {libpq} find no file of the certificates that the system trusts.",
                "Name it with sslrootcert=, or use programs of version 16 or newer.",
                parameter="sslrootcert",
            )
        return {"sslrootcert": file, "sslmode": "verify-full"}

    def refused(self, why: str, hint: str, **data: str) -> Invalid:
        """Return the error for an address that cannot be used; it names where the parameter came from."""
        return refused(self.origins.get(data.get("parameter", ""), self.setting), why, hint, **data)


def parse_address(text: str, setting: str = "DATABASE_URL") -> Address:
    """Read a database's address.

    Args:
        text: ``postgresql://...`` (also ``postgres://`` and ``postgresql+asyncpg://``), or ``host=... dbname=...``.
        setting: the variable that it came from.

    Raises:
        Invalid: it cannot be read, or has a parameter that is not known or cannot be kept; nothing of it but a
            parameter's name is repeated.
    """
    values = _checked(written(text, setting), setting)
    origins: dict[str, str] = {}
    if "service" in values:
        service_values, file = service(values, setting)
        from_file = _checked(service_values, f"The service file {file}")
        origins = dict.fromkeys(from_file.keys() - values.keys(), f"The service file {file}")
        values = from_file | values
    hosts = _hosts(values, origins, setting)
    if not all(each.is_socket for each in hosts):
        added = _environment(values)
        origins |= {name: PARAMETERS[name].variable or setting for name in added}
        values = added | values
    return _address(values, hosts, origins, setting)


def _environment(values: Mapping[str, str]) -> dict[str, str]:
    """Return what libpq's variables say that count here too, and the address does not."""
    found = {}
    for name, each in PARAMETERS.items():
        if each.read and each.variable and name not in values and (value := os.environ.get(each.variable)):
            _check(name, each, value, each.variable)
            found[name] = value
    return found


def chosen(settings: Settings, *names: str) -> tuple[str, str] | None:
    """Return the first address that is set, and the variable that it came from.

    Args:
        settings: where they are looked for.
        names: of settings, in the order in which they count.
    """
    for name in names:
        secret = getattr(settings, name)
        if secret is not None:
            return secret.get_secret_value(), variable_of(name)
    return None


def setting_of(url: str, settings: Settings) -> str:
    """Return the variable that an address came from, to be named in errors; that of the embedded server's, if none."""
    for name in ("database_worker_url", "database_url", "database_owner_url", "backup_database_url"):
        secret = getattr(settings, name)
        if secret is not None and secret.get_secret_value() == url:
            return variable_of(name)
    replicas = settings.database_replica_urls
    if replicas is not None and url in split_urls(replicas.get_secret_value()):
        return variable_of("database_replica_urls")
    return EMBEDDED


def _checked(values: dict[str, str], setting: str) -> dict[str, str]:
    """Return the parameters by libpq's names, those without a value left out."""
    checked: dict[str, str] = {}
    for name, value in values.items():
        parameter = KNOWN.get(name)
        if parameter is None:
            raise _unknown(name, setting)
        if value:
            _check(name, parameter, value, setting)
            alias = {"ssl": "sslmode", "database": "dbname", "timeout": "connect_timeout"}.get(name, name)
            words = {"true": "require", "false": "disable"} if name == "ssl" else {}
            checked[alias] = words.get(value, value)
    return checked


def _check(name: str, parameter: Parameter, value: str, setting: str) -> None:
    if parameter.refusal is not None:
        raise refused(setting, f"{name} cannot be kept.", parameter.refusal, parameter=name)
    for_server = parameter.takes(value) if parameter.takes else None
    if for_server is not None:
        raise refused(setting, f"the value of {name} is not taken.", for_server, parameter=name)
    if "\0" in value:
        raise unreadable(setting, "it has a NUL character.")


def _unknown(name: str, setting: str) -> Invalid:
    if _NAME.fullmatch(name) is None:
        return refused(setting, "it has an option that is not known.", ENCODE)
    foreign = FOREIGN.get(name.lower())
    meant = closest(name)
    hint = f"Did you mean {meant}?" if meant else "Remove it."
    hint = foreign or f"{hint} docs/connecting.md lists those that are known."
    return refused(setting, f"it has an option that is not known: {name}.", hint, parameter=name)


def _address(values: dict[str, str], hosts: tuple[Host, ...], origins: Mapping[str, str], setting: str) -> Address:
    if _PLACEHOLDER.fullmatch(values.get("password", "")):
        raise refused(
            origins.get("password", setting),
            "the password is still a placeholder.",
            "Put the role's password in its place.",
        )
    own = {"host", "hostaddr", "port", "user", "password", "dbname", "service", "servicefile"}
    for_server = {"application_name", "fallback_application_name", "options", "client_encoding"}
    address = Address(
        hosts=hosts,
        user=values.get("user"),
        password=values.get("password"),
        database=values.get("dbname"),
        parameters={name: value for name, value in values.items() if name not in own | for_server},
        server=options(values.get("options", ""), origins.get("options", setting)),
        setting=setting,
        origins=origins,
    )
    name = values.get("application_name") or values.get("fallback_application_name")
    if name:
        address = replace(address, server={**address.server, "application_name": name})
    _refuse_contradictions(address)
    return address


def _refuse_contradictions(address: Address) -> None:
    values = address.parameters
    weak = address.sslmode in {"disable", "allow", "prefer"}
    if values.get("channel_binding") == "require" and values.get("sslmode") == "disable":
        raise address.refused(
            "channel_binding=require needs TLS, and sslmode=disable has none.",
            "Remove one of them.",
            parameter="channel_binding",
        )
    if values.get("sslnegotiation") == "direct" and weak:
        raise address.refused(
            f"sslnegotiation=direct cannot be had with sslmode={address.sslmode}.",
            "Use sslmode=require, verify-ca or verify-full.",
            parameter="sslnegotiation",
        )
    if values.get("sslrootcert") == "system" and address.sslmode != "verify-full":
        raise address.refused(
            f"sslmode={address.sslmode} is too weak for sslrootcert=system: anybody has a certificate of those.",
            "Use sslmode=verify-full.",
            parameter="sslrootcert",
        )
    if address.sslmode == "verify-full" and any(each.at for each in address.hosts):
        raise address.refused(
            "hostaddr cannot be had with sslmode=verify-full, which checks the host's name.",
            "Remove hostaddr.",
            parameter="hostaddr",
        )
    for name in ("sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile"):
        file = values.get(name)
        if file and (name, file) != ("sslrootcert", "system"):
            _refuse_unreadable(address, name, Path(file))


def _refuse_unreadable(address: Address, name: str, file: Path) -> None:
    try:
        with file.open("rb"):
            pass
        exposed = name == "passfile" and file.stat().st_mode & 0o077
    except OSError as error:
        raise address.refused(
            f"the file of {name}, {file}, cannot be read: {error.strerror}.",
            "Correct the path, or let this process's user read the file.",
            parameter=name,
        ) from None
    if exposed:
        raise address.refused(f"others may read {file}, the file of {name}.", f"Run: chmod 600 {file}", parameter=name)


def _hosts(values: dict[str, str], origins: Mapping[str, str], setting: str) -> tuple[Host, ...]:
    names = (values.get("host") or "").split(",")
    numbers = values["hostaddr"].split(",") if "hostaddr" in values else []
    if numbers and "host" not in values:
        names = [""] * len(numbers)
    by_variable = os.environ.get("PGPORT", "")
    ports = (values.get("port") or "").split(",")
    parted = [_with_port(name) for name in names]
    if len(ports) == 1:
        ports *= len(names)
    if len(ports) != len(names) or (numbers and len(numbers) != len(names)):
        raise unreadable(setting, f"it has {len(names)} hosts, {len(ports)} ports and {len(numbers)} addresses.")
    hosts = []
    for (name, own), port, at in zip(parted, ports, numbers or [""] * len(names), strict=True):
        number = own or port or by_variable or str(PORT)
        if not re.fullmatch(r"[0-9]{1,5}", number) or not 0 < int(number) < 65536:
            said_by = origins.get("port" if port else "host", setting) if own or port else "PGPORT"
            raise unreadable(said_by, "a port is no number from 1 to 65535.")
        if "=" in name:
            raise unreadable(origins.get("host", setting), "a host's name has an = in it.")
        if name.startswith("@"):
            raise refused(setting, "abstract sockets are not known.", "Name the directory of the server's socket.")
        hosts.append(Host(name, int(number), at))
    return tuple(hosts)


def _with_port(name: str) -> tuple[str, str]:
    """Return name and port of ``name:port``; an IPv6 address has more colons, and a directory none of ours."""
    head, colon, port = name.partition(":")
    if colon and ":" not in port and not name.startswith("/"):
        return head, port
    return name, ""


def _same(name: str, theirs: str, ours: str) -> bool:
    if name == "search_path":
        return {part.strip().strip('"') for part in theirs.split(",")} <= {"public", "$user", "pg_temp"}
    return theirs.strip().lower() == ours.lower()
