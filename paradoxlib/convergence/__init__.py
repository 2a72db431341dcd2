"""What Convergent Learning leaves open (Li et al. 2015, section 5), asked of a study's networks."""

from paradoxlib.convergence.joining import combinations, ensemble_scores, ensembles
from paradoxlib.convergence.removing import (
    compression,
    function_scores,
    task_matches,
    unit_facts,
)
from paradoxlib.convergence.wide import wide_clusters, wide_partners
from paradoxlib.results.tables import TABLES  # those of results, and these
