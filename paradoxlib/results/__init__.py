"""Every table of a study by its name: computed once, kept, and read ever after."""

from paradoxlib.results.behaviour_tables import (
    accuracies,
    agreements,
    claims,
    compatibilities,
    correspondences,
    noise_seeds,
    original,
    original_file,
    pairs,
    transplant_pair,
    transplants,
)
from paradoxlib.results.cka_tables import (
    PASSES,
    cka_depths,
    cka_layers,
    cka_pairs,
    depth_components,
    first_components,
)
from paradoxlib.results.measure_tables import (
    MEASURES,
    measure_bench,
    measure_values,
)
from paradoxlib.results.network_tables import (
    caption,
    chance_levels,
    example_predictions,
    examples,
    layers_of_children,
    layers_of_pairs,
    network_settings,
    running_statistics,
    shown_examples,
    similarities,
    states,
    training_history,
    transplanted_layer,
)
from paradoxlib.results.part_tables import (
    exchange_count,
    exchange_shares,
    exchanges,
    identical_kernels,
    identical_pairs,
    statistics_by_layer,
)
from paradoxlib.results.tables import TABLES, meanings, publish, run_time, save_figure
from paradoxlib.results.unit_tables import example_units, unit_information, unit_matches
