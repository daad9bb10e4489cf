"""The calls of ``processes`` as Celery's tasks. A directory is the broker: what is in it is there before it is read."""

from __future__ import annotations

import json
import os
from pathlib import Path

from celery import Celery

from bench.processes_app import call

PLACE = Path(os.environ["CELERY_PLACE"])

app = Celery("processes", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": str(PLACE / "queue"),
    "data_folder_out": str(PLACE / "queue"),
    "control_folder": str(PLACE / "control"),
    "polling_interval": 0.01,
}
app.conf.worker_prefetch_multiplier = 1


@app.task(name="call", ignore_result=True)  # type: ignore[untyped-decorator]
def remembered(number: str) -> None:
    """One call, in a process of Celery's pool; its answer becomes a file."""
    draft = PLACE / f"{number}.draft"
    draft.write_text(json.dumps(call(number)), encoding="utf-8")
    draft.rename(PLACE / "results" / number)
