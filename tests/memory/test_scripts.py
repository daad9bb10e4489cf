"""Text in every script is compared in one form: as it is written, composed, cased and joined elsewhere, it is found."""

from __future__ import annotations

import unicodedata

import pytest
import pytest_asyncio

from mnemon import AsyncMemory
from tests.factories import new_slug

#: (what was said, what is asked): each is the first hit of its question, and by its words.
SAID = [
    ("我喜欢喝绿茶", "绿茶"),
    ("我喜欢喝绿茶", "我喜欢喝什么茶？"),
    ("我喜欢喝绿茶", "绿"),
    ("東京に引っ越しました", "東京"),
    ("猫がソファで寝ている", "猫"),
    ("コーヒーを毎朝飲みます", "ｺｰﾋｰ"),
    ("나는 서울에 살아요", "서울"),
    ("나는 서울에 살아요", "나는 어디에 살아요?"),
    ("새 책을 샀어요", "책"),
    ("ฉันชอบดื่มชาเขียว", "ชาเขียว"),
    ("ຂ້ອຍຢູ່ວຽງຈັນ", "ວຽງຈັນ"),
    ("ខ្ញុំរស់នៅភ្នំពេញ", "ភ្នំពេញ"),
    ("ကျွန်တော် ရန်ကုန်မှာ နေတယ်", "ရန်ကုန်"),
    ("𠮷野家で食べた", "𠮷野家"),
    ("我的iPhone坏了", "iphone"),
    ("Ｔｏｋｙｏ Ｔｏｗｅｒ is high", "tokyo tower"),
    ("The ﬁle is in the oﬃce", "office file"),
    ("We met at the café", unicodedata.normalize("NFD", "CAFÉ")),
    (unicodedata.normalize("NFD", "Señor Núñez called"), "señor núñez"),
    ("Die Straße ist gesperrt", "STRASSE"),
    ("GROSSE FREUDE", "große freude"),
    ("Ich war im İstanbul Restaurant", "istanbul"),
    ("Ο Οδυσσέας γύρισε", "ΟΔΥΣΣΈΑΣ"),
    ("МОСКВА большая", "москва"),
    ("great job 👍🏽", "👍"),
    ("my ❤️ will go on", "❤"),
    ("the family 👨‍👩‍👧 came", "👨‍👩‍👧"),
    ("He said “hello” — don’t ask", "hello"),
    ("Zimmer № ５ ist frei", "zimmer 5"),
    ("हम दिल्ली में रहते हैं", "दिल्ली"),
]


@pytest_asyncio.fixture(scope="module")
async def filled(house: AsyncMemory) -> AsyncMemory:
    """An organisation with what was said among many other rows; nobody changes it."""
    memory = await house.organization(new_slug())
    places = ["上海", "大阪", "부산에", "Berlin", "Москве", "เชียงใหม่", "Lima"]
    others = [f"{places[n % 7]} {n} 他们喝咖啡 {n % 13} 번째 그는 갔다 and so on" for n in range(300)]
    await memory.remember([{"content": one} for one in dict.fromkeys([*others, *(said for said, _ in SAID)])])
    return memory


@pytest.mark.parametrize(("said", "asked"), SAID, ids=[asked for _, asked in SAID])
async def test_it_is_found_whatever_its_form(filled: AsyncMemory, said: str, asked: str) -> None:
    found = await filled.search(asked, k=3)
    assert found.hits[0].content == said
    assert found.hits[0].why.terms


async def test_what_is_stored_is_what_came(filled: AsyncMemory) -> None:
    contents = [hit.content for hit in await filled.search("Tokyo Tower", k=3)]
    assert "Ｔｏｋｙｏ Ｔｏｗｅｒ is high" in contents
