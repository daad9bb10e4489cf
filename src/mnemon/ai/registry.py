"""From the name in the settings to the embedder."""

from __future__ import annotations

from mnemon.ai.embedders import Embedder
from mnemon.core.errors import Invalid
from mnemon.core.settings import Settings

_OPENAI_MODELS = frozenset({"text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"})
_FORMS = (
    "builtin",
    "multilingual",
    "text-embedding-3-small",
    "text-embedding-3-large",
    "text-embedding-ada-002",
    "openai/<model of any OpenAI-compatible endpoint>",
    "fastembed/<name or directory>",
    "sentence-transformers/<name or directory>",
    "static/<file.npz>",
)


def make_embedder(
    model: str,
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    dimensions: int | None = None,
    timeout: float = 60.0,
    truncate: bool = False,
) -> Embedder:
    """Make the embedder that a name stands for; only then is its provider imported.

    Args:
        model: ``builtin`` (also ``mnemon-static-256``); ``multilingual`` (also
            ``universal-sentence-encoder-multilingual-3``); an OpenAI model by its bare name; ``openai/<model>``;
            ``fastembed/<name or directory>``; ``sentence-transformers/<name or directory>``; ``static/<file.npz>``.
        api_key: for ``openai/`` models; endpoints of one's own may need none.
        base_url: for ``openai/`` models, up to and without ``/embeddings``; None is OpenAI's own.
        dimensions: numbers in a vector. None takes the model's; a model that Mnemon does not know behind
            ``openai/`` needs it. Where a model cannot be shortened it must be the model's own.
        timeout: seconds that one request may take with all its retries; in-process models take no notice.
        truncate: for ``openai/`` models, cut texts that are too long instead of refusing them.

    Raises:
        Invalid: no such form of name (``invalid.embedding_model``), or dimensions that the model does not have
            (``invalid.embedding_dimensions``).
        Unauthenticated: OpenAI's own endpoint without a key.
        Unavailable: the provider's package is not installed, or its model cannot be loaded.
    """
    embedder = _make(
        model.strip(),
        api_key=api_key,
        base_url=base_url,
        dimensions=dimensions,
        timeout=timeout,
        truncate=truncate,
    )
    if dimensions is not None and embedder.dimensions != dimensions:
        raise Invalid(
            f"{embedder.name} makes vectors of {embedder.dimensions} numbers, not {dimensions}.",
            code="invalid.embedding_dimensions",
            hint=f"Set EMBEDDING_DIMENSIONS to {embedder.dimensions}, or leave it unset.",
            field="embedding_dimensions",
            expected=embedder.dimensions,
        )
    return embedder


def _make(
    model: str,
    *,
    api_key: str | None,
    base_url: str | None,
    dimensions: int | None,
    timeout: float,
    truncate: bool,
) -> Embedder:
    provider, _, name = model.partition("/")
    if model in ("builtin", "mnemon-static-256"):
        from mnemon.ai.providers.static import StaticEmbedder

        return StaticEmbedder()
    if model in ("multilingual", "universal-sentence-encoder-multilingual-3"):
        from mnemon.ai.providers.multilingual import MultilingualEmbedder

        return MultilingualEmbedder()
    if model in _OPENAI_MODELS:
        provider, name = "openai", model
    if not name:
        raise _unknown(model)
    if provider == "openai":
        from mnemon.ai.providers.openai import OpenAIEmbedder

        return OpenAIEmbedder(
            name,
            api_key=api_key,
            base_url=base_url,
            dimensions=dimensions,
            timeout=timeout,
            truncate=truncate,
        )
    if provider == "fastembed":
        from mnemon.ai.providers.fastembed import FastEmbedEmbedder

        return FastEmbedEmbedder(name)
    if provider == "sentence-transformers":
        from mnemon.ai.providers.sentence_transformers import SentenceTransformersEmbedder

        return SentenceTransformersEmbedder(name)
    if provider == "static":
        from mnemon.ai.providers.static import StaticEmbedder

        return StaticEmbedder(name)
    raise _unknown(model)


def _unknown(model: str) -> Invalid:
    return Invalid(
        f"{model[:100]!r} names no embedding model.",
        code="invalid.embedding_model",
        hint=f"Set EMBEDDING_MODEL to one of: {', '.join(_FORMS)}.",
        field="embedding_model",
        forms=list(_FORMS),
    )


def configured_embedder(settings: Settings) -> Embedder:
    """Make the embedder that the settings name; its provider is imported and, where it is local, its model loaded.

    Raises:
        Invalid, Unauthenticated, Unavailable: as :func:`make_embedder`.
    """
    key = settings.embedding_api_key
    return make_embedder(
        settings.embedding_model,
        api_key=key.get_secret_value() if key else None,
        base_url=settings.embedding_base_url,
        dimensions=settings.embedding_dimensions,
        timeout=settings.embedding_timeout,
    )
