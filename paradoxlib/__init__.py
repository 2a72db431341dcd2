"""Executable companion to "Paradox in Deep Neural Networks" (arXiv 1903.04772)."""

from typing import Any

__version__ = "0.1.0"
__all__ = ["Comparison", "Placement", "compare", "place"]


def __getattr__(name: str) -> Any:
    """Import the comparison of two networks when it is first asked for: it needs all libraries."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from paradoxlib import comparison

    return getattr(comparison, name)
