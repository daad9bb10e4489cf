"""The HTTP embedder against a real server on loopback that answers well, badly, late or not at all."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import numpy as np
import pytest

from mnemon.ai.embedders import Embedder
from mnemon.ai.providers.openai import OpenAIEmbedder
from mnemon.core.errors import Invalid, MnemonError, Unauthenticated, Unavailable
from tests.patience import PATIENCE

from .loopback import DIMENSIONS, Endpoint, Reply, good_body, vector_of

KEY = "sk-secret-0123456789abcdef"


def embedder_at(endpoint: Endpoint, **options: Any) -> OpenAIEmbedder:
    return OpenAIEmbedder(
        "test-model",
        **{"api_key": KEY, "base_url": endpoint.url, "dimensions": DIMENSIONS, "timeout": 10.0, **options},
    )


def expected(texts: list[str]) -> np.ndarray:
    rows = np.array([vector_of(text) for text in texts], dtype=np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


async def failure(embedder: OpenAIEmbedder, texts: list[str] | None = None) -> MnemonError:
    """The error of one call, which must not carry the key anywhere."""
    with pytest.raises(MnemonError) as caught:
        await embedder.embed(texts or ["one", "two"])
    await embedder.aclose()
    error = caught.value
    for text in (str(error), repr(error), str(error.as_dict()), repr(error.__cause__), repr(embedder)):
        assert KEY not in text
    return error


# ---- good answers


async def test_vectors_are_normalised_and_in_order(endpoint: Endpoint) -> None:
    embedder = embedder_at(endpoint)
    assert isinstance(embedder, Embedder)
    assert (embedder.name, embedder.local, embedder.dimensions) == ("openai/test-model", False, DIMENSIONS)
    endpoint.always = Reply(body=lambda inputs: {"data": good_body(inputs)["data"][::-1]})
    vectors = await embedder.embed(["one", "two", "three"])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected(["one", "two", "three"]), atol=1e-6)
    assert endpoint.bodies == [{"model": "test-model", "input": ["one", "two", "three"], "path": "/v1/embeddings"}]
    assert endpoint.headers[0]["Authorization"] == f"Bearer {KEY}"
    await embedder.aclose()
    await embedder.aclose()


async def test_blank_and_unencodable_texts(endpoint: Endpoint) -> None:
    embedder = embedder_at(endpoint)
    vectors = await embedder.embed(["", "a\ud800b", " \n", "nul\x00"])
    assert endpoint.inputs == [["a\ufffdb", "nul\x00"]]
    assert not vectors[[0, 2]].any()
    np.testing.assert_allclose(vectors[[1, 3]], expected(["a\ufffdb", "nul\x00"]), atol=1e-6)
    assert (await embedder.embed([])).shape == (0, DIMENSIONS)
    assert len(endpoint.bodies) == 1
    await embedder.aclose()


async def test_batches_by_number_and_length(endpoint: Endpoint) -> None:
    embedder = embedder_at(endpoint, max_batch=10)
    texts = [f"text {number}" for number in range(25)]
    np.testing.assert_allclose(await embedder.embed(texts), expected(texts), atol=1e-6)
    assert sorted(map(len, endpoint.inputs)) == [5, 10, 10]
    endpoint.bodies.clear()
    await embedder.embed([f"{number}" + "x" * 30_000 for number in range(9)])
    assert max(sum(map(len, batch)) for batch in endpoint.inputs) <= 150_000
    assert len(endpoint.inputs) == 3
    await embedder.aclose()


async def test_concurrency_is_bounded_across_calls(endpoint: Endpoint) -> None:
    embedder = embedder_at(endpoint, max_batch=1, concurrency=3)
    endpoint.always = Reply(delay=0.03)
    calls = [embedder.embed([f"{call} {number}" for number in range(5)]) for call in range(4)]
    results = await asyncio.gather(*calls)
    assert len(endpoint.bodies) == 20
    assert 2 <= endpoint.most_under_way <= 3
    np.testing.assert_allclose(results[2][4], expected(["2 4"])[0], atol=1e-6)
    await embedder.aclose()


async def test_base64_and_absent_indexes_are_understood(endpoint: Endpoint) -> None:
    def body(inputs: list[str]) -> dict[str, Any]:
        packed = [base64.b64encode(np.array(vector_of(text), dtype="<f4").tobytes()).decode() for text in inputs]
        return {"data": [{"embedding": text} for text in packed]}

    endpoint.always = Reply(body=body)
    embedder = embedder_at(endpoint)
    np.testing.assert_allclose(await embedder.embed(["one", "two"]), expected(["one", "two"]), atol=1e-6)
    await embedder.aclose()


async def test_endpoints_of_ones_own_need_no_key(endpoint: Endpoint) -> None:
    embedder = embedder_at(endpoint, api_key=None, base_url=endpoint.url + "/")
    await embedder.embed(["one"])
    assert "Authorization" not in endpoint.headers[0]
    assert endpoint.bodies[0]["path"] == "/v1/embeddings"
    await embedder.aclose()


async def test_dimensions_are_asked_of_models_that_take_them(endpoint: Endpoint) -> None:
    for model, sent in (("text-embedding-3-small", DIMENSIONS), ("unknown", None)):
        embedder = OpenAIEmbedder(model, base_url=endpoint.url, dimensions=DIMENSIONS)
        await embedder.embed(["one"])
        assert endpoint.bodies[-1].get("dimensions") == sent
        await embedder.aclose()
    embedder = embedder_at(endpoint, send_dimensions=True)
    await embedder.embed(["one"])
    assert endpoint.bodies[-1]["dimensions"] == DIMENSIONS
    await embedder.aclose()


# ---- trouble that passes


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
async def test_passing_trouble_is_tried_again(endpoint: Endpoint, status: int) -> None:
    endpoint.script = [Reply(drop=True), Reply(status=status, body=b"{}", headers={"Retry-After": "0"})]
    embedder = embedder_at(endpoint)
    np.testing.assert_allclose(await embedder.embed(["one"]), expected(["one"]), atol=1e-6)
    assert len(endpoint.bodies) == 3
    await embedder.aclose()


@pytest.mark.parametrize("as_date", [False, True])
async def test_retry_after_is_honoured(endpoint: Endpoint, as_date: bool) -> None:
    date = int(time.time()) + 2
    value = formatdate(date, usegmt=True) if as_date else "1"
    endpoint.script = [Reply(status=429, body=b"slow down", headers={"Retry-After": value})]
    embedder = embedder_at(endpoint)
    await embedder.embed(["one"])
    again = time.time() - (time.monotonic() - endpoint.times[1])
    assert again >= date - 0.1 if as_date else endpoint.times[1] - endpoint.times[0] >= 0.9
    await embedder.aclose()


async def test_a_retry_after_beyond_the_time_limit_fails_at_once(endpoint: Endpoint) -> None:
    endpoint.always = Reply(status=429, body=b"{}", headers={"Retry-After": "3600"})
    started = time.monotonic()
    error = await failure(embedder_at(endpoint))
    assert time.monotonic() - started < 600, "it waited"
    assert isinstance(error, Unavailable)
    assert error.data["retry_after"] == 3600
    assert len(endpoint.bodies) == 1


async def test_attempts_are_bounded(endpoint: Endpoint) -> None:
    body = f'{{"error": {{"message": "overloaded, {KEY}"}}}}'.encode()
    endpoint.always = Reply(status=503, body=body, headers={"Retry-After": "0"})
    error = await failure(embedder_at(endpoint, attempts=3))
    assert isinstance(error, Unavailable)
    assert "HTTP 503 (overloaded, ***); tried 3 times" in error.message
    assert len(endpoint.bodies) == 3


async def test_a_slow_endpoint_is_given_up_within_the_time_limit(endpoint: Endpoint) -> None:
    endpoint.always = Reply(delay=PATIENCE)  # or until the test is over
    started = time.monotonic()
    error = await failure(embedder_at(endpoint, timeout=0.6))
    assert time.monotonic() - started < PATIENCE / 2, "it waited for the answer"
    assert isinstance(error, Unavailable)
    assert "did not answer in time" in error.message
    assert len(endpoint.bodies) <= 2


async def test_a_hung_attempt_leaves_time_for_another(endpoint: Endpoint) -> None:
    endpoint.script = [Reply(delay=PATIENCE)]
    embedder = embedder_at(endpoint, timeout=3.0)
    await embedder.embed(["one"])
    assert len(endpoint.bodies) == 2
    await embedder.aclose()


@pytest.mark.parametrize("host", ["[1", "a" * 70 + ".invalid"])
async def test_hosts_that_no_resolver_takes(host: str) -> None:
    error = await failure(OpenAIEmbedder("m", base_url=f"http://{host}/v1", dimensions=3, attempts=1, api_key=KEY))
    assert isinstance(error, (Unavailable, Invalid))


async def test_nobody_listens() -> None:
    embedder = OpenAIEmbedder("m", base_url="http://127.0.0.1:9/v1", api_key=KEY, dimensions=3, attempts=2)
    error = await failure(embedder)
    assert isinstance(error, Unavailable)
    assert "127.0.0.1:9 could not be reached" in error.message


async def test_the_first_failure_ends_the_other_batches(endpoint: Endpoint) -> None:
    endpoint.script = [Reply(status=401, body=b"{}")]
    endpoint.always = Reply(delay=0.2)
    error = await failure(embedder_at(endpoint, max_batch=1, concurrency=2), [str(n) for n in range(50)])
    assert isinstance(error, Unauthenticated)
    assert len(endpoint.bodies) < 6


# ---- refusals and nonsense


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_name_the_setting(endpoint: Endpoint, status: int) -> None:
    body = f'{{"error": {{"message": "Incorrect API key provided: {KEY}"}}}}'.encode()
    endpoint.always = Reply(status=status, body=body)
    error = await failure(embedder_at(endpoint))
    assert isinstance(error, Unauthenticated)
    assert "EMBEDDING_API_KEY" in str(error)
    assert len(endpoint.bodies) == 1


async def test_an_empty_account_is_not_asked_again(endpoint: Endpoint) -> None:
    body = b'{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}'
    endpoint.always = Reply(status=429, body=body)
    error = await failure(embedder_at(endpoint))
    assert error.code == "unavailable.provider_quota"
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, b'{"error": "model \\"x\\" not found"}', 'model "x" not found'),
        (400, b'{"detail": "bad input"}', "bad input"),
        (301, b"", "EMBEDDING_BASE_URL"),
        (422, b"[" * 3000, "HTTP 422"),
    ],
)
async def test_refusals_say_why(endpoint: Endpoint, status: int, body: bytes, words: str) -> None:
    endpoint.always = Reply(status=status, body=body, headers={"Location": "/elsewhere"})
    error = await failure(embedder_at(endpoint))
    assert isinstance(error, Invalid)
    assert error.data["status"] == status
    assert words in str(error)
    assert len(endpoint.bodies) == 1


def _rows(*rows: Any) -> Callable[[list[str]], dict[str, Any]]:
    return lambda _: {"data": [{"index": index, "embedding": row} for index, row in enumerate(rows)]}


GOOD = [1.0] * DIMENSIONS


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (_rows(GOOD), "1 embeddings for 2 texts"),
        (_rows(GOOD, GOOD, GOOD), "3 embeddings for 2 texts"),
        (_rows(GOOD, [float("nan")] * DIMENSIONS), "not finite"),
        (_rows(GOOD, [float("inf")] * DIMENSIONS), "not finite"),
        (_rows(GOOD, [1e300] * DIMENSIONS), "not finite"),
        (_rows(GOOD, [None] * DIMENSIONS), "not"),
        (_rows(GOOD, ["a"] * DIMENSIONS), "not a list of numbers"),
        (_rows(GOOD, [[1.0]] * DIMENSIONS), "not a list of numbers"),
        (_rows(GOOD, "%%%"), "not a list of numbers"),
        (_rows(GOOD, None), "not a list of numbers"),
        (lambda _: {"data": [{"index": 0, "embedding": GOOD}] * 2}, "indexes"),
        (lambda _: {"data": [{"index": 1, "embedding": GOOD}, {"index": 2, "embedding": GOOD}]}, "indexes"),
        (lambda _: {"data": [{"index": "a", "embedding": GOOD}, {"embedding": GOOD}]}, "indexes"),
        (lambda _: {"data": None}, "no list"),
        (lambda _: ["data"], "no list"),
        (lambda _: {"data": [1, 2]}, "no list"),
        (b"<html>hello</html>", "not JSON"),
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
async def test_nonsense_is_never_stored(endpoint: Endpoint, body: Any, words: str) -> None:
    endpoint.always = Reply(body=body)
    error = await failure(embedder_at(endpoint))
    assert isinstance(error, Unavailable)
    assert words in error.message


async def test_another_dimension_is_told_with_the_right_one(endpoint: Endpoint) -> None:
    error = await failure(embedder_at(endpoint, dimensions=5))
    assert isinstance(error, Invalid)
    assert error.code == "invalid.embedding_dimensions"
    assert f"Set EMBEDDING_DIMENSIONS to {DIMENSIONS}" in str(error)


# ---- long texts


async def test_a_long_text_is_refused_before_anything_is_sent(endpoint: Endpoint) -> None:
    error = await failure(embedder_at(endpoint, max_characters=100), ["short", "x" * 101])
    assert isinstance(error, Invalid)
    assert error.code == "invalid.text_too_long"
    assert (error.data["index"], error.data["characters"]) == (1, 101)
    assert endpoint.bodies == []


async def test_a_text_too_long_for_the_endpoint_is_refused(endpoint: Endpoint) -> None:
    endpoint.always = Reply(status=400, body=b'{"error": "the input length exceeds the context length"}')
    error = await failure(embedder_at(endpoint))
    assert error.code == "invalid.text_too_long"


async def test_truncate_cuts_only_what_is_too_long(endpoint: Endpoint) -> None:
    embedder = embedder_at(endpoint, truncate=True, max_characters=8000)
    refusal = Reply(status=400, body=b'{"error": {"message": "maximum context length is 8192 tokens"}}')
    # The batch, then the long text alone, are refused; its first half is taken.
    endpoint.script = [refusal, Reply(), refusal]
    vectors = await embedder.embed(["short", "y" * 9000])
    assert [[len(text) for text in batch] for batch in endpoint.inputs] == [[5, 8000], [5], [8000], [4000]]
    np.testing.assert_allclose(vectors, expected(["short", "y" * 4000]), atol=1e-6)
    endpoint.always = refusal
    assert isinstance(await failure(embedder, ["z" * 9000]), Invalid)


# ---- what is checked before any request


@pytest.mark.parametrize(
    "url",
    [
        "localhost:11434",
        "ftp://host/v1",
        "http://",
        f"http://user:{KEY}@host/v1",
        f"http://host/v1?key={KEY}",
        "http://ho st:1x/v1",
    ],
)
def test_unusable_addresses(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        OpenAIEmbedder("m", base_url=url, dimensions=3, api_key="k")
    assert caught.value.code == "invalid.embedding_base_url"
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", [f"{KEY}\nX-Evil: 1", f"{KEY}é", f"{KEY}\x00"])
def test_keys_that_no_header_can_carry(key: str) -> None:
    with pytest.raises(Invalid) as caught:
        OpenAIEmbedder("m", base_url="http://127.0.0.1/v1", dimensions=3, api_key=key)
    assert KEY not in str(caught.value)
    assert "EMBEDDING_API_KEY" in str(caught.value)


async def test_a_key_from_a_file_may_end_in_a_newline(endpoint: Endpoint) -> None:
    embedder = embedder_at(endpoint, api_key=f" {KEY}\n")
    await embedder.embed(["one"])
    assert endpoint.headers[0]["Authorization"] == f"Bearer {KEY}"
    await embedder.aclose()


async def test_the_key_and_the_texts_stay_out_of_the_logs(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    body = f'{{"error": "busy {KEY}"}}'.encode()
    endpoint.script = [Reply(status=500, body=body), Reply(drop=True)]
    embedder = embedder_at(endpoint)
    with caplog.at_level(logging.DEBUG):
        await embedder.embed(["a private thought"])
    assert "attempt 2 follows" in caplog.text
    assert KEY not in caplog.text
    assert "private" not in caplog.text
    await embedder.aclose()
