"""One peer in its own environment: NAME DSN ROWS QUERIES RESULT, run by ``python -m bench peers``.

It needs the peer's packages and Mnemon's built-in embedder (on PYTHONPATH), nothing else of Mnemon.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mnemon.ai.providers.static import StaticEmbedder

Row = dict[str, Any]
_EMBEDDER = StaticEmbedder()
_K = 10


def _one(text: str) -> list[float]:
    return [float(number) for number in _EMBEDDER.embed_now([text])[0]]


def _many(texts: Sequence[str]) -> list[list[float]]:
    return [[float(number) for number in row] for row in _EMBEDDER.embed_now(list(texts))]


def mem0(dsn: str, rows: list[Row], extra: list[Row], queries: list[Row]) -> dict[str, Any]:
    """mem0 without inference: texts are kept as they are.

    It wants a language model and an embedding service in its configuration even so: both get a key that is never
    used, and then its embedder is replaced by ours.
    """
    folder = tempfile.mkdtemp(prefix="mem0-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.update(MEM0_TELEMETRY="False", MEM0_DIR=folder)
    memory = import_module("mem0").Memory.from_config(
        {
            "vector_store": {
                "provider": "pgvector",
                "config": {
                    "connection_string": dsn,
                    "collection_name": "memories",
                    "embedding_model_dims": 256,
                    "hnsw": True,
                },
            },
            "llm": {"provider": "openai", "config": {"api_key": "unused"}},
            "embedder": {"provider": "openai", "config": {"api_key": "unused", "embedding_dims": 256}},
            "history_db_path": str(Path(folder) / "history.db"),
        }
    )
    base = import_module("mem0.embeddings.base").EmbeddingBase
    adapter = type(
        "BuiltIn",
        (base,),
        {
            "embed": lambda _self, text, memory_action=None: _one(text),
            "embed_batch": lambda _self, texts, memory_action="add": _many(texts),
        },
    )
    memory.embedding_model = adapter()
    names: dict[str, str] = {}

    def add(many: list[Row]) -> None:
        messages = [{"role": "user", "content": row["text"]} for row in many]
        done = memory.add(messages, user_id=many[0]["user"], infer=False)["results"]
        names.update({one["id"]: row["id"] for one, row in zip(done, many, strict=True)})

    def search(query: Row) -> list[str]:
        # The threshold would hide hits beyond what its index already leaves out.
        found = memory.search(query["text"], top_k=_K, filters={"user_id": query["user"]}, threshold=0.0)
        return [names[one["id"]] for one in found["results"]]

    bulk = _timed(add, _groups(rows))
    found, times = _ask(search, queries)
    single = _timed(add, [[row] for row in extra])
    return {"bulk": bulk, "single": single, "found": found, "times": times, "version": f"mem0ai {version('mem0ai')}"}


def _groups(rows: list[Row], size: int = 500) -> list[list[Row]]:
    """Runs of at most ``size`` rows of one user."""
    groups: list[list[Row]] = []
    for row in rows:
        if not groups or groups[-1][0]["user"] != row["user"] or len(groups[-1]) == size:
            groups.append([])
        groups[-1].append(row)
    return groups


def _timed(add: Callable[[list[Row]], None], groups: list[list[Row]]) -> float:
    began = time.perf_counter()
    for group in groups:
        add(group)
    return time.perf_counter() - began


def _ask(search: Callable[[Row], list[str]], queries: list[Row]) -> tuple[list[list[str]], list[float]]:
    for query in queries[:50]:
        search(query)
    found, times = [], []
    for query in queries:
        began = time.perf_counter()
        found.append(search(query))
        times.append(time.perf_counter() - began)
    return found, times


async def langgraph(dsn: str, rows: list[Row], extra: list[Row], queries: list[Row]) -> dict[str, Any]:
    """LangGraph's AsyncPostgresStore with its vector index, a namespace a user."""
    base = import_module("langchain_core.embeddings").Embeddings
    adapter = type(
        "BuiltIn",
        (base,),
        {"embed_documents": lambda _self, texts: _many(texts), "embed_query": lambda _self, text: _one(text)},
    )
    put = import_module("langgraph.store.base").PutOp
    store_class = import_module("langgraph.store.postgres.aio").AsyncPostgresStore
    index = {"dims": 256, "embed": adapter(), "fields": ["text"]}
    async with store_class.from_conn_string(dsn, index=index) as store:
        await store.setup()
        began = time.perf_counter()
        for group in _groups(rows):
            await store.abatch([put(("memories", row["user"]), row["id"], {"text": row["text"]}) for row in group])
        bulk = time.perf_counter() - began
        found, times = [], []
        for n, query in enumerate([*queries[:50], *queries]):
            began = time.perf_counter()
            hits = await store.asearch(("memories", query["user"]), query=query["text"], limit=_K)
            if n >= 50:
                times.append(time.perf_counter() - began)
                found.append([hit.key for hit in hits])
        began = time.perf_counter()
        for row in extra:
            await store.aput(("memories", row["user"]), row["id"], {"text": row["text"]})
        single = time.perf_counter() - began
    name = f"langgraph {version('langgraph')}, checkpoint-postgres {version('langgraph-checkpoint-postgres')}"
    return {"bulk": bulk, "single": single, "found": found, "times": times, "version": name}


def _read(path: str) -> list[Row]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def main(name: str, dsn: str, rows_path: str, extra_path: str, queries_path: str, result: str) -> None:
    """Run one peer and write what was measured."""
    logging.disable(logging.WARNING)
    arguments = (dsn, _read(rows_path), _read(extra_path), _read(queries_path))
    _one("the weights are read before anything is timed")
    done = mem0(*arguments) if name == "mem0" else asyncio.run(langgraph(*arguments))
    Path(result).write_text(json.dumps(done), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:7])
