"""Every table of a study by its name: computed once, kept, and read ever after."""

from paradoxlib.results.behaviour_tables import (
    accuracies,
    agreements,
    claims,
    compatibilities,
    correspondences,
    image_facts,
    noise_seeds,
    pairs,
    stranger_claims,
    stranger_transplants,
    transplant_pair,
    transplants,
)
from paradoxlib.results.measure_tables import (
    MEASURES,
    measure_bench,
    measure_grounding,
    measure_values,
)
from paradoxlib.results.network_tables import (
    caption,
    chance_levels,
    cka_layers,
    cka_pairs,
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
)
from paradoxlib.results.original_tables import original, original_file
from paradoxlib.results.part_tables import (
    exchange_count,
    exchange_shares,
    exchanges,
    identical_kernels,
    identical_pairs,
    statistics_by_layer,
    transplanted_layer,
)
from paradoxlib.results.tables import TABLES, meanings, publish, run_time, save_figure
from paradoxlib.results.unit_tables import (
    at_their_depths,
    example_units,
    unit_claims,
    unit_information,
    unit_labels,
    unit_matches,
)
