"""What a server means that refuses a login, or ends a connection: who, what it was, and what to do."""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus

import asyncpg

from mnemon.core.errors import Forbidden, Invalid, MnemonError, Unavailable
from mnemon.db.address import Address

_ANYWHERE = "the database's address (DATABASE_URL)"
#: A name as servers quote it, in the languages that they speak: "app", »app«, „app“, « app ».
_QUOTED = re.compile(r"""["»„«“]\s?([^"»„«“”]{1,63}?)\s?["«“»”]""")
_LONGEST = 300


def refused(error: asyncpg.PostgresError | asyncpg.InterfaceError, address: Address) -> MnemonError:
    """Return what a server means that does not let us in."""
    if isinstance(error, asyncpg.InterfaceError):
        return Unavailable(
            f"The server asks for a way to log in that the driver does not have: {said(error, address)}.",
            code="unavailable.credentials",
            hint="Let its pg_hba.conf ask for scram-sha-256 or for a certificate.",
            reason="login_method",
            setting=address.setting,
        )
    refusal = login(error, address) or _limit(error, address) or _setting(error, address)
    if refusal is not None:
        return refusal
    return Unavailable(
        f"The server at {address.label} refuses the connection: {said(error, address)}.",
        code="unavailable.refused",
        hint=f"Check {address.setting}; the server's log, or that of a pooler in front of it, says more.",
        sqlstate=error.sqlstate,
        setting=address.setting,
    )


def login(error: asyncpg.PostgresError, address: Address | None = None) -> MnemonError | None:
    """Return what the refusal of a role or a database means; None where it is none of these."""
    setting = address.setting if address else _ANYWHERE
    role = _role(error, address)
    whose_role = f"the role {role}" if role else "the role"
    if isinstance(error, asyncpg.InvalidPasswordError):
        return Unavailable(
            f"The server refused the password of {whose_role}.",
            code="unavailable.credentials",
            hint=f"Check the role and the password in {setting}; a password that has run out (VALID UNTIL) counts as "
            "a wrong one.",
            reason="password",
            setting=setting,
        )
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
        message, hint, reason = _authorization(error, whose_role, role or "my_app", setting, address)
        return Unavailable(message, code="unavailable.credentials", hint=hint, reason=reason, setting=setting)
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        refusal = _QUOTED.search(str(error))
        database = (address.database if address else None) or (refusal[1] if refusal else None)
        return Unavailable(
            f"The database {database or 'that is named'} does not exist.",
            code="unavailable.no_database",
            hint=f"Create it (CREATE DATABASE ...) or name another in {setting}; then run `mnemon db upgrade`.",
            setting=setting,
        )
    if isinstance(error, asyncpg.InsufficientPrivilegeError) and "permission denied for database" in str(error):
        return Forbidden(
            f"{whose_role[0].upper()}{whose_role[1:]} may not connect to the database, or not make anything in it.",
            code="forbidden.database",
            hint=f"The database's owner runs: GRANT CONNECT ON DATABASE ... TO {role or 'my_app'}; for "
            "`mnemon db upgrade` also GRANT CREATE.",
            setting=setting,
        )
    return None


def _authorization(
    error: asyncpg.PostgresError, whose_role: str, role: str, setting: str, address: Address | None
) -> tuple[str, str, str]:
    """Return message, hint and reason of a login that the server does not allow, whatever the password."""
    sentence = said(error, address)
    if "not permitted to log in" in sentence:
        hint = f"An administrator runs ALTER ROLE {role} LOGIN; or name a login of the role in {setting}."
        return f"{whose_role[0].upper()}{whose_role[1:]} may not log in.", hint, "no_login"
    if "does not exist" in sentence:
        hint = f"Check the role in {setting}; an administrator makes one with CREATE ROLE {role} LOGIN PASSWORD '...'."
        return f"There is no role {role} at the server.", hint, "no_role"
    if "certificate" in sentence:
        hint = f"Name the role's certificate with sslcert= and sslkey= in {setting}."
        return f"The server wants a certificate of {whose_role}: {sentence}.", hint, "certificate"
    if "pg_hba.conf" in sentence:
        hint = "An administrator adds a line for the role, the database and this host to pg_hba.conf and reloads."
        if "no encryption" in sentence or "SSL off" in sentence:
            hint += f" If the server wants TLS, use sslmode=require in {setting}."
        return f"The server lets nobody in this way: {sentence}.", hint, "pg_hba"
    if re.search(r"peer|ident", sentence, re.IGNORECASE):
        hint = f"The role has to be that of the system's user; or connect over TCP, with a password, in {setting}."
        return f"The server did not take this system's user for {whose_role}: {sentence}.", hint, "peer"
    return f"The server refused {whose_role}: {sentence}.", f"Check the role in {setting}.", "login"


