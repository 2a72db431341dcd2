"""Does it hold in a population? Tables over all pairs and all children of many families."""

from paradoxlib.population.bench_tables import (
    BY_PREDICTIONS,
    MEASURED,
    population_measures,
    population_scores,
    population_splits,
)
from paradoxlib.population.child_tables import (
    population_children,
    population_relatives,
    population_shares,
)
from paradoxlib.population.judging import other_families, readings
from paradoxlib.population.stranger_tables import stranger_facts, taught_pairs
from paradoxlib.results import TABLES  # with those above among them

__all__ = [
    "BY_PREDICTIONS",
    "MEASURED",
    "TABLES",
    "other_families",
    "population_children",
    "population_measures",
    "population_relatives",
    "population_scores",
    "population_shares",
    "population_splits",
    "readings",
    "stranger_facts",
    "taught_pairs",
]
