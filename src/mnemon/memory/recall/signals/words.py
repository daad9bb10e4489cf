"""The question's words: in the row, in the talk around it, in its whole session."""

from __future__ import annotations

import numpy as np

from mnemon.memory.recall.candidates import Int64
from mnemon.memory.recall.lexicon import Floats, Lexicon
from mnemon.memory.recall.signals.signal import MatchSignal

WORDS = MatchSignal(
    name="words",
    weight=1.2,
    about="talk",
    says="same words in the talk around",
    measures="the question's words in the row and two neighbours on each side, rare words more (BM25's term weight, "
    "k1 0.9)",
    measure=lambda evidence: evidence.window.around,
)
OWN_WORDS = MatchSignal(
    name="own_words",
    weight=0.4,
    about="talk",
    says="same words in it",
    measures="the question's words in the row itself, rare words more",
    measure=lambda evidence: evidence.window.own,
)
SESSION = MatchSignal(
    name="session",
    weight=0.6,
    about="talk",
    says="same words in that sitting",
    measures="BM25 of the whole session the row belongs to (k1 1.2, b 0.75)",
    measure=lambda evidence: evidence.session,
    columns=("session_terms",),
)
SIMILAR = MatchSignal(
    name="similar_words",
    weight=0.75,
    about="talk",
    says="words like these in the talk around",
    measures="words close in meaning to those of the question that are not there themselves, in the row and two "
    "neighbours on each side; rare words more",
    measure=lambda evidence: evidence.column("similar"),
    columns=("similar",),
)
RARE = MatchSignal(
    name="rare_words",
    weight=0.5,
    about="form",
    says="says something rare",
    measures="how rare the row's words are on the whole, whatever is asked",
    measure=lambda evidence: evidence.column("rarity"),
    columns=("rarity",),
    is_reason=False,
)
SIGNALS = (WORDS, OWN_WORDS, SESSION, SIMILAR, RARE)


def lexical_scores(lexicon: Lexicon, ordinals: Int64) -> Floats:
    """Score ordinals by their words alone, before anything else is known of them: sessions count as of one length."""
    window = lexicon.window(ordinals)
    session = lexicon.session(ordinals, np.ones(len(ordinals)), 1.0)
    return WORDS.weight * window.around + OWN_WORDS.weight * window.own + SESSION.weight * session
