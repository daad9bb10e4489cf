"""Models of FastEmbed (ONNX, no torch), by name or from a directory: ``pip install "mnemon[fastembed]"``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnemon.ai.threads import ThreadedEmbedder, not_installed, not_loaded

_MODEL_FILES = ("model.onnx", "onnx/model.onnx", "model_optimized.onnx", "onnx/model_optimized.onnx")


class FastEmbedEmbedder(ThreadedEmbedder):
    """A FastEmbed model, run in a thread of its own.

    Args:
        model: the name of a model that FastEmbed lists, downloaded at first use; or a directory with an ONNX model
            and its tokeniser, as sentence-transformers exports them, read without the network. A directory's
            vectors are stored under its last part, so that it may lie elsewhere on another machine.
        max_batch: texts that the model reads at once.

    Raises:
        Unavailable: the package is not installed, or the model cannot be loaded.
    """

    def __init__(self, model: str, *, max_batch: int = 64) -> None:
        try:
            from fastembed import TextEmbedding
        except ImportError as error:
            raise not_installed("fastembed", "fastembed") from error

        directory = Path(model).expanduser().resolve()
        is_local = directory.is_dir()
        name = f"fastembed/{directory.name if is_local else model}"
        try:
            if is_local:
                network = TextEmbedding(_register(directory), specific_model_path=str(directory))
            else:
                network = TextEmbedding(model)
            dimensions = len(next(iter(network.embed(["size"]))))
        except Exception as error:
            raise not_loaded(name, error) from error

        def run(texts: list[str]) -> NDArray[np.floating]:
            return np.stack(list(network.embed(texts, batch_size=max_batch)))

        super().__init__(name, dimensions, run, max_batch=max_batch)


def _register(directory: Path) -> str:
    """Tell FastEmbed of a model in a directory, under the directory's path as its name, and gives that name."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    name = str(directory)
    if any(description["model"].lower() == name.lower() for description in TextEmbedding.list_supported_models()):
        return name
    model_file = next((file for file in _MODEL_FILES if (directory / file).is_file()), None)
    if model_file is None:
        raise FileNotFoundError(f"{directory} holds none of {', '.join(_MODEL_FILES)}")
    pooling = _json(directory / "1_Pooling" / "config.json")
    TextEmbedding.add_custom_model(
        model=name,
        pooling=PoolingType.CLS if pooling.get("pooling_mode_cls_token") else PoolingType.MEAN,
        normalization=True,
        sources=ModelSource(url=directory.as_uri()),  # required, and not used: the files are here
        dim=int(_json(directory / "config.json")["hidden_size"]),
        model_file=model_file,
    )
    return name


def _json(path: Path) -> dict[str, Any]:
    """Return a JSON object from a file; empty if there is no such file."""
    if not path.is_file():
        return {}
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content
