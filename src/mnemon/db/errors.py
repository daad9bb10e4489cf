"""What PostgreSQL says, as an error of one kind with a stable code and the field's name.

SQLSTATE is read first; a constraint's name tells the field. Names may carry a shard's suffix (``_102008``), which is
stripped. Messages never repeat a row's values or a connection URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError

from mnemon.core.errors import Conflict, Forbidden, Invalid, MnemonError, NotFound, Unavailable
from mnemon.db.refused import login
from mnemon.db.unreachable import NotReached, disk_full, lost, not_reached
from mnemon.db.versions import missing_vector

_SHARD = re.compile(r"_\d{6,}$")
#: What the name of a check says after its field's.
_RULE = re.compile(r"_(?:format|length|not_blank|depth)$")
_PARTITION = re.compile(r"_p\d{2}(?=_|$)|_default$")

#: What set_tenant() and its like say to who has no proof.
UNPROVEN = "MN001"
#: What the driver raises when the server went away or cannot be reached; a statement that was stopped is none of these.
LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # its end was announced, and has not come yet
    OSError,
    TimeoutError,
)

#: A check constraint's short name (after ``ck_<table>_``) to a code and a sentence, where the name alone says little.
_CHECKS = {
    "content_length": ("invalid.content_too_long", "The content may have at most 50,000 characters."),
    "content_not_blank": ("invalid.content_empty", "The content is empty."),
    "importance": ("invalid.importance", "importance must be from 1 to 10."),
    "confidence": ("invalid.confidence", "confidence must be from 0 to 1."),
    "email_format": ("invalid.email", "That is not an e-mail address."),
    "slug_format": (
        "invalid.slug",
        "A slug has lower-case letters, digits and hyphens, two or more, no hyphen at either end.",
    ),
    "name_not_blank": ("invalid.name_not_blank", "The name is empty."),
    "parent_role_id": ("invalid.role_cycle", "A role cannot inherit from itself, directly or through others."),
    "superseded_by": ("invalid.supersession_cycle", "A memory cannot supersede itself, directly or through others."),
    "not_superseded_by_itself": (
        "invalid.supersession_cycle",
        "A memory cannot supersede itself, directly or through others.",
    ),
}

#: The field of a check that is named after its rule, because several columns have a part in it.
_FIELDS = {
    "holder": "conversation_id",
    "identified": "external_id",
    "not_superseded_by_itself": "superseded_by",
    "not_used_by_itself": "used_message_id",
    "one_owner": "user_id",
    "one_used": "memory_id",
    "part_of_whole": "whole_id",
    "private_has_agent": "agent_id",
    "profile_has_user": "user_id",
    "superseded": "superseded_at",
    "validity": "valid_until",
}

_ENUM = re.compile(r"for enum (\w+?)(?:_enum)?:")


def _cause(error: BaseException) -> BaseException:
    """Return the driver's own exception behind what SQLAlchemy wraps."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        inner: BaseException = error.orig
        return inner.__cause__ or inner
    if isinstance(error, AsyncAdapt_asyncpg_dbapi.Error):  # the same without the wrapping: out of the pool itself
        return error.__cause__ or error
    return error


def _constraint(error: Any) -> tuple[str, str]:
    """Return (table, constraint name) without a shard's or a partition's suffix."""
    table = _PARTITION.sub("", _SHARD.sub("", getattr(error, "table_name", None) or "")).removesuffix("_default")
    name = _PARTITION.sub("", _SHARD.sub("", getattr(error, "constraint_name", None) or ""))
    return table, name


def _field(table: str, name: str) -> str | None:
    for prefix in ("ck", "uq", "fk", "ix"):
        head = f"{prefix}_{table}_"
        if name.startswith(head):
            field = name[len(head) :].removeprefix("organization_id_")
            if prefix == "ck" and field in _FIELDS:
                return _FIELDS[field]
            return _RULE.sub("", field) if prefix == "ck" else field or None
    return None


def _rule(table: str, name: str) -> str:
    """Return a check's short name: what it says of its field."""
    return name.removeprefix(f"ck_{table}_")


def _integrity(error: asyncpg.PostgresError) -> MnemonError:
    table, name = _constraint(error)
    field = _field(table, name)
    data = {"table": table, "constraint": name, "field": field}
    if isinstance(error, asyncpg.UniqueViolationError):
        return Conflict(
            f"There is one already: {table}.{field or name}.",
            code="conflict.exists",
            hint="Use the existing one, or choose another value.",
            **data,
        )
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        if "still referenced" in str(error) or "is still" in str(error):
            return Conflict(f"{table} is still referred to.", code="conflict.referenced", **data)
        return NotFound(
            f"{field or 'The reference'} names something that does not exist in this organisation.",
            code="not_found.reference",
            **data,
        )
    if isinstance(error, asyncpg.NotNullViolationError):
        column = getattr(error, "column_name", None)
        return Invalid(f"{column} is required.", code="invalid.required", table=table, field=column)
    if isinstance(error, asyncpg.CheckViolationError):
        rule = _rule(table, name)
        if rule.endswith("_depth"):
            return Invalid(f"{field}: the JSON is nested too deeply.", code="invalid.json_too_deep", **data)
        code, sentence = _CHECKS.get(rule, (f"invalid.{rule or 'check'}", ""))
        return Invalid(sentence or f"{table}.{field} is out of its bounds.", code=code, **data)
    return Conflict("The change breaks a rule of the database.", code="conflict.integrity", **data)


