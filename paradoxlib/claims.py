"""The paper's statements that can be checked: published and reproduced value, interval and verdict, a row each.

Both values come from the same function, applied to the published matrices and to ours. A statement holds when the whole interval lies in the
range that would make it true, fails when the whole interval lies outside, and is open otherwise.
"""

import math

import numpy as np
import pandas as pd

from paradoxlib import paradox, published

ALIKE = 0.985  # what the paper's matrices print as .99 or 1.00
EXAMPLES = {  # the published pairs that show each corner: alike and alike, yellow, red, different and different
    "resnet20": ("N16-N17", "N14-N16", "N01-N10", "N01-N04"),
    "resnet50": ("the two N1-All", "N1-Contrast and N1-All [5 Epochs]", "N2 and N1-All [10 Epochs]", "N2 and N1-Contrast"),
}
COLUMNS = ["statement", "section", "notebook", "published", "reproduced", "low", "high", "holds_from", "holds_to", "verdict"]


def verdict(low, high, holds_from, holds_to):
    """Return holds, fails or open: an interval against the range in which a statement is true."""
    if any(math.isnan(value) for value in (low, high)):
        return "no such pair"
    if holds_from <= low and high <= holds_to:
        return "holds"
    return "fails" if high < holds_from or low > holds_to else "open"


def table(rows):
    """Return the claims table of (statement, section, notebook, published, (reproduced, low, high), (holds_from, holds_to))."""
    return pd.DataFrame(
        [(*text, value, low, high, *bounds, verdict(low, high, *bounds)) for *text, (value, low, high), bounds in rows], columns=COLUMNS
    )


def published_pairs(architecture="resnet20"):
    """Return the pair table of the published matrices of an architecture's experiment; what they do not print is nan."""
    compatibility, similarity = (published.matrix(published.figure(architecture, shows)) for shows in ("compatibility", "similarity"))
    families = published.families(similarity)
    parents = {name: None if founder == name else founder for name, founder in families.items()}
    nothing = np.full((2, *compatibility.shape), np.nan)
    return paradox.pair_table(compatibility, compatibility * np.nan, similarity, nothing, compatibility * np.nan, parents)


def extreme(pairs, highest):
    """Return (compatibility, low, high) of the pair that behaves most (or least) alike; nan where there is no pair."""
    size = pairs["compatibility"].abs()
    if size.isna().all():
        return math.nan, math.nan, math.nan
    pair = pairs.loc[pairs["compatibility"].idxmax() if highest else size.idxmin()]
    if highest:
        return tuple(pair[["compatibility", "low", "high"]])
    ends = sorted(abs(pair[["low", "high"]]))
    return abs(pair["compatibility"]), 0.0 if pair["low"] < 0 < pair["high"] else ends[0], ends[1]


def means_over_resampled_networks(pairs, column, chosen, resamples=2000, seed=0):
    """Return the mean of a column over chosen pairs (a mask), the real one first, then with networks resampled: (1 + resamples,)."""
    names = sorted({*pairs["a"], *pairs["b"]})
    counts = np.random.default_rng(seed).multinomial(len(names), [1 / len(names)] * len(names), resamples)
    counts = np.vstack([np.ones_like(counts[:1]), counts])
    first, second = (counts[:, [names.index(name) for name in pairs[end]]] for end in "ab")
    weights = first * second * (chosen & pairs[column].notna()).to_numpy()
    with np.errstate(invalid="ignore"):
        return weights @ pairs[column].fillna(0) / weights.sum(1)


def with_interval(values):
    """Return (value, low, high) of values of which the first is the real one, the others resampled."""
    return (math.nan,) * 3 if np.isnan(values).all() else (values[0], *np.nanquantile(values, [0.025, 0.975]))


