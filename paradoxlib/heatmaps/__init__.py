"""How networks see images, all layers with all: of all founders, and of several depths."""

from paradoxlib.heatmaps.depth_tables import (
    cka_depth_claims,
    cka_depths,
    depth_components,
)
from paradoxlib.heatmaps.founder_tables import (
    BATCHES,
    cka_batches,
    cka_claims,
    cka_founders,
    cka_structure,
    first_components,
)
from paradoxlib.heatmaps.size_tables import cka_sizes, seeds_of_sizes, sizes
from paradoxlib.heatmaps.structure import checkerboard, largest_block
from paradoxlib.results import TABLES

__all__ = [
    "BATCHES",
    "TABLES",
    "checkerboard",
    "cka_batches",
    "cka_claims",
    "cka_depth_claims",
    "cka_depths",
    "cka_founders",
    "cka_sizes",
    "cka_structure",
    "depth_components",
    "first_components",
    "largest_block",
    "seeds_of_sizes",
    "sizes",
]
