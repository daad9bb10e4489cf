"""Any model of sentence-transformers, by name or from a directory: ``pip install "mnemon[sentence-transformers]"``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnemon.ai.threads import ThreadedEmbedder, not_installed, not_loaded


class SentenceTransformersEmbedder(ThreadedEmbedder):
    """A sentence-transformers model, run in a thread of its own.

    Args:
        model: a model's name, downloaded at first use; or the directory of one, read without the network. A
            directory's vectors are stored under its last part, so that it may lie elsewhere on another machine.
        device: ``cpu``, ``cuda``, ``mps``; None chooses.
        max_batch: texts that the model reads at once.

    Raises:
        Unavailable: the package is not installed, or the model cannot be loaded.
    """

    def __init__(self, model: str, *, device: str | None = None, max_batch: int = 64) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise not_installed("sentence-transformers", "sentence-transformers") from error

        directory = Path(model).expanduser()
        is_local = directory.is_dir()
        name = f"sentence-transformers/{directory.resolve().name if is_local else model}"
        try:
            transformer = SentenceTransformer(
                str(directory) if is_local else model, device=device, local_files_only=is_local
            )
            dimensions = len(transformer.encode(["size"], show_progress_bar=False)[0])
        except Exception as error:
            raise not_loaded(name, error) from error

        def run(texts: list[str]) -> NDArray[np.floating]:
            return np.asarray(
                transformer.encode(texts, batch_size=max_batch, normalize_embeddings=True, show_progress_bar=False)
            )

        super().__init__(name, dimensions, run, max_batch=max_batch)