def _data(error: asyncpg.PostgresError) -> MnemonError:
    text = str(error)
    if isinstance(error, asyncpg.CharacterNotInRepertoireError | asyncpg.UntranslatableCharacterError):
        return Invalid(
            "The text has a character that PostgreSQL cannot store (NUL or a lone surrogate).",
            code="invalid.characters",
            hint="Remove it and try again.",
        )
    if "dimensions" in text:
        numbers = re.findall(r"\d+", text)
        return Invalid(
            f"The vector has another number of dimensions than the database ({' and '.join(numbers)}).",
            code="invalid.dimensions",
            hint="Use the embedder that the database was made with, or change the model of the whole database.",
            field="embedding",
        )
    if "not allowed in halfvec" in text or "not allowed in vector" in text:
        return Invalid("A vector has a value that is no finite number.", code="invalid.vector", field="embedding")
    if match := _ENUM.search(text):
        return Invalid(f"{match[1]} has no such value.", code="invalid.enum", field=match[1])
    return Invalid("A value is not one the database accepts.", code="invalid.value", detail=text[:200])


def _refused(error: asyncpg.PostgresError) -> MnemonError:
    if "permission denied for function" in str(error):
        return Forbidden(
            "The database's role may not call what this needs.",
            code="forbidden.database",
            hint="What goes across organisations is the workers' own: `mnemon worker`, with DATABASE_WORKER_URL.",
        )
    return Forbidden("Row-level security or the role's privileges refuse this.", code="forbidden.database")


def _server(error: asyncpg.PostgresError) -> MnemonError | None:
    if error.sqlstate == UNPROVEN:
        return Unavailable(
            "The database does not know this process's installation key.",
            code="unavailable.installation_key",
            hint="Set MNEMON_INSTALLATION_KEY to the key that `mnemon db upgrade` was run with, or showed; or run it "
            "again with the new key.",
        )
    refusal = login(error)
    if refusal is not None:
        return refusal
    if isinstance(error, asyncpg.UndefinedObjectError) and '"vector"' in str(error):
        return missing_vector()
    if isinstance(error, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError | asyncpg.UndefinedFunctionError):
        return Unavailable(
            "The database has not the schema that this version of Mnemon needs.",
            code="unavailable.schema",
            hint="Run `mnemon db upgrade`.",
        )
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return _refused(error)
    return _exhausted(error)


def _exhausted(error: asyncpg.PostgresError) -> MnemonError | None:
    """Explain a server that has come to a limit: of time, disk, memory, connections, locks, or to write at all."""
    if isinstance(error, asyncpg.QueryCanceledError):
        return Unavailable(
            "The statement ran longer than it may and was stopped.",
            code="unavailable.timeout",
            hint="Narrow the request, or raise MNEMON_DATABASE_STATEMENT_TIMEOUT.",
        )
    if isinstance(error, asyncpg.DiskFullError):
        return disk_full()
    if isinstance(error, asyncpg.TooManyConnectionsError):
        return _no_connection()
    if isinstance(error, asyncpg.IdleInTransactionSessionTimeoutError):
        return Unavailable(
            "The transaction waited for this process longer than it may, and the server ended it.",
            code="unavailable.timeout",
            hint="Nothing of it was kept: try again, or raise MNEMON_DATABASE_IDLE_TIMEOUT.",
        )
    if isinstance(error, asyncpg.LockNotAvailableError):
        return Unavailable(
            "A lock was not to be had in time: somebody else is using what this would change.",
            code="unavailable.lock",
            hint="Try again when the database is less busy, or stop what holds the lock.",
        )
    if isinstance(error, asyncpg.ProgramLimitExceededError):
        return Invalid("A value is nested too deeply or too large for the database.", code="invalid.too_complex")
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return Unavailable(
            "The database takes no writes here.",
            code="unavailable.read_only",
            hint="Connect to the primary server.",
        )
    if isinstance(error, asyncpg.InsufficientResourcesError):
        return Unavailable(
            "The database server has no memory left.",
            code="unavailable.resources",
            hint="Try again; if it stays so, give the server more memory, or lower its max_connections and work_mem.",
        )
    return None


def _no_connection() -> Unavailable:
    return Unavailable(
        "The database has no free connection.",
        code="unavailable.connections",
        hint="Lower the pool sizes or put a pooler in front.",
    )


def translate(error: BaseException) -> MnemonError | None:
    """Return the error of ours for what the driver or SQLAlchemy raised, or None when it is not theirs."""
    if isinstance(error, MnemonError):
        return error
    if isinstance(error, StaleDataError):
        return Conflict("Another change came first.", code="conflict.version", hint="Read it again and retry.")
    cause = _cause(error)
    if isinstance(cause, asyncpg.IntegrityConstraintViolationError):
        return _integrity(cause)
    if isinstance(cause, asyncpg.DataError | asyncpg.CharacterNotInRepertoireError):
        return (
            _data(cause)
            if isinstance(cause, asyncpg.PostgresError)
            else Invalid("A value does not fit its column.", code="invalid.value", detail=str(cause)[:200])
        )
    if isinstance(cause, asyncpg.SerializationError | asyncpg.DeadlockDetectedError):
        return Conflict("Two changes met; one has to try again.", code="conflict.retry", hint="Retry.")
    if isinstance(cause, asyncpg.PostgresError):
        translated_error = _server(cause)
        if translated_error is not None:
            return translated_error
    if isinstance(cause, PoolTimeoutError):
        return _no_connection()
    if isinstance(cause, NotReached):
        return not_reached(cause)
    if isinstance(cause, LOST):
        return lost(cause)
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Raise errors of ours in place of the driver's; what is not the driver's passes as it is."""
    try:
        yield
    except Exception as error:
        ours = translate(error)
        if ours is None or ours is error:
            raise
        raise ours from error
