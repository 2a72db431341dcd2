"""Executable companion to "Paradox in Deep Neural Networks" (arXiv 1903.04772)."""

__version__ = "0.1.0"
