"""The driver's connection, as far as statements of ours need it."""

from __future__ import annotations

from typing import Any, Protocol


class Connection(Protocol):
    """asyncpg's connection inside a transaction that :class:`mnemon.db.session.Database` began."""

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """Return every row."""
        ...

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """Return the first row, or None."""
        ...

    async def fetchval(self, query: str, *args: Any) -> Any:
        """Return the first column of the first row, or None."""
        ...

    async def execute(self, query: str, *args: Any) -> str:
        """Return the command's tag, such as ``UPDATE 3``."""
        ...
