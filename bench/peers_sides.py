"""Who is compared in peers, each behind the same few calls; what a side imports is there in its own environment."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from mnemon.ai.providers.static import StaticEmbedder

Row = dict[str, Any]
K = 10
_EMBEDDER = StaticEmbedder()


class Side(Protocol):
    """One of those that are compared: what it is asked to do, and nothing of how long that takes."""

    version: str
    threads: bool

    async def open(self) -> None:
        """Make ready to be filled."""

    async def bulk(self, rows: list[Row]) -> None:
        """Keep many rows, in the way that is fastest for it."""

    async def ready(self) -> None:
        """Do what is done behind the caller after a large write."""

    async def add(self, row: Row) -> None:
        """Keep one row."""

    async def search(self, query: Row) -> list[str]:
        """Return the ids of the best rows of the query's user."""

    async def close(self) -> None:
        """Let go of everything."""


def one(text: str) -> list[float]:
    """The embedding of a text."""
    return [float(number) for number in _EMBEDDER.embed_now([text])[0]]


def many(texts: Sequence[str]) -> list[list[float]]:
    """The embeddings of texts."""
    return [[float(number) for number in row] for row in _EMBEDDER.embed_now(list(texts))]


def groups(rows: list[Row], size: int = 500) -> list[list[Row]]:
    """Runs of at most ``size`` rows of one user."""
    found: list[list[Row]] = []
    for row in rows:
        if not found or found[-1][0]["user"] != row["user"] or len(found[-1]) == size:
            found.append([])
        found[-1].append(row)
    return found


class Ours:
    """Mnemon: every row a message of its speaker, in a conversation of its user; one organisation holds them all."""

    def __init__(self, place: Row) -> None:
        package = import_module("mnemon")
        load_settings = import_module("mnemon.core.settings").load_settings
        self._memory = package.AsyncMemory(load_settings(data_dir=place["data_dir"], database_url=None))
        self.version = f"mnemon {package.__version__}"
        self.threads = False

    async def open(self) -> None:
        await self._memory.open()
        # Its models are read before anything is timed, as the others' one is: only the model tells this one's language.
        await self._memory.remember("Warmlaufen vor dem ersten richtigen Satz", user="nobody")

    async def bulk(self, rows: list[Row]) -> None:
        await self._memory.remember([_message(row) for row in rows])

    async def ready(self) -> None:
        await self._memory.maintain()

    async def add(self, row: Row) -> None:
        await self._memory.remember(_message(row))

    async def search(self, query: Row) -> list[str]:
        hits = await self._memory.search(query["text"], k=K, conversation=query["user"])
        return [str(hit.item.source_id) for hit in hits]

    async def close(self) -> None:
        await self._memory.close()


def _message(row: Row) -> dict[str, str]:
    return {
        "content": row["said"],
        "speaker": row["speaker"],
        "conversation": row["user"],
        "source": "bench",
        "source_id": row["id"],
        "at": row["at"],
    }


