"""Addresses of PostgreSQL as settings hold them: what is one at all, and several of them in a list.

What an address means is :mod:`mnemon.db.address`'s.
"""

from __future__ import annotations

import re

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,19}")
_URL = re.compile(r"\s*[A-Za-z][A-Za-z0-9+]*://")
#: How libpq's own form begins, host=... dbname=...; any parameter may be the first.
_WORD = re.compile(r"\s*[A-Za-z_]\w*\s*=")
#: Of libpq's words up to a comma that is no value's: one in quotes or behind a backslash is.
_UNQUOTED = re.compile(r"(?:'(?:[^'\\]|\\.)*'|\\.|[^,'\\])*", re.DOTALL)


def postgres_url(raw: str) -> str:
    """Return an address of PostgreSQL: a URL with the driver's scheme, or libpq's words as they are.

    Raises:
        ValueError: it is neither; of what was given only a scheme is repeated, since the rest may hold a password.
    """
    scheme, behind, behind_scheme = raw.strip().partition("://")
    if behind and scheme.lower() in {"postgres", "postgresql", "postgresql+asyncpg"}:
        return "postgresql+asyncpg://" + behind_scheme
    if _WORD.match(raw):
        return raw.strip()
    scheme_named = f", not {scheme!r}" if behind and _SCHEME.fullmatch(scheme) else ""
    raise ValueError(f"a PostgreSQL URL is needed (postgresql://role:password@host/database){scheme_named}")


def split_urls(text: str) -> list[str]:
    """Return the addresses of a list, URLs or libpq's words; a comma within one, as between hosts, is part of it.

    A comma ends an address where another one begins behind it: with a scheme, or with ``name=``.
    """
    addresses: list[str] = []
    at = 0
    while at <= len(text):
        begins = not addresses or _begins(text, at, addresses[-1])
        if begins:
            addresses.append("")
        in_words = _URL.match(addresses[-1] or text[at:]) is None
        unquoted = _UNQUOTED.match(text, at) if in_words else None
        end = unquoted.end() if unquoted else at
        comma = text.find(",", end)
        end = len(text) if comma < 0 else comma
        addresses[-1] += text[at:end] if begins else "," + text[at:end]
        at = end + 1
    return [address.strip() for address in addresses if address.strip()]


def _begins(text: str, at: int, before: str) -> bool:
    """Tell whether an address begins behind the comma after another one, or nothing more comes."""
    if _URL.match(text, at) or not text[at:].strip(" \t\r\n,"):
        return True
    # In a URL's login, name= may be part of a password; behind its @ or its host it is not.
    _, is_url, rest = before.partition("://") if _URL.match(before) else ("", "", "")
    return _WORD.match(text, at) is not None and (not is_url or re.search(r"[/?@]", rest) is not None)
