"""Fixtures that the tests of operations have too."""

from tests.operations.conftest import elsewhere, limited, make_agent, own, upkeep

__all__ = ["elsewhere", "limited", "make_agent", "own", "upkeep"]
