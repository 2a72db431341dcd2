"""Anybody's two networks: what can be said of them, in tables, one sentence and a report."""

from paradoxlib.comparison.comparisons import Comparison, compare

__all__ = ["Comparison", "compare"]
