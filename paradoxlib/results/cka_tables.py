"""Tables of the similarity of representations (CKA, Nguyen et al. 2020)."""

import pandas as pd
import torch

from paradoxlib import keep
from paradoxlib.images import distortions
from paradoxlib.networks import activations
from paradoxlib.results.tables import Kept, table, tensors
from paradoxlib.similarity import cka
from paradoxlib.studies import comparing
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study


def layers_key(study: Study) -> str:
    """Return the key of the CKA of the example pairs."""
    examples = comparing.example_pairs(study)
    return keep.key(study.table_key("cka_layers"), comparing.IMAGES, distortions.NOISY, examples)


@tensors("cka_layers", "weights, images", layers_key)
def cka_of_examples(session: Session) -> Kept:
    """CKA of all layers, of the example pairs and of a network with itself."""
    networks = comparing.compared(session, session.device)
    images = comparing.pictures(session)
    first = next(iter(networks))
    pairs = {"itself": (first, first)} | comparing.example_pairs(session.study)
    shown = {name: networks[name] for pair in pairs.values() for name in pair}
    made, layers = {}, []
    for condition, pixels in comparing.clean_and_noisy(session.study, images).items():
        found = cka.cka_matrices(shown, pixels, list(pairs.values()))
        for relation, pair in pairs.items():
            values = torch.tensor(found[pair].to_numpy(), dtype=torch.float32)
            made[f"{relation}|{condition}"], layers = values, list(found[pair].index)
    return made, {"layers": layers}


def cka_layers(session: Session) -> dict[tuple[str, str], pd.DataFrame]:
    """Return {(relation, condition): CKA (layers of one, layers of the other)}.

    `condition` is ``clean`` or a distortion with its level (see `distortions.NOISY`); the layers
    that follow a batch norm or an addition are ReLUs.
    """
    kept, about = cka_of_examples(session)
    layers, found = about["layers"], {}
    for name, values in kept.items():
        relation, condition = name.split("|")
        found[relation, condition] = pd.DataFrame(values.double().numpy(), layers, layers)
    return found


@table(
    "cka_pairs",
    "a, b, relation, layer, condition, cka",
    needs="weights, images",
    depends=lambda study: (comparing.IMAGES, comparing.COMPARED, distortions.NOISY),
)
def cka_pairs(session: Session) -> pd.DataFrame:
    """CKA of the same layer (each ReLU) in all pairs of networks, beside chance."""
    networks = comparing.compared(session, session.device)
    images = comparing.pictures(session)
    first = next(iter(networks.values()))
    where = activations.relu_places(first, images)
    related = comparing.related_pairs(session.study, networks)
    pairs = [(pair.a, pair.b) for pair in related]
    everyone = networks | {"chance": activations.on_other_images(first)}
    rows = []
    for condition, pixels in comparing.clean_and_noisy(session.study, images).items():
        found = cka.cka_matrices(everyone, pixels, pairs, list(where.values()))
        for pair in related:
            matrix = found[pair.a, pair.b]
            for place, relu in where.items():
                rows.append((*pair, place, condition, matrix.loc[relu, relu]))
    return pd.DataFrame(rows, columns=["a", "b", "relation", "layer", "condition", "cka"])
