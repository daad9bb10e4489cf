"""TLS towards the server, as an address asks for it; libpq's rules, with the places where it looks for files."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from mnemon.db.address import Address
from mnemon.db.certificates import own_file

#: How one attempt is encrypted: not at all, by a context of ours, or as the driver does it.
Encryption = ssl.SSLContext | str | bool

#: What ``prefer`` and ``allow`` try, in their order.
_TRIES: dict[str, tuple[bool, ...]] = {"disable": (False,), "allow": (False, True), "prefer": (True, False)}


def tries(address: Address) -> tuple[Encryption, ...]:
    """Return the ways to connect that are tried one after the other.

    Raises:
        Invalid: a certificate or key cannot be used.
    """
    order = _TRIES.get(address.sslmode, (True,))
    if len(order) > 1 and _is_plain(address):
        return (address.sslmode,)  # the driver asks and goes on over the same connection
    context = _context(address) if True in order else None
    return tuple(context if encrypted and context is not None else False for encrypted in order)


def _is_plain(address: Address) -> bool:
    """Tell whether the driver finds by itself what it needs: it does not get past a home that it may not enter."""
    if any(name.startswith("ssl") and name != "sslmode" for name in address.parameters):
        return False
    try:
        (Path.home() / ".postgresql" / "postgresql.crt").stat()
    except FileNotFoundError:
        return True
    except (OSError, RuntimeError, KeyError):
        return False
    return True


def _context(address: Address) -> ssl.SSLContext:
    values, mode = address.parameters, address.sslmode
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # before what it checks with is changed
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = _version(values.get("ssl_min_protocol_version", "TLSv1.2"))
    if "ssl_max_protocol_version" in values:
        context.maximum_version = _version(values["ssl_max_protocol_version"])
    if mode in {"require", "verify-ca", "verify-full"}:
        _trust(context, address)
        context.check_hostname = mode == "verify-full"
    _present(context, address)
    if ssl.HAS_ALPN:
        context.set_alpn_protocols(["postgresql"])
    return context


def _version(name: str) -> ssl.TLSVersion:
    return ssl.TLSVersion[name.replace(".", "_")]


def _trust(context: ssl.SSLContext, address: Address) -> None:
    """Say whose word counts for the server's certificate."""
    values = address.parameters
    root, own = values.get("sslrootcert"), own_file("root.crt")
    by_system = root is None and own is None and address.sslmode == "verify-full"
    if root == "system" or by_system:
        context.load_default_certs()
    elif root is not None or own is not None:
        _load(address, "sslrootcert", root or str(own), lambda place: context.load_verify_locations(cafile=place))
    elif address.sslmode == "require":
        return  # encrypted, and nobody vouches for the server: what libpq does too
    else:
        raise address.refused(
            "sslmode=verify-ca checks who signed the server's certificate, and nothing says who may.",
            "Add sslrootcert= and the file that your provider names, or use sslmode=verify-full.",
            parameter="sslrootcert",
        )
    context.verify_mode = ssl.CERT_REQUIRED
    revoked = values.get("sslcrl") or (None if "sslcrldir" in values else own_file("root.crl"))
    if revoked is not None:
        _load(address, "sslcrl", str(revoked), lambda place: context.load_verify_locations(cafile=place))
    if "sslcrldir" in values:
        _load(address, "sslcrldir", values["sslcrldir"], lambda place: context.load_verify_locations(capath=place))
    if revoked is not None or "sslcrldir" in values:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN


def _present(context: ssl.SSLContext, address: Address) -> None:
    """Give the server our own certificate, where there is one."""
    values = address.parameters
    if values.get("sslcertmode") == "disable":
        return
    certificate = values.get("sslcert") or own_file("postgresql.crt")
    if certificate is None:
        return
    key = values.get("sslkey") or own_file("postgresql.key")
    password = values.get("sslpassword", "")
    _load(
        address,
        "sslcert and sslkey" if key else "sslcert",
        str(certificate),
        lambda place: context.load_cert_chain(place, keyfile=key, password=lambda: password),
    )


def _load(address: Address, parameter: str, place: str, load: Callable[[str], None]) -> None:
    try:
        load(place)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise address.refused(
            f"the file of {parameter}, {place}, cannot be used ({reason}).",
            "It is a PEM file; a key that has a password needs sslpassword.",
            parameter=parameter.split()[0],
        ) from None
