"""The tables of a study: each computed once, by training and evaluating what is missing, and read ever after.

What a table needs is another table or a network, never a notebook; so any of them may be asked for first.
"""

import pandas as pd

from paradoxlib import claims as statements
from paradoxlib import evaluation, kernels, paradox, published, tables, training, transplant


def history(study):
    """Return the table (network, epoch, loss, accuracy, learning_rate) of training; trains what is not trained."""

    def compute():
        training.train_all(study)
        return training.history(study)

    return tables.result(study, "training_history", compute)


def accuracies(study):
    """Return the tidy table (network, distortion, level, accuracy, n): top-1 of every network under every condition."""

    def compute():
        return evaluation.accuracy(evaluation.predictions(study), study.images("test").labels, study.conditions)

    return tables.result(study, "accuracy", compute)


def agreement(study):
    """Return the share of equal predictions (network, network) over all conditions and images."""
    return tables.matrix(study, "agreement", lambda: evaluation.agreement(evaluation.predictions(study)))


def states(study):
    """Return {network: state dict}; trains what is not trained."""
    training.train_all(study)
    return training.load_states(study)


def similarity(study, alignment="paper"):
    """Return the similarity (network, network) of all pairs by one alignment."""
    return tables.matrix(study, f"similarity_{alignment}", lambda: kernels.similarity_matrix(states(study), alignment))


def chance_levels(study):
    """Return {alignment: similarity of unrelated networks} for the study's architecture."""

    def compute():
        levels = [(name, kernels.chance_level(study.model.architecture, name)) for name in kernels.ALIGNMENTS]
        return pd.DataFrame(levels, columns=["alignment", "chance_level"])

    return tables.result(study, "chance_levels", compute).set_index("alignment")["chance_level"].to_dict()


def pairs(study):
    """Return the table of all pairs; see `paradox.pair_table`."""

    def compute():
        predicted, conditions = evaluation.predictions(study), study.conditions
        samples = evaluation.resampled_accuracy(predicted, study.images("test").labels)
        bounds = paradox.compatibility_intervals(samples, conditions)
        parents = {name: network.parent for name, network in study.networks.items()}
        return paradox.pair_table(paradox.compatibility(accuracies(study)), similarity(study), bounds, agreement(study), parents)

    return tables.result(study, "pairs", compute)


def transplant_pair(study):
    """Return (parent, child): the two that behave least alike, of all parents and children."""
    related = pairs(study).query("relation == 'parent and child'")
    pair = related.sort_values("compatibility").iloc[0]
    return (pair["a"], pair["b"]) if study.networks[pair["b"]].parent == pair["a"] else (pair["b"], pair["a"])


def layers(study):
    """Return the table (network, layer, mean, sd, n): every child's kernel correlation with its parent, layer by layer."""

    def compute():
        nets, rows = states(study), []
        for name, network in study.networks.items():
            if network.parent:
                alike = kernels.layer_similarity(nets[network.parent], nets[name])
                rows += [(name, network.parent, layer, *values) for layer, values in alike.items()]
        return pd.DataFrame(rows, columns=["network", "parent", "layer", "mean", "sd", "n"])

    return tables.result(study, "layer_similarity", compute)


def transplants(study):
    """Return what each transplant from the most different child to its parent does; see `transplant.evaluate_plan`."""
    parent, child = transplant_pair(study)
    return tables.result(study, "transplants", lambda: transplant.evaluate_plan(study, parent, child), study.transplant_images)


def claims(study):
    """Return the claims table: the paper's statements with published and reproduced value, interval and verdict."""

    def compute():
        samples = evaluation.resampled_accuracy(evaluation.predictions(study), study.images("test").labels, real_first=True)
        related = paradox.correlation_interval(paradox.compatibility(accuracies(study)), similarity(study))
        alike = layers(study).set_index("layer")
        deviating = alike.loc[alike["network"] == transplant_pair(study)[1], "mean"].idxmin()
        like_paper = study.data.name == published.DATA and study.model.architecture == published.ARCHITECTURE
        behaviour = statements.claims(pairs(study), samples, study.conditions, related, like_paper)
        return pd.concat([behaviour, statements.transplant_claims(transplants(study), deviating)], ignore_index=True)

    return tables.result(study, "claims", compute, study.transplant_images)
