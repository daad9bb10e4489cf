"""What is no file is refused, by the schema and by the database."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from mnemon.context import Context
from mnemon.core.errors import Invalid
from mnemon.core.text import parse
from mnemon.workspace.schemas_assets import NewAsset, PutAsset
from tests.workspace.helpers import people, refused_field, refused_row


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x", "media_type": "png"}, "media_type"),
        ({"name": "x", "data": "%%%"}, "data"),
    ],
)
def test_the_schema_names_the_field(values: dict[str, Any], field: str) -> None:
    assert refused_field(PutAsset, **{"data": "aGk=", **values})[1] == field


def test_one_holder_at_most() -> None:
    with pytest.raises(Invalid):
        parse(NewAsset, {"name": "x", "document_id": uuid4(), "memory_id": uuid4()})


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"size_bytes": "-1"}, "invalid.size_bytes"),
        ({"sha256": "'\\x00'"}, "invalid.sha256"),
        ({"media_type": "'png'"}, "invalid.media_type"),
        ({"name": "' '"}, "invalid.name"),
        ({"document_id": "gen_random_uuid()", "memory_id": "gen_random_uuid()"}, "invalid.holder"),
    ],
)
async def test_the_database_refuses_it_too(ctx: Context, values: dict[str, str], code: str) -> None:
    (ada,) = await people(ctx, "ada")
    base = {
        "user_id": f"'{ada}'",
        "name": "'x'",
        "media_type": "'a/b'",
        "size_bytes": "1",
        "sha256": "sha256('')",
        "object_id": "gen_random_uuid()",
    }
    error = await refused_row(ctx, "assets", **{**base, **values})
    assert error.code == code