class Mem0:
    """mem0 without inference: texts are kept as they are.

    It wants a language model and an embedding service in its configuration even so: both get a key that is never
    used, and then its embedder is replaced by ours.
    """

    def __init__(self, place: Row) -> None:
        self.version = f"mem0ai {version('mem0ai')}"
        self.threads = False
        self._dsn = place["dsn"]
        self._names: dict[str, str] = {}

    async def open(self) -> None:
        folder = tempfile.mkdtemp(prefix="mem0-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ.update(MEM0_TELEMETRY="False", MEM0_DIR=folder)
        store = {
            "connection_string": self._dsn,
            "collection_name": "memories",
            "embedding_model_dims": 256,
            "hnsw": True,
            "minconn": 1,
            "maxconn": 16,
        }
        self._memory = import_module("mem0").Memory.from_config(
            {
                "vector_store": {"provider": "pgvector", "config": store},
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
                "embed": lambda _self, text, memory_action=None: one(text),
                "embed_batch": lambda _self, texts, memory_action="add": many(texts),
            },
        )
        self._memory.embedding_model = adapter()

    async def bulk(self, rows: list[Row]) -> None:
        for group in groups(rows):
            self._add(group)

    async def ready(self) -> None:
        pass

    async def add(self, row: Row) -> None:
        await self._call(self._add, [row])

    async def search(self, query: Row) -> list[str]:
        found: list[str] = await self._call(self._search, query)
        return found

    async def _call(self, work: Callable[[Any], Any], given: Any) -> Any:
        return await asyncio.to_thread(work, given) if self.threads else work(given)

    def _add(self, rows: list[Row]) -> None:
        messages = [{"role": "user", "content": row["text"]} for row in rows]
        done = self._memory.add(messages, user_id=rows[0]["user"], infer=False)["results"]
        self._names.update({kept["id"]: row["id"] for kept, row in zip(done, rows, strict=True)})

    def _search(self, query: Row) -> list[str]:
        # The threshold would hide hits beyond what its index already leaves out.
        found = self._memory.search(query["text"], top_k=K, filters={"user_id": query["user"]}, threshold=0.0)
        return [self._names[kept["id"]] for kept in found["results"]]

    async def close(self) -> None:
        pass


class LangGraph:
    """LangGraph's AsyncPostgresStore with its vector index, a namespace a user."""

    def __init__(self, place: Row) -> None:
        self.version = (
            f"langgraph {version('langgraph')}, checkpoint-postgres {version('langgraph-checkpoint-postgres')}"
        )
        self.threads = False
        self._dsn = place["dsn"]

    async def open(self) -> None:
        base = import_module("langchain_core.embeddings").Embeddings
        adapter = type(
            "BuiltIn",
            (base,),
            {"embed_documents": lambda _self, texts: many(texts), "embed_query": lambda _self, text: one(text)},
        )
        self._put = import_module("langgraph.store.base").PutOp
        store_class = import_module("langgraph.store.postgres.aio").AsyncPostgresStore
        index = {"dims": 256, "embed": adapter(), "fields": ["text"]}
        self._opened = store_class.from_conn_string(self._dsn, index=index)
        self._store = await self._opened.__aenter__()
        await self._store.setup()

    async def bulk(self, rows: list[Row]) -> None:
        for group in groups(rows):
            puts = [self._put(("memories", row["user"]), row["id"], {"text": row["text"]}) for row in group]
            await self._store.abatch(puts)

    async def ready(self) -> None:
        pass

    async def add(self, row: Row) -> None:
        await self._store.aput(("memories", row["user"]), row["id"], {"text": row["text"]})

    async def search(self, query: Row) -> list[str]:
        hits = await self._store.asearch(("memories", query["user"]), query=query["text"], limit=K)
        return [hit.key for hit in hits]

    async def close(self) -> None:
        await self._opened.__aexit__(None, None, None)


class Bare:
    """SQL by asyncpg over one table: with the index that everybody makes, or exact within the user.

    Every text is embedded on the way, as it would have to be.
    """

    def __init__(self, place: Row) -> None:
        self.version = "asyncpg"
        self.threads = False
        self._place = place
        self._text = "dated" if place.get("dated") else "text"

    async def open(self) -> None:
        asyncpg, pgvector = import_module("asyncpg"), import_module("pgvector.asyncpg")
        place = self._place
        self._pool = await asyncpg.create_pool(
            host=place["host"],
            port=place["port"],
            user=place["user"],
            database=place["database"],
            min_size=1,
            max_size=16,
            init=pgvector.register_vector,
        )
        await self._pool.execute(
            "CREATE TABLE memories (id text PRIMARY KEY, user_id text, content text, embedding vector(256))"
        )
        await self._pool.execute("CREATE INDEX ON memories (user_id)")
        if place.get("hnsw"):
            await self._pool.execute("CREATE INDEX ON memories USING hnsw (embedding vector_cosine_ops)")

    async def bulk(self, rows: list[Row]) -> None:
        vectors = _EMBEDDER.embed_now([row[self._text] for row in rows])
        records = [(row["id"], row["user"], row[self._text], v) for row, v in zip(rows, vectors, strict=True)]
        if self._place.get("hnsw"):
            await self._pool.executemany("INSERT INTO memories VALUES ($1, $2, $3, $4)", records)
        else:
            await self._pool.copy_records_to_table("memories", records=records)

    async def ready(self) -> None:
        await self._pool.execute("ANALYZE memories")

    async def add(self, row: Row) -> None:
        text = row[self._text]
        await self._pool.execute(
            "INSERT INTO memories VALUES ($1, $2, $3, $4)", row["id"], row["user"], text, _EMBEDDER.embed_now([text])[0]
        )

    async def search(self, query: Row) -> list[str]:
        found = await self._pool.fetch(
            "SELECT id FROM memories WHERE user_id = $1 ORDER BY embedding <=> $2 LIMIT 10",
            query["user"],
            _EMBEDDER.embed_now([query["text"]])[0],
        )
        return [row["id"] for row in found]

    async def close(self) -> None:
        await self._pool.close()


SIDES: dict[str, Callable[[Row], Side]] = {"mnemon": Ours, "mem0": Mem0, "langgraph": LangGraph, "bare": Bare}
