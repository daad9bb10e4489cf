"""Times in questions ("yesterday", "in spring 2025", "vor drei Tagen", "03.03.2026") and the stretches they mean."""

from mnemon.memory.recall.when.reading import Named, read
from mnemon.memory.recall.when.spans import Cycle, Span

__all__ = ["Cycle", "Named", "Span", "read"]
