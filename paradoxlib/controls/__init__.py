"""Is it the batch norm? Tables of the studies that take it away, and what was predicted of them."""

from paradoxlib.controls.control_tables import (
    adapted_pairs,
    averaged_founders,
    control_children,
    control_shares,
    few_images,
)
from paradoxlib.controls.expectations import (
    CONTROLS,
    NEARLY_IDENTICAL,
    judge,
    least_compatible,
    missing,
    read_control,
    side_by_side,
)
from paradoxlib.results import TABLES  # with those above among them

__all__ = [
    "CONTROLS",
    "NEARLY_IDENTICAL",
    "TABLES",
    "adapted_pairs",
    "averaged_founders",
    "control_children",
    "control_shares",
    "few_images",
    "judge",
    "least_compatible",
    "missing",
    "read_control",
    "side_by_side",
]
