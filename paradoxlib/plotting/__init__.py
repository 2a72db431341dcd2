"""Plots: tables and arrays in, Axes out.

Every function draws on the Axes that it is given, or makes some, returns them and saves nothing.
Nothing happens at import: call `use_style` for the project's style sheet.
"""

from paradoxlib.plotting.layers import (
    draw_batches,
    draw_cumulative,
    draw_kernel_lengths,
    draw_layer_profile,
    draw_layer_profiles,
    draw_values,
)
from paradoxlib.plotting.pair_plots import (
    draw_agreement,
    draw_bench,
    draw_densities,
    draw_kind_shares,
    draw_matrix,
    draw_measures,
    draw_pairs,
)
from paradoxlib.plotting.part_plots import (
    draw_changes,
    draw_exchange_shares,
    draw_grounding,
    draw_identical_pairs,
    draw_moved_pairs,
    draw_reestimated,
    draw_seeds,
    draw_shares_by_rate,
)
from paradoxlib.plotting.patch_plots import (
    draw_clusters,
    draw_joint,
    draw_matched_patches,
    draw_tree,
)
from paradoxlib.plotting.profiles import (
    draw_accuracy_curves,
    draw_against_rate,
    draw_history,
    draw_images,
    draw_judged,
    draw_placement,
    draw_profiles,
    draw_stacked_bars,
)
from paradoxlib.plotting.style import MARKS, PALETTE, RELATIONS, SCALES, label, use_style
from paradoxlib.plotting.unit_plots import (
    draw_bands,
    draw_blocks,
    draw_by_layer,
    draw_cluster_curves,
    draw_component_shares,
    draw_correlations,
    draw_gains,
    draw_heatmaps,
    draw_match_curves,
)

__all__ = [
    "MARKS",
    "PALETTE",
    "RELATIONS",
    "SCALES",
    "draw_accuracy_curves",
    "draw_against_rate",
    "draw_agreement",
    "draw_bands",
    "draw_batches",
    "draw_bench",
    "draw_blocks",
    "draw_by_layer",
    "draw_changes",
    "draw_cluster_curves",
    "draw_clusters",
    "draw_component_shares",
    "draw_correlations",
    "draw_cumulative",
    "draw_densities",
    "draw_exchange_shares",
    "draw_gains",
    "draw_grounding",
    "draw_heatmaps",
    "draw_history",
    "draw_identical_pairs",
    "draw_images",
    "draw_joint",
    "draw_judged",
    "draw_kernel_lengths",
    "draw_kind_shares",
    "draw_layer_profile",
    "draw_layer_profiles",
    "draw_match_curves",
    "draw_matched_patches",
    "draw_matrix",
    "draw_measures",
    "draw_moved_pairs",
    "draw_pairs",
    "draw_placement",
    "draw_profiles",
    "draw_reestimated",
    "draw_seeds",
    "draw_shares_by_rate",
    "draw_stacked_bars",
    "draw_tree",
    "draw_values",
    "label",
    "use_style",
]
