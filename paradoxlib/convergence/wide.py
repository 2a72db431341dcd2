"""Two strangers as wide as the networks of Convergent Learning, with its own settings of clusters.

Their layers are too wide for what notebook 07 keeps of narrow ones (`results.unit_layers`): here
are the correlations of partners, and the clusters, without the tables of all units with all.
"""

import pandas as pd

from paradoxlib.networks import models
from paradoxlib.results.tables import table
from paradoxlib.results.unit_tables import strangers_units
from paradoxlib.similarity import units
from paradoxlib.studies import comparing
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study

FIRST, OTHERS = 40, 100  # clusters of the first layer and of each other one, in Li et al.
ALPHA = 0.025  # a cluster of more than twice this share of a layer's units is split, in Li et al.


def strangers_layers(session: Session) -> dict[str, units.Layer]:
    """Return {convolution behind a ReLU: the two strangers' units} of a study."""
    networks, _, layers = strangers_units(session)
    convolutions = models.conv_layers(next(iter(networks.values())))
    return {place: layer for place, layer in layers.items() if place in convolutions}


def depends(study: Study) -> tuple:
    """Return what the tables depend on beside the networks."""
    return comparing.IMAGES, comparing.example_pairs(study), FIRST, OTHERS, ALPHA


@table(
    "wide_partners",
    "layer, unit, semi_matching, matching",
    needs="weights, images",
    depends=depends,
)
def wide_partners(session: Session) -> pd.DataFrame:
    """Correlation of each unit of a network with its partners in a stranger; a dead one has none.

    In both ways of matching, of the strangers that are shown, for each convolution behind a ReLU.
    """
    parts = []
    for place, layer in strangers_layers(session).items():
        loose, strict = (find(layer.between)[1] for find in (units.semi_match, units.match))
        both = {"unit": range(len(loose)), "semi_matching": loose, "matching": strict}
        parts.append(pd.DataFrame(both).assign(layer=place))
    return pd.concat(parts, ignore_index=True)[["layer", "unit", "semi_matching", "matching"]]


@table(
    "wide_clusters",
    "layer, cluster, units_a, units_b, between, within",
    needs="weights, images",
    depends=depends,
)
def wide_clusters(session: Session) -> pd.DataFrame:
    """Clusters of the same strangers' units, with the settings of Li et al. as they are.

    `FIRST` clusters of the first layer and `OTHERS` of each other one, correlations above .2, and
    `ALPHA`; narrower layers have as many clusters as one of their networks has units, at most.
    """
    parts: list[pd.DataFrame] = []
    for place, layer in strangers_layers(session).items():
        count = min(OTHERS if parts else FIRST, len(layer.between))
        labels = units.spectral_clusters(layer, k=count, alpha=ALPHA)
        parts.append(units.cluster_table(layer, *labels).reset_index().assign(layer=place))
    columns = ["layer", "cluster", "units_a", "units_b", "between", "within"]
    return pd.concat(parts, ignore_index=True)[columns]
