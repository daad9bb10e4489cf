"""How the doctor says things."""

from __future__ import annotations

from collections.abc import Sequence

SEE_MORE = "Set DATABASE_OWNER_URL to a role that sees more."


def size(count: float) -> str:
    """Write bytes as a person reads them."""
    if count >= 1e9:
        return f"{count / 1e9:,.1f} GB"
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.0f} kB"


def age(seconds: float) -> str:
    """Write a length of time, roughly."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def some(names: Sequence[str], most: int = 3) -> str:
    """Name the first of them, and how many more there are."""
    told = ", ".join(names[:most])
    return told if len(names) <= most else f"{told} and {len(names) - most} more"
