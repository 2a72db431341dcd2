"""Anybody's two networks: what can be said of them, in tables, one sentence and a report."""

from paradoxlib.comparison.comparisons import Comparison, compare, compare_files

__all__ = ["Comparison", "compare", "compare_files"]
