"""From a setting to an embedder: the forms of names, and what is told when one cannot be had."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mnemon.ai.providers.openai import OpenAIEmbedder
from mnemon.ai.providers.static import StaticEmbedder
from mnemon.ai.registry import make_embedder
from mnemon.core.errors import Invalid, Unauthenticated, Unavailable
from tests.patience import PATIENCE


@pytest.mark.parametrize("name", ["builtin", "mnemon-static-256", " builtin "])
def test_the_built_in(name: str) -> None:
    embedder = make_embedder(name)
    assert isinstance(embedder, StaticEmbedder)
    assert make_embedder(embedder.name, dimensions=256).name == "mnemon-static-256"


@pytest.mark.parametrize(
    ("name", "stored", "dimensions"),
    [
        ("text-embedding-3-small", "openai/text-embedding-3-small", 1536),
        ("text-embedding-3-large", "openai/text-embedding-3-large", 3072),
        ("text-embedding-ada-002", "openai/text-embedding-ada-002", 1536),
        ("openai/text-embedding-3-small", "openai/text-embedding-3-small", 1536),
        ("openai/nomic-embed-text:latest", "openai/nomic-embed-text:latest", 768),
    ],
)
async def test_http_models(name: str, stored: str, dimensions: int) -> None:
    embedder = make_embedder(name, api_key="k")
    assert isinstance(embedder, OpenAIEmbedder)
    assert (embedder.name, embedder.dimensions) == (stored, dimensions)
    assert make_embedder(embedder.name, api_key="k").name == stored
    await embedder.aclose()


def test_shortened_vectors() -> None:
    assert make_embedder("text-embedding-3-large", api_key="k", dimensions=256).dimensions == 256


@pytest.mark.parametrize(
    ("name", "dimensions"),
    [("builtin", 1536), ("text-embedding-ada-002", 512), ("text-embedding-3-small", 1537), ("openai/mine", None)],
)
def test_dimensions_that_a_model_does_not_have(name: str, dimensions: int | None) -> None:
    with pytest.raises(Invalid) as caught:
        make_embedder(name, api_key="k", dimensions=dimensions)
    assert caught.value.code == "invalid.embedding_dimensions"
    assert "EMBEDDING_DIMENSIONS" in str(caught.value)


@pytest.mark.parametrize("name", ["", "built-in", "gpt-4", "openai/", "cohere/embed", "/", "static/", "x" * 5000])
def test_other_names_list_the_forms(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        make_embedder(name)
    assert caught.value.code == "invalid.embedding_model"
    assert "builtin" in caught.value.data["forms"]
    assert "sentence-transformers/<name or directory>" in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("key", [None, "", "  "])
def test_openai_itself_needs_a_key(key: str | None) -> None:
    with pytest.raises(Unauthenticated, match="EMBEDDING_API_KEY"):
        make_embedder("text-embedding-3-small", api_key=key)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    letters = np.frombuffer(b"a\nb", dtype=np.uint8)
    np.savez(tmp_path / "own.npz", E=np.eye(2, dtype=np.int8), scale=np.ones(2, np.float16), vocab=letters)
    embedder = make_embedder(f"static/{tmp_path / 'own.npz'}")
    assert (embedder.name, embedder.dimensions) == ("static/own", 2)


@pytest.mark.parametrize("package", ["fastembed", "sentence-transformers"])
def test_extras_that_are_not_installed_say_how_to_get_them(package: str) -> None:
    if importlib.util.find_spec(package.replace("-", "_")):
        pytest.skip(f"{package} is installed here")
    with pytest.raises(Unavailable) as caught:
        make_embedder(f"{package}/some-model")
    assert f'pip install "mnemon[{package}]"' in str(caught.value)
    assert caught.value.data == {"package": package}


async def test_sentence_transformers_from_a_directory(tmp_path: Path) -> None:
    package = pytest.importorskip("sentence_transformers", reason="an optional extra, not installed here")
    modules = pytest.importorskip("sentence_transformers.models", reason="moved in this version")
    words = modules.BoW(vocab=["red", "car", "house"])
    package.SentenceTransformer(modules=[words]).save(str(tmp_path / "bow"))
    embedder = make_embedder(f"sentence-transformers/{tmp_path / 'bow'}")
    assert (embedder.name, embedder.dimensions) == ("sentence-transformers/bow", 3)
    vectors = await embedder.embed(["red car", "", "house \ud800"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1], atol=1e-5)
    await embedder.aclose()


def test_the_registry_imports_no_provider_before_it_is_chosen() -> None:
    code = (
        "import sys\n"
        "import mnemon.ai.registry, mnemon.ai.embedders\n"
        "heavy = {'httpx', 'fastembed', 'sentence_transformers', 'torch', 'sqlalchemy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "assert not [name for name in sys.modules if name.startswith('mnemon.ai.providers')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)
