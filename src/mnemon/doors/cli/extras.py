"""What a command needs that is not installed with Mnemon itself."""

from __future__ import annotations

import importlib.util

from mnemon.core.errors import Unavailable


def require(extra: str, *modules: str) -> None:
    """Refuse a command whose libraries are not installed.

    Args:
        extra: which extra of the package brings them.
        modules: what has to be there.

    Raises:
        Unavailable: something is missing, with how to install it.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise Unavailable(
            f"This needs {', '.join(missing)}, which is not installed.",
            code="unavailable.extra",
            hint=f'Run: pip install "mnemon[{extra}]"',
        )
