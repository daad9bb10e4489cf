"""What tests of addresses share: one that is good, how one is refused, and what libpq itself knows."""

from __future__ import annotations

import ctypes

import pytest

from mnemon import Invalid
from mnemon.db.address import Address, parse_address
from mnemon.db.embedded import binaries
from mnemon.db.engine import SESSION_SETTINGS

URL = "postgresql://app:hush@db.example:5433/mnemon"


def refusal(url: str) -> Invalid:
    """Why an address is refused."""
    with pytest.raises(Invalid) as caught:
        parse_address(url).settings(SESSION_SETTINGS)
    assert caught.value.code == "invalid.database_url"
    assert caught.value.hint
    for secret in ("hush", "hu", "sh@"):
        assert secret not in str(caught.value).replace("shown", "")
    return caught.value


class _Option(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_char_p) for name in ("keyword", "envvar", "compiled", "val", "label", "dispchar")),
        ("dispsize", ctypes.c_int),
    ]


def of_libpq(version: int) -> dict[str, str]:
    """Every parameter of a libpq, with its variable, as it says itself."""
    library = ctypes.CDLL(str(binaries(version).parent / "lib" / "libpq.so.5"))
    library.PQconndefaults.restype = ctypes.POINTER(_Option)
    options = library.PQconndefaults()
    found: dict[str, str] = {}
    while options[len(found)].keyword:
        one = options[len(found)]
        found[one.keyword.decode()] = (one.envvar or b"").decode()
    return found


#: A value of each parameter that is taken.
TAKEN = {
    "host": "other.example",
    "hostaddr": "192.0.2.7",
    "port": "6543",
    "user": "else",
    "password": "hush2",
    "dbname": "base",
    "connect_timeout": "7",
    "application_name": "mill",
    "fallback_application_name": "weir",
    "options": "-c statement_timeout=5s",
    "client_encoding": "UTF8",
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "9000",
    "target_session_attrs": "read-write",
    "load_balance_hosts": "random",
    "sslmode": "require",
    "sslnegotiation": "postgres",
    "sslcompression": "0",
    "sslcertmode": "allow",
    "sslpassword": "hush3",
    "ssl_min_protocol_version": "TLSv1.3",
    "ssl_max_protocol_version": "TLSv1.3",
    "sslcrldir": "/etc/revoked",
    "sslsni": "1",
    "channel_binding": "prefer",
    "krbsrvname": "postgres",
    "gsslib": "gssapi",
    "gssencmode": "disable",
    "gssdelegation": "0",
    "min_protocol_version": "3.0",
    "max_protocol_version": "latest",
    "replication": "false",
    "authtype": "password",
    "tty": "x",
}


def arrived(address: Address, name: str) -> str:
    """What an address makes of a parameter."""
    own = {
        "host": address.hosts[0].name,
        "hostaddr": address.hosts[0].at,
        "port": str(address.hosts[0].port),
        "user": address.user,
        "password": address.password,
        "dbname": address.database,
        "application_name": address.server.get("application_name"),
        "fallback_application_name": address.server.get("application_name"),
        "options": f"-c statement_timeout={address.server.get('statement_timeout')}",
        "client_encoding": "UTF8",  # that of every connection
    }
    return (own[name] if name in own else address.parameters.get(name)) or ""
