"""What tests of processes and loops share."""

from __future__ import annotations

from tests.ai.conftest import endpoint

__all__ = ["endpoint"]
