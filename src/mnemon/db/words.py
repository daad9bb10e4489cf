"""How a statement says that a row has the words of a question, so that the full-text index serves it.

The index holds each organisation's words behind a salt of its own, so that nobody finds another's words in it
(migration 0015). A statement asks it by ``{match}(<tsquery>)``. What the index answers is a little wide: it knows
nothing of where a word stands. A statement whose question may have phrases looks at the row's own words beside it.
"""

from __future__ import annotations

from uuid import UUID

from mnemon.db.connection import Connection

#: The operator of the index where a superuser could make it, and let policies trust it.
LEAKPROOF = "@~@"


async def languages_of(connection: Connection, organization_id: UUID) -> list[str] | None:
    """Return the languages besides English that an organisation's rows are stemmed in; None if there are none."""
    question = "SELECT languages FROM recall_statistics WHERE organization_id = $1"
    return await connection.fetchval(question, organization_id) or None


def matching(operator: str) -> str:
    """Return what ``{match}`` stands for in a statement over a table with the alias ``t``.

    Args:
        operator: the database's (``Database.match_operator``). Where it is not the leakproof one, policies keep any
            statement from the index: then the row's words are looked at, which costs less.
    """
    if operator == LEAKPROOF:
        return f"search_words(t.organization_id, t.search_vector) {LEAKPROOF} search_query"
    return f"t.search_vector {operator} "
