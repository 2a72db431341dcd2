"""Exchanges move exactly the parts that are named; shares add up and are those of simple games."""

import pytest
import torch

from paradoxlib import data, evaluation, exchange, models, training


@pytest.fixture
def states():
    made = [models.build("resnet20", generator=data.generator(seed)).state_dict() for seed in (1, 2)]
    return made[0], {name: value + 0.01 for name, value in made[1].items()}


def test_every_entry_belongs_to_one_part(states):
    owner = exchange.part_of(states[0])
    assert set(owner.values()) == set(exchange.PARTS) and owner.keys() == states[0].keys()
    sizes = {part: sum(states[0][entry].numel() for entry, p in owner.items() if p == part) for part in exchange.PARTS}
    assert sizes == {"kernels": 270_256, "biases": 784, "scale and shift": 1_376, "running statistics": 1_376, "dense layer": 650}


@pytest.mark.parametrize("parts", [(), ("biases",), ("kernels", "dense layer"), exchange.PARTS])
def test_what_is_named_is_the_donor_s_and_the_rest_the_recipient_s(states, parts):
    owner, made = exchange.part_of(states[0]), exchange.exchange(*states, parts)
    for entry, value in made.items():
        assert torch.equal(value, states[owner[entry] in parts][entry])


def test_bad_exchanges_are_refused(states):
    with pytest.raises(ValueError, match="unknown part 'kernel': choose of kernels"):
        exchange.exchange(*states, ["kernel"])
    with pytest.raises(ValueError, match="different architectures"):
        exchange.exchange(states[0], {**states[1], "fc.bias": states[1]["fc.bias"][:5]}, ["kernels"])


def test_shares_of_simple_games():
    parts = ("a", "b", "c")
    additive = {chosen: sum({"a": 1, "b": 2, "c": 0}[part] for part in chosen) for chosen in exchange.subsets(parts)}
    assert exchange.shapley(additive, parts) == pytest.approx({"a": 1, "b": 2, "c": 0})
    both = {chosen: float({"a", "b"} <= set(chosen)) for chosen in exchange.subsets(parts)}  # neither does anything alone
    assert exchange.shapley(both, parts) == pytest.approx({"a": 0.5, "b": 0.5, "c": 0})


def test_exchanges_of_a_study_end_at_the_donor(tiny, monkeypatch):
    training.train_all(tiny)
    table, shares = exchange.evaluate(tiny, "A", "C")
    assert len(table) == 32 and table["recovered"].iloc[:2].tolist() == pytest.approx([0, 1])
    assert shares["recovered"].sum() == pytest.approx(1)
    gain = table["visual_intelligence"].iloc[1] - table["visual_intelligence"].iloc[0]
    assert shares["visual_intelligence"].sum() == pytest.approx(gain)
    monkeypatch.setattr(evaluation, "predict_states", None)  # the second time nothing is evaluated
    assert exchange.evaluate(tiny, "A", "C")[0].equals(table)


def test_statistics_of_single_layers(tiny):
    training.train_all(tiny)
    table = exchange.layer_statistics(tiny, "A", "C")
    assert len(table) == 19 and "res3a_branch1" not in set(table["layer"]) and (table["low"] <= table["high"]).all()
    assert table["recovered"].notna().all()


def test_statistics_gathered_anew_change_nothing_that_was_learned(tiny):
    training.train_all(tiny)
    old, new = training.load_network(tiny, "A").state_dict(), exchange.reestimated(tiny, "A", "B", images=48)
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed == {name for name in old if "running" in name} and new.keys() == old.keys()
    means = exchange.identical_kernels(tiny, "A", "B")
    assert list(means.index) == ["A", "A re-estimated", "B"] and means.shape == (3, 9)


def test_behaviour_of_predictions(tiny, monkeypatch):
    n = 2000  # images, all of one class, right more or less often by condition
    monkeypatch.setattr(exchange, "pictures", lambda study: type("Images", (), {"labels": torch.zeros(n, dtype=torch.int64)}))
    source, often = torch.Generator().manual_seed(0), torch.linspace(0.2, 0.8, len(tiny.conditions))[:, None]
    predicted = {
        name: (torch.rand(len(often), n, generator=source) > p).to(torch.int16) for name, p in (("a", often), ("b", often), ("c", 1 - often))
    }
    means, compatibility, bounds = exchange.behaviour(tiny, predicted)
    assert means.shape == (3, 3) and compatibility[0, 1] > 0.98 and compatibility[0, 2] < -0.98
    assert bounds[0, 0, 1] <= compatibility[0, 1] <= bounds[1, 0, 1]


def test_statistics_gathered_anew_are_those_of_the_images(tiny):
    training.train_all(tiny)
    model, settings = training.load_network(tiny, "A"), tiny.network("A")
    state, train = exchange.reestimated(tiny, "A", "A", images=30), tiny.images("train").first(30)
    seen = training.augment(train.pixels, tiny.data, settings, data.generator(settings.seed, "statistics"))
    with torch.no_grad():
        output = model.conv("conv1", (seen - model.mean) / model.std)
    assert torch.allclose(state["bn_conv1.running_mean"], output.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(state["bn_conv1.running_var"], output.var((0, 2, 3)), rtol=1e-4)


def test_tables_of_all_children(tiny):
    training.train_all(tiny)
    every, parts = exchange.exchanges(tiny), exchange.shares(tiny)
    assert len(every) == 32 and set(parts["part"]) == set(exchange.PARTS) and (parts[["parent", "child"]] == ["A", "B"]).all().all()
    alone = exchange.identical_pairs(tiny)
    assert alone[["a", "b"]].to_numpy().tolist() == [["A", "B"]] and alone["trained"].tolist() == pytest.approx(
        every["with_recipient"].iloc[1:2].tolist(), nan_ok=True
    )
    assert len(exchange.statistics_by_layer(tiny)) == 19 and exchange.identical(tiny)["network"].tolist() == ["A", "A re-estimated", "B"]
