"""The claims on networks of several depths follow from the tables."""

import pandas as pd

from paradoxlib import heatmaps
from paradoxlib.studies import sessions


def test_committed_claims_on_depths_follow_from_the_committed_tables():
    session = sessions.start("cifar10-depth50")
    found = heatmaps.cka_depth_claims.__wrapped__(session)
    committed = heatmaps.cka_depth_claims(session)
    assert set(committed["group"]) == {"checkerboard", "block", "depths", "values"}
    pd.testing.assert_frame_equal(found, committed, rtol=0, atol=1e-9, check_dtype=False)
