"""Benchmarks of Mnemon: each starts a PostgreSQL of its own, measures side by side in one run, prints and saves.

``python -m bench NAME --data PATH --out bench/out``; docs/benchmarks.md says what each measures and how.
"""
