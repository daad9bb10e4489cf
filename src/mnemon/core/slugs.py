"""Slugs: the form of a name that goes into settings and addresses."""

from __future__ import annotations

import re
import unicodedata

from mnemon.core.errors import Invalid
from mnemon.core.ids import digest

SLUG = re.compile(r"[a-z0-9][a-z0-9-]*[a-z0-9]")
_SUFFIXED = re.compile(r"(?:.*-)?[0-9a-f]{8}", re.DOTALL)


def slugify(name: str, *, limit: int = 80) -> str:
    """Return a valid slug for any name; different names give different slugs where letters do not tell them apart."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:limit].strip("-")
    if len(base) >= 2 and base == name and not _SUFFIXED.fullmatch(name):  # a name may be another one's slug
        return base
    suffix = digest(name)[:8]
    return f"{base}-{suffix}" if base else suffix


def check_slug(value: str, field: str = "slug") -> str:
    """Return the slug itself, or Invalid with the rule."""
    if len(value) > 100 or not SLUG.fullmatch(value):
        raise Invalid(
            f"{field}: {value[:40]!r} is not a slug.",
            code="invalid.slug",
            hint="A slug has lower-case letters, digits and hyphens, two to a hundred, and no hyphen at either end.",
            field=field,
        )
    return value
