"""The language a text is written in: by its letters, by its commonest words, or by a model where those say nothing."""

from __future__ import annotations

import logging
import re
import tempfile
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

from mnemon.core import forks
from mnemon.core.errors import Unavailable

#: What the model tells apart: the languages that PostgreSQL stems, and those that are often taken for one of them.
MODEL_LANGUAGES = (
    "ar bg ca cs da de en es et eu fa fi fr ga hi hr hu id it lt lv ne nl no pl pt ro ru sk sl sr sv tr uk vi"
).split()
#: Languages whose letters are theirs alone, in the order that they are looked for: Japanese has Chinese letters too.
_SCRIPTS = tuple(
    (code, re.compile(f"[{letters}]"))
    for code, letters in (
        ("ko", "\u1100-\u11ff\uac00-\ud7af"),
        ("ja", "\u3041-\u30ff\uff66-\uff9f"),
        ("zh", "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af"),
        ("th", "\u0e01-\u0e5b"),
        ("lo", "\u0e81-\u0edf"),
        ("my", "\u1000-\u109f"),
        ("km", "\u1780-\u17ff"),
        ("el", "\u0370-\u03ff\u1f00-\u1fff"),
        ("hy", "\u0531-\u058a"),
        ("ta", "\u0b80-\u0bff"),
    )
)
#: Words of English that no other of the languages has.
_ENGLISH = frozenset(
    "the and you that this with what they it's i'm don't were would there about which from your she his when how know "
    "really yes i've that's we're you're didn't can't could should their them because who why where isn't wasn't does "
    "our okay thanks".split()
)
_WORD = re.compile(r"[a-z][a-z']*")
_LETTER = re.compile(r"[^\W\d_]")
#: Characters of a text that are looked at, and letters from which the model is asked.
_LOOK, _LETTERS = 400, 12
#: How sure the model must be of a text: more where there is nothing but ASCII, which may be English of few words.
_SURE, _SURE_OF_ASCII = 0.6, 0.85
#: Texts of talk in English that the model is asked about, before the rest is believed to be English too.
_SAMPLE = 32


def at_a_glance(text: str) -> str | None:
    """Return the language of a text that shows it by its letters or its words; None: the model has to be asked."""
    begin = text[:_LOOK]
    if begin.isascii():
        return "en" if not _ENGLISH.isdisjoint(_WORD.findall(begin.lower())) else None
    for code, letters in _SCRIPTS:
        if letters.search(begin):
            return code
    return "en" if len(_ENGLISH.intersection(_WORD.findall(begin.lower().replace("’", "'")))) > 1 else None


def detect(
    texts: Sequence[str], talks: Sequence[Hashable | None], known: dict[Hashable, str] | None = None
) -> list[str | None]:
    """Return the language of each text, None where nothing tells it.

    A short text has that of the talk it belongs to. A talk in English costs hardly more than reading it: of its texts
    that do not show their language a sample is looked at closely.

    Args:
        texts: what was said.
        talks: the conversation of each, None for a text that stands alone.
        known: the language of talks from before; those of these texts are added.
    """
    of_talks = {} if known is None else known
    codes = [at_a_glance(text) for text in texts]
    together: dict[Hashable, list[int]] = defaultdict(list)
    for n, talk in enumerate(talks):
        if talk is None:
            codes[n] = codes[n] or by_model(texts[n])
        else:
            together[talk].append(n)
    for talk, places in together.items():
        _detect_talk(texts, codes, places, talk, of_talks)
    return codes


def _detect_talk(
    texts: Sequence[str], found: list[str | None], places: Sequence[int], talk: Hashable, known: dict[Hashable, str]
) -> None:
    open_places = [n for n in places if found[n] is None]
    english = known.get(talk) == "en" or any(found[n] == "en" for n in places)
    sample = open_places[:_SAMPLE] if english else open_places
    asked = [found[n] for n in sample if _put(found, n, by_model(texts[n]))]
    if len(sample) < len(open_places) and any(code != "en" for code in asked):
        for n in open_places[_SAMPLE:]:
            _put(found, n, by_model(texts[n]))
    counts: dict[str, int] = defaultdict(int)
    for n in places:
        code = found[n]
        if code is not None:
            counts[code] += 1
    if counts:
        known[talk] = max(counts, key=lambda code: counts[code])
    for n in open_places:
        if found[n] is None:
            found[n] = known.get(talk)


def _put(found: list[str | None], place: int, code: str | None) -> bool:
    found[place] = code
    return code is not None


def by_model(text: str) -> str | None:
    """Return the language that the model is sure of; None of too short a text."""
    begin = text[:_LOOK]
    if len(_LETTER.findall(begin)) < _LETTERS:
        return None
    model = _model()
    if model is None:
        return None
    code, sure = model.classify(begin)
    return str(code) if sure >= (_SURE_OF_ASCII if begin.isascii() else _SURE) else None


_log = logging.getLogger(__name__)
_LOADING = forks.Lock()
_LOADED: list[Any] = []


def is_loaded() -> bool:
    """Tell whether the model is there, so that a short text takes some 20 microseconds and no thread."""
    return bool(_LOADED)


def _model() -> Any:
    """Load the model once, which takes a second and some 30 MB; None where no directory can have temporary files.

    Raises:
        Unavailable: it cannot be read this time, such as where the disk is full; the next call tries again.
    """
    if not _LOADED:
        with _LOADING:
            if not _LOADED:
                _LOADED.append(_load() if _has_temporary_files() else None)
    return _LOADED[0]


def _has_temporary_files() -> bool:
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        _log.warning("Languages are not found out, TMPDIR has to be a directory for that: %s", error)
        return False
    return True


def _load() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    try:
        model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    except OSError as error:
        raise Unavailable(
            f"The model that tells languages apart cannot be loaded: {error.strerror or error}.",
            code="unavailable.language_model",
            hint="Make room where temporary files go (TMPDIR) and try again, or say the language.",
        ) from error
    model.set_languages(MODEL_LANGUAGES)
    return model
