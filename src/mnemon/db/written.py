"""How an address is written: a URL, libpq's ``name=value`` words, a section of a service file, ``options``.

No error repeats what was written but names: it may hold a password, and one that is not percent-encoded may be taken
for any part of it.
"""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from mnemon.core.errors import Invalid
from mnemon.db.parameters import KNOWN

SCHEMES = ("postgresql+asyncpg://", "postgresql://", "postgres://")
ENCODE = (
    "It has the form postgresql://role:password@host:port/database; special characters in the password are "
    "percent-encoded (@ is %40, / is %2F, # is %23, % is %25)."
)
_WORDS = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)(?=\s|$)")
#: A setting of the server in `options`: PostgreSQL takes - for _ in its name there.
_SETTING = re.compile(r"([A-Za-z_][\w.-]*)=(.*)", re.DOTALL)


def refused(setting: str, why: str, hint: str, **data: str) -> Invalid:
    """Return the error for an address that cannot be used.

    Args:
        setting: the variable that it came from, or a file.
        why: what is wrong with it.
        hint: what to do.
        data: of the error; ``parameter`` is what cannot be used.
    """
    # The setting's own name in code; a file has none, and is named as it is.
    field = setting.removeprefix("MNEMON_").lower() if setting.isupper() else setting
    return Invalid(f"{setting} cannot be used: {why}", code="invalid.database_url", hint=hint, field=field, **data)


def unreadable(setting: str, why: str) -> Invalid:
    """Return the error for an address that cannot be read."""
    return refused(setting, why, ENCODE)


def written(text: str, setting: str) -> dict[str, str]:
    """Return the parameters that an address names, by the names that it gives them."""
    text = text.strip()
    head = next((each for each in SCHEMES if text.lower().startswith(each)), None)
    return _words(text, setting) if head is None else _url(text[len(head) :], setting)


def _url(text: str, setting: str) -> dict[str, str]:
    """Return the parameters of a URL behind its scheme; what stands behind ``?`` wins, as with libpq."""
    end = re.search(r"[/?]", text)
    authority, behind = (text[: end.start()], text[end.start() :]) if end else (text, "")
    path, _, query = behind.partition("?")
    login, at_sign, hosts = authority.rpartition("@")
    if "@" in path or ("@" in behind and not at_sign):
        raise unreadable(setting, "there is an @ behind the host.")
    values: dict[str, str] = {}
    user, _, password = login.partition(":")
    values |= {"user": _decoded(user, setting), "password": _decoded(password, setting)}
    values["dbname"] = _decoded(path[1:], setting)
    names, ports = [], []
    for spec in hosts.split(","):
        name, port = _host(spec, setting)
        names.append(_decoded(name, setting))
        ports.append(_decoded(port, setting))
    values |= {"host": ",".join(names), "port": ",".join(ports) if any(ports) else ""}
    values = {name: value for name, value in values.items() if value}
    places: list[str] = []
    for pair in filter(None, query.split("&")):
        name, equals, value = pair.partition("=")
        if not equals:
            raise unreadable(setting, "a parameter has no value.")
        name, value = _decoded(name, setting), _decoded(value, setting)
        if name == "host":  # once for each host, with a port, is SQLAlchemy's way to name several
            places.append(value)
            value = ",".join(places)
        values[name] = value
    return values


def _host(spec: str, setting: str) -> tuple[str, str]:
    """Return a host's name and port as they are written."""
    if spec.startswith("["):
        match = re.fullmatch(r"\[([0-9A-Fa-f:.%]+)\](?::(.*))?", spec)
        if match is None:
            raise unreadable(setting, "an IPv6 address ends with ].")
        return match[1], match[2] or ""
    name, _, port = spec.partition(":")
    return name, port


def _decoded(text: str, setting: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})|%00", text):
        raise unreadable(setting, "a % is not followed by two hexadecimal digits.")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise unreadable(setting, "what is percent-encoded is no UTF-8.") from None


def _words(text: str, setting: str) -> dict[str, str]:
    """Return the parameters of libpq's own form, ``host=... dbname=...``."""
    values: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _WORDS.match(text, at)
        if match is None:
            raise unreadable(setting, "it is neither a URL nor name=value words.")
        if match[1] in values and match[1] in KNOWN:
            hint = "Remove one of them; in a list, a comma stands between two addresses."
            raise refused(setting, f"it has {match[1]} twice.", hint, parameter=match[1])
        value = match[2][1:-1] if match[2].startswith("'") else match[2]
        values[match[1]] = re.sub(r"\\(.)", r"\1", value)
        at = match.end()
    if not values:
        raise unreadable(setting, "it is empty.")
    if KNOWN.keys().isdisjoint(values):  # then what stands before an = may be part of a password
        raise unreadable(setting, "it is neither a URL nor name=value words.")
    return values


def service(values: Mapping[str, str], setting: str) -> tuple[dict[str, str], Path]:
    """Return what the service file says under the name that is given, and which file it is."""
    name = values["service"]
    own = values.get("servicefile") or os.environ.get("PGSERVICEFILE")
    places = [Path(own)] if own else [_home(".pg_service.conf")]
    if directory := os.environ.get("PGSYSCONFDIR"):
        places.append(Path(directory) / "pg_service.conf")
    for at in places:
        parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",), strict=False)
        try:
            with at.open(encoding="utf-8") as file:
                parser.read_file(file)
        except (OSError, UnicodeDecodeError, configparser.Error) as error:
            if own and at == places[0]:
                raise refused(
                    setting,
                    f"the service file {at} cannot be read ({type(error).__name__}).",
                    "Name it with servicefile= or PGSERVICEFILE.",
                    parameter="service",
                ) from None
            continue
        if parser.has_section(name):
            return dict(parser.items(name)), at
    raise refused(
        setting,
        f"there is no service {name[:60]!r}.",
        f"It is a section [{name[:60]}] of {' or '.join(map(str, places))}.",
        parameter="service",
    )


def _home(name: str) -> Path:
    try:
        return Path.home() / name
    except (RuntimeError, KeyError):  # a user without a name and without HOME
        return Path("/nonexistent") / name


def options(text: str, setting: str) -> dict[str, str]:
    """Return what ``options`` sets on the server."""
    words = [re.sub(r"\\(.)", r"\1", each) for each in re.findall(r"(?:\\.|[^\s\\])+", text)]
    settings: dict[str, str] = {}
    plain: list[str] = []
    while words:
        word = words.pop(0)
        if word == "-c" and words:
            word = words.pop(0)
        elif word.startswith(("-c", "--")):
            word = word[2:]
        elif not word.startswith("-"):
            plain.append(word)  # a provider's: which of its databases is meant
            continue
        match = _SETTING.fullmatch(word)
        if match is None:
            raise refused(
                setting,
                "options has something else than settings.",
                "Write it as options=-c%20name%3Dvalue, several after %20.",
                parameter="options",
            )
        settings[match[1].replace("-", "_").lower()] = match[2]
    return settings | ({"options": " ".join(plain)} if plain else {})
