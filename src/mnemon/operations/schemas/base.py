"""Types that the schemas of operations share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from mnemon.core.text import Label50, Label100

#: resource:verb, as permissions are written.
Action = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]*:[a-z][a-z0-9_.-]*$", max_length=100)]
Name100 = Label100
MetricType = Label50
Value = Annotated[float, Field(ge=-1e100, le=1e100, allow_inf_nan=False)]

METRICS_AT_ONCE = 50_000
"""Measurements that one call of ``ingest_metrics`` may bring."""
