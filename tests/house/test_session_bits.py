"""An ordinal is a session's number and a place in it: everywhere cut at the same bit."""

from __future__ import annotations

import re

from mnemon.db.recallable import PLACE_MASK, SESSION_BITS

from .helpers import ROOT, SOURCE

#: A shift or a mask by a number that stands there; by one bit, something else is meant.
_SHIFT = re.compile(r"(?:<<|>>)\s*(\d+)\b")
_MASK = re.compile(r"(?<!&)&\s*(\d+)\b")
_ABOUT_ORDINALS = re.compile(r"ordinal|session_numbers|session number")


def test_ordinals_are_cut_at_the_same_bit_everywhere() -> None:
    found, wrong = 0, []
    for path in sorted([*SOURCE.rglob("*.sql"), *SOURCE.rglob("*.py")]):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if not _ABOUT_ORDINALS.search(line):
                continue
            shifts = {int(bits) for bits in _SHIFT.findall(line)} - {1}
            masks = {int(mask) for mask in _MASK.findall(line)} - {1}
            found += len(shifts) + len(masks)
            if shifts - {SESSION_BITS} or masks - {PLACE_MASK}:
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found, "SQL cuts ordinals: this test has lost sight of it"
    assert not wrong, (
        f"an ordinal is `number << {SESSION_BITS} | place`, as SESSION_BITS in db/recallable.py says; Python takes it "
        "from there, and SQL that no code fills has the number itself:\n" + "\n".join(wrong)
    )
