"""Embedding models, and the protocol behind which they stand.

Public verbs: :func:`mnemon.ai.registry.make_embedder`. This package knows no database and no domain; importing it
loads no model and no optional dependency.
"""
