"""Types that take nothing for something else: True and texts for numbers, an operator for a value."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from mnemon.core.text import JsonObject


def _number_only(kind: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        if isinstance(value, bool | str | bytes | bytearray):
            rule = f"{kind}_parsing" if isinstance(value, str) else f"{kind}_type"
            raise PydanticCustomError(rule, "a number is needed, not {given}", {"given": type(value).__name__})
        return value

    return BeforeValidator(check)


def _no_operators(value: Any) -> Any:
    """Refuse keys that look like another database's operators: they would match nothing, without a word."""
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            for key in part:
                if isinstance(key, str) and key.startswith("$"):
                    raise PydanticCustomError(
                        "operator",
                        "{key} looks like an operator, and there are none: give what a row has to contain, "
                        "as it was stored",
                        {"key": key[:40]},
                    )
            stack += part.values()
        elif isinstance(part, list | tuple):
            stack += part
    return value


Whole = Annotated[int, _number_only("int")]
Real = Annotated[float, _number_only("float")]
#: What the JSON of a row has to contain.
Contained = Annotated[JsonObject, AfterValidator(_no_operators)]
