"""Slugs: valid for any name, and different for different names."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mnemon.core.errors import Invalid
from mnemon.core.slugs import check_slug, slugify

names = st.text(st.characters(), max_size=120) | st.from_regex(r"[a-z0-9-]{0,12}", fullmatch=True)


@given(names)
def test_any_name_has_a_valid_slug(name: str) -> None:
    slug = slugify(name)
    assert check_slug(slug) == slug
    assert slugify(name) == slug
    assert len(slug) <= 100


@given(names, names)
@example("Foo", "foo")
@example("Foo", slugify("Foo"))  # the slug of one is the name of the other
@example("东京", slugify("东京"))
@example("a b", "a-b")
@example("é", "e")
@example("x" * 90, "x" * 91)
def test_different_names_have_different_slugs(one: str, two: str) -> None:
    assert (slugify(one) == slugify(two)) == (one == two)


def test_a_plain_name_is_its_own_slug() -> None:
    for name in ("guide", "night-guide", "x1", "0-0"):
        assert slugify(name) == name


@pytest.mark.parametrize("value", ["", "a", "-a", "a-", "A", "a b", "a_b", "é", "a\n", "x" * 101])
def test_what_is_no_slug(value: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_slug(value, "organization")
    assert (caught.value.code, caught.value.data["field"]) == ("invalid.slug", "organization")
