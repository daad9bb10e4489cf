"""Models and the protocols behind which they stand: embedders today, extractors, rerankers and chats by the same door.

Public verbs: :func:`mnemon.ai.registry.make_embedder`. This package knows no database and no domain; importing it
loads no model and no optional dependency.
"""
