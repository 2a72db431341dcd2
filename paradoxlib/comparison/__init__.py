"""Anybody's two networks: what can be said of them, in tables, one sentence and a report."""

from paradoxlib.comparison.comparisons import Comparison, compare, compare_files
from paradoxlib.comparison.placing import Placement, place

__all__ = ["Comparison", "Placement", "compare", "compare_files", "place"]
