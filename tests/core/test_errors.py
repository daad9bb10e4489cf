"""Errors: one kind each, codes, hints, data that can be sent."""

from __future__ import annotations

import json
import pickle

import pytest

from mnemon.core import errors
from mnemon.core.clock import FixedClock, SystemClock
from mnemon.core.errors import Conflict, Forbidden, MnemonError
from mnemon.core.ids import digest, new_id
from mnemon.core.principal import Principal

KINDS = [
    errors.NotFound,
    errors.Conflict,
    errors.Invalid,
    errors.Forbidden,
    errors.Unauthenticated,
    errors.Unavailable,
]


def test_each_kind_has_its_own_word() -> None:
    assert len({kind.kind for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        error = kind("Something happened.")
        assert error.code == kind.kind
        assert issubclass(kind, MnemonError)


def test_what_an_error_says() -> None:
    error = Conflict("Another change came first.", code="conflict.version", hint="Retry.", current_version=2)
    assert str(error) == "Another change came first. Retry."
    assert error.as_dict() == {
        "kind": "conflict",
        "code": "conflict.version",
        "message": "Another change came first.",
        "hint": "Retry.",
        "data": {"current_version": 2},
    }
    json.dumps(error.as_dict())


def test_an_error_crosses_processes() -> None:
    """As from a worker of a process pool."""
    error = Conflict("Another change came first.", code="conflict.version", hint="Retry.", current_version=2)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is Conflict
    assert again.as_dict() == error.as_dict()


def test_permissions() -> None:
    someone = Principal(new_id(), permissions=frozenset({"memories:read"}))
    someone.require("memories:read")
    with pytest.raises(Forbidden) as caught:
        someone.require("memories:write")
    assert caught.value.data == {"permission": "memories:write"}
    Principal(new_id()).require("anything:at-all")
    assert Principal(new_id()).is_organization
    assert not Principal(new_id(), user_id=new_id()).is_organization


def test_ids_and_digests() -> None:
    assert new_id() != new_id()
    assert new_id().version == 4
    assert digest("a", "b") == digest("a", "b")
    assert len({digest("a", "b"), digest("ab"), digest("", "ab"), digest("ab", ""), digest("b", "a")}) == 5
    assert len(digest("\ud800")) == 32


def test_clocks() -> None:
    now = SystemClock().now()
    assert now.tzinfo is not None
    assert FixedClock(now).now() is now
    with pytest.raises(ValueError, match="time zone"):
        FixedClock(now.replace(tzinfo=None))
