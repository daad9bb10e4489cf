"""What autogenerate compares, and what it must leave alone."""

from __future__ import annotations

import re
from typing import Any

from pgvector.sqlalchemy import HALFVEC

#: Made by hand in the migrations because they depend on what the server allows (operator class, index kind).
_BY_HAND = re.compile(r"^ix_\w+_(search|embedding)$")
#: Tables of the migration machinery itself.
_OURS = {"alembic_version", "schema_objects", "installation_keys", "search_salts", "directory", "embedding_space"}
_PARTITION = re.compile(r"_(p\d{2}|\d{8}|default)$")


def include_object(obj: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
    """Leave out what autogenerate cannot know: partitions and indexes made by hand."""
    if type_ == "table" and name and (_PARTITION.search(name) or name in _OURS):
        return False
    if (
        type_ == "foreign_key_constraint"
        and reflected
        and _PARTITION.search(obj.elements[0].target_fullname.split(".")[0])
    ):
        return False  # PostgreSQL's own clone of a reference to a partitioned table, one a partition
    return not (type_ == "index" and name and _BY_HAND.match(name))


def compare_type(ctx: Any, inspected: Any, column: Any, inspected_type: Any, metadata_type: Any) -> bool | None:
    """Return the width of an embedding follows the embedder, not the models."""
    if isinstance(inspected_type, HALFVEC) and isinstance(metadata_type, HALFVEC):
        return False
    return None