def pair_facts(pairs):
    """Return {fact: (value, low, high)} of a pair table.

    The intervals of means are those of resampled networks, the others those of resampled test images; the lowest similarity has none.
    """
    apart, near = pairs["relation"] == "strangers", pairs["similarity"] >= ALIKE
    strangers, alike = pairs[apart], pairs[near]
    gap = [means_over_resampled_networks(pairs, "compatibility", chosen) for chosen in (near, ~near)]
    return {
        "family": (pairs[~apart]["similarity"].min(),) * 3,
        "strangers": with_interval(means_over_resampled_networks(pairs, "similarity", apart)),
        "gap": with_interval(gap[0] - gap[1]),
        "alike and alike": extreme(alike, True),
        "yellow": extreme(alike, False),
        "red": extreme(strangers, True),
        "different and different": extreme(strangers, False),
    }


def accuracy_facts(samples, conditions):
    """Return {fact: (value, low, high)} of accuracies (resample, network, condition), the first resample being the real one."""
    means = paradox.distortion_means(samples, conditions)
    vi, clean = means.mean(-1), np.asarray(samples)[:, :, conditions.index(("contrast", 1.0))]
    facts = {"clean, lowest": clean.min(1), "clean, highest": clean.max(1), "vi, lowest": vi.min(1), "vi, highest": vi.max(1)}
    facts["spread"] = np.ptp(vi, 1) / np.ptp(clean, 1)
    near = abs(vi[0][:, None] - vi[0][None]) <= 0.02
    gap = abs(means[:, :, None] - means[:, None]).max(-1)
    at = np.unravel_index(np.argmax(np.where(near, gap[0], -1)), near.shape)
    facts["same score"] = gap[:, at[0], at[1]] if near.sum() > len(near) else np.full(len(gap), np.nan)
    return {name: with_interval(values) for name, values in facts.items()}


def claims(pairs, samples, conditions, correlation, comparable, architecture="resnet20"):
    """Return the claims on behaviour and similarity (notebooks 03 to 05).

    Parameters
    ----------
    pairs : pandas.DataFrame
        The pair table.
    samples : array
        Accuracies (resample, network, condition), the first row being the real ones.
    conditions : list
        [(distortion, level)].
    correlation : tuple
        Pearson's r of similarity with compatibility over all pairs, low, high.
    comparable : bool
        Whether the study has the paper's data; if not, absolute accuracies are not compared.
    architecture : str
        ``resnet20`` for the paper's first experiment; for its second any other.
    """
    ours, theirs = pair_facts(pairs), pair_facts(published_pairs(architecture))
    score = accuracy_facts(samples, conditions)
    (clean_low, clean_high), (vi_low, vi_high) = (published.text_range(what, architecture) for what in ("clean_accuracy", "visual_intelligence"))
    experiment = published.experiment(architecture)
    section, numbers = {"resnet20": "3.1", "resnet50": "3.2"}[experiment], published.FIGURES[experiment]
    printed = paradox.correlation(*(published.matrix(numbers[shows]) for shows in ("compatibility", "similarity")))
    bars, similar, different = (f"{section}, Figure {numbers[shows][3:]}" for shows in ("bars", "similarity", "difference"))
    alike, yellow, red, apart = EXAMPLES[experiment]
    rows = [
        ("Spread of visual intelligence over spread of clean accuracy: distortions separate networks",
         section, "03_evaluate_under_distortions", (vi_high - vi_low) / (clean_high - clean_low), score["spread"], (1, math.inf)),
        ("Largest gap on one distortion between networks of equal visual intelligence (within .02): one score hides two behaviours",
         section, "03_evaluate_under_distortions", math.nan, score["same score"], (0.05, 1)),
        ("Lowest similarity within a family",
         similar, "04_measure_kernel_similarity", theirs["family"][0], ours["family"], (ALIKE, 1)),
        ("Mean similarity between families",
         similar, "04_measure_kernel_similarity", theirs["strangers"][0], ours["strangers"], (-1, 0.3)),
        (f"Similar and alike, as {alike}: highest compatibility of nearly identical networks",
         different, "05_build_paradox_matrices", theirs["alike and alike"][0], ours["alike and alike"], (0.95, 1)),
        (f"Similar yet different, as {yellow}: lowest absolute compatibility of nearly identical networks",
         different, "05_build_paradox_matrices", theirs["yellow"][0], ours["yellow"], (0, 0.3)),
        (f"Different yet similar, as {red}: highest compatibility of strangers",
         different, "05_build_paradox_matrices", theirs["red"][0], ours["red"], (0.95, 1)),
        (f"Different and different, as {apart}: lowest absolute compatibility of strangers",
         different, "05_build_paradox_matrices", theirs["different and different"][0], ours["different and different"], (0, 0.3)),
        ("No correspondence: mean compatibility of nearly identical networks minus that of all others",
         "4", "05_build_paradox_matrices", theirs["gap"][0], ours["gap"], (-0.2, 0.2)),
        ("No correspondence: correlation of similarity with compatibility over all pairs",
         "4", "05_build_paradox_matrices", printed, correlation, (-0.3, 0.3)),
    ]  # fmt: skip
    if comparable:
        absolute = {"clean, lowest": clean_low, "clean, highest": clean_high, "vi, lowest": vi_low, "vi, highest": vi_high}
        for fact, value in absolute.items():
            name = fact.replace("vi", "visual intelligence").replace("clean", "clean accuracy").capitalize()
            rows.append((f"{name} of the networks", bars, "03_evaluate_under_distortions", value, score[fact], (value - 0.03, value + 0.03)))
    return table(rows)


