"""Start and stop the servers of replicas that are written down."""

from __future__ import annotations

from pathlib import Path

from mnemon.db import embedded
from mnemon.installation.replicas import registry
from mnemon.installation.replicas.model import Record


def run_replica(record: Record, version: int) -> None:
    """Start a replica's server, if it does not run, and let it stay."""
    with embedded.acquire(record.directory, version=version):
        embedded.keep(record.directory)


def start_all(data_dir: Path, version: int) -> None:
    """Start every replica that is to run; for ``mnemon up``."""
    for record in registry.load(data_dir).replicas:
        if record.complete and record.running:
            run_replica(record, version)


def stop_all(data_dir: Path) -> None:
    """Stop every replica with its primary, which has been stopped; :func:`start_all` starts them again."""
    for record in registry.load(data_dir).replicas:
        embedded.stop(record.directory)