def _limit(error: asyncpg.PostgresError, address: Address) -> MnemonError | None:
    if not isinstance(error, asyncpg.TooManyConnectionsError):
        return None
    sentence = str(error)
    whose, hint = "The server", "Lower the pool sizes (DATABASE_POOL_SIZE), or put a pooler in front."
    if "for role" in sentence:
        whose = f"The role {_role(error, address) or ''}".strip()
        hint = f"An administrator runs ALTER ROLE ... CONNECTION LIMIT, or: {hint}"
    elif "for database" in sentence:
        whose = f"The database {address.database or ''}".strip()
        hint = f"An administrator runs ALTER DATABASE ... CONNECTION LIMIT, or: {hint}"
    return Unavailable(
        f"{whose} has no free connection: {said(error, address)}.",
        code="unavailable.connections",
        hint=hint,
        setting=address.setting,
    )


def _setting(error: asyncpg.PostgresError, address: Address) -> MnemonError | None:
    """Return what it means that the server does not take what we set on a connection."""
    sentence = said(error, address)
    if "startup parameter" in sentence:
        return Unavailable(
            f"What answers at {address.label} does not take a connection's settings: {sentence}.",
            code="unavailable.pooler_settings",
            hint="It is a pooler: set DATABASE_POOLER=transaction, and see `mnemon ops pgbouncer`.",
            setting=address.setting,
        )
    classes = (asyncpg.UndefinedObjectError, asyncpg.InvalidParameterValueError, asyncpg.PostgresSyntaxError)
    denied = isinstance(error, asyncpg.InsufficientPrivilegeError) and "parameter" in sentence
    if isinstance(error, classes) or denied:
        return Invalid(
            f"The server does not take a setting of {address.setting}: {sentence}.",
            code="invalid.database_url",
            hint="Correct options in it.",
            field=address.setting.removeprefix("MNEMON_").lower(),
            parameter="options",
        )
    return None


def _role(error: BaseException, address: Address | None) -> str | None:
    """Return whom the server refused: as the address says, else the name that it quotes, whatever its language."""
    if address is not None and address.user:
        return address.user
    refusal = re.search(r'(?:role|user) "([^"]{1,63})"', str(error))
    quoted = _QUOTED.findall(str(error))
    return refusal[1] if refusal else quoted[0] if len(quoted) == 1 else None


def said(error: BaseException, address: Address | None) -> str:
    """Return the server's own sentence, cut short, which has no password of ours in it."""
    # What is cut first may end with half a password, which nothing would find any more.
    sentence = without_secrets(str(error), address)
    return " ".join(sentence.split())[:_LONGEST].rstrip(".")


def without_secrets(text: str, address: Address | None) -> str:
    """Return what somebody else says, without the address's passwords in any form that it may have repeated."""
    parameters = {} if address is None else address.parameters
    for secret in (address.password if address else None, parameters.get("sslpassword")):
        if not secret:
            continue
        forms = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), " ".join(secret.split())}
        for form in sorted(forms, key=len, reverse=True):
            if len(form) > 3:
                text = text.replace(form, "...")
            elif form:  # anywhere else so few letters are no password, and their absence would tell them
                text = text.replace(f":{form}@", ":...@").replace(f"password={form}", "password=...")
    return text
