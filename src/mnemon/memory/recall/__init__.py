"""Recall, one file a stage: question, candidates, signals, fusion, packing.

A question is taken apart (names, words, dates, what kind of answer it wants); the database gives candidates (closest
in meaning, rarest words first) and what is known of each; the lexicon says where the words stand and how rare they are;
signals turn that into numbers; fusion adds them up with the signals' weights and the agent's; packing keeps what the
token budget has room for. Each stage is a plain function of what the one before it returned, so that each can be read
and tested alone.
"""
