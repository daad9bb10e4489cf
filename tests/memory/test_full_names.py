"""Who is meant where several are called by a word of the question."""

from __future__ import annotations

import pytest

from mnemon import AsyncMemory
from mnemon.memory.recall.signals import MATCH

SPEAKER = next(signal.name for signal in MATCH if signal.name == "speaker")
SAID = {
    "Huw David": "I would rather see the law changed first",
    "David Rees": "The law can wait until the culture has changed",
    "Huw Irranca": "We need a law, and money for it",
}


@pytest.fixture
async def meeting(memory: AsyncMemory) -> AsyncMemory:
    await memory.remember([{"content": text, "speaker": who} for who, text in SAID.items()], conversation="committee")
    return memory


async def spoke(memory: AsyncMemory, question: str) -> set[str]:
    """Those whose words count more because the question names them."""
    found = await memory.search(question, conversation="committee", k=10)
    return {str(hit.item.speaker) for hit in found if SPEAKER in hit.why.match}


@pytest.mark.parametrize("who", SAID)
async def test_names_side_by_side_mean_who_has_both(meeting: AsyncMemory, who: str) -> None:
    assert await spoke(meeting, f"What did {who} think of the law?") == {who}


async def test_names_apart_mean_each(meeting: AsyncMemory) -> None:
    # Two who spoke are named: neither is meant more than the other.
    assert await spoke(meeting, "Did Rees agree with Irranca about the law?") == set()


async def test_one_word_of_several_names_means_none_of_them(meeting: AsyncMemory) -> None:
    assert await spoke(meeting, "What did Huw think of the law?") == set()


async def test_names_that_nobody_has_together_mean_each(meeting: AsyncMemory) -> None:
    assert await spoke(meeting, "What did Rees Irranca think of the law?") == set()