def able_claims(samples, conditions, parent, others):
    """Return the claims on networks that were trained on all distortions against one that was not (the paper's N1-Alls and N2 against N1).

    `parent` and `others` are indices of networks in `samples` (resample, network, condition), the first resample being the real one.
    """
    clean = np.asarray(samples)[:, :, conditions.index(("contrast", 1.0))]
    means = paradox.distortion_means(samples, conditions)
    loss = (clean[:, [parent]] - clean[:, others]).max(1)
    better = (means[:, others] > means[:, [parent]]).all(1).sum(1).astype(float)
    where = "3.2, Figure 4", "03_evaluate_under_distortions"
    return table([
        ("N1-Alls and N2 match N1 on clean images: the largest loss of the three", *where, 0.0, with_interval(loss), (-1, 0.03)),
        ("They beat N1 under every distortion: distortions under which all three do, of 8", *where, 8.0, with_interval(better), (8, 8)),
    ])  # fmt: skip


def layer_claims(changes, child):
    """Return the claim on Figure 5: one layer deviates most in all children of N1. `changes` is the table of `results.layers`."""
    lowest = changes.loc[changes.groupby("network", sort=False)["mean"].idxmin()].set_index("network")["layer"]
    same = float((lowest.drop(child) == lowest[child]).sum())
    name = f"The layer that deviates most in {child} ({lowest[child]}) is that of the other {len(lowest) - 1} children, too: of how many"
    return table([(name, "4.3, Figure 5", "06_transplant_weights", 9.0, (same,) * 3, (len(lowest) - 1,) * 2)])


def transplant_claims(transplants, layers):
    """Return the claims on transplants (notebook 06).

    Parameters
    ----------
    transplants : pandas.DataFrame
        The table of `transplant.evaluate_plan`.
    layers : dict
        {layer: what it is}: the layer that the paper transplants, as far as there is such a layer, and the one that is least correlated between
        this parent and child, by which the paper chose its own.
    """
    rows = transplants.set_index("transplant")
    names = list(rows.columns)
    distortions = names[names.index("recovered_high") + 1 :]
    parent, where = rows.iloc[0], "06_transplant_weights"
    before, after = published.TEXT["transplant_one_layer"][0]
    found = []
    for name, what in layers.items():
        layer = rows.loc[name]
        kept = float((layer[distortions] >= parent[distortions] - 1e-9).sum())
        gain = tuple(layer[["gain", "gain_low", "gain_high"]])
        text = f"{what} ({name}) transplanted from child to parent: gain in visual intelligence"
        found += [(text, "4.2", where, after - before, gain, (1e-9, 1)),
                  ("Distortions that this layer does not make worse, of 8", "4.3", where, 8.0, (kept,) * 3, (8, 8))]  # fmt: skip
    whole = tuple(rows.loc["all convs", ["recovered", "recovered_low", "recovered_high"]])
    text = "All convolutions transplanted, the dense layer staying: share of the way from the parent's behaviour to the child's"
    return table([*found, (text, "4.2", where, 1.0, whole, (0.9, 1.1))])
