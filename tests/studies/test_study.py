"""Studies are those of the paper; a bad file is refused in one sentence that names file and key."""

import pytest
from conftest import TINY, tiny_file

from paradoxlib.heatmaps import size_tables
from paradoxlib.paper import published
from paradoxlib.studies.study import load, names


@pytest.mark.parametrize(
    ("name", "networks", "founders", "pairs"),
    [
        ("demo", 8, 3, 28),
        ("cifar10-20", 20, 9, 190),
        ("cifar10", 329, 104, 53_956),
        ("population", 329, 104, 53_956),
        ("cifar10-rates", 12, 2, 66),
        ("cifar10-resnet50", 12, 2, 66),
        ("imagenet", 20, 10, 190),
    ],
)
def test_sizes(name, networks, founders, pairs):
    study = load(name)
    n = len(study.networks)
    assert (n, len(study.families), n * (n - 1) // 2) == (networks, founders, pairs)
    children = sum(own.parent is not None for own in study.networks.values())
    assert children == networks - founders
    assert len(study.conditions) == 34


def test_all_studies_are_there():
    assert names() == [
        "cifar10",
        "cifar10-20",
        "cifar10-batch64",
        "cifar10-convnet",
        "cifar10-depth101",
        "cifar10-depth152",
        "cifar10-depth50",
        "cifar10-rates",
        "cifar10-resnet32",
        "cifar10-resnet50",
        "cifar10-resnet56",
        "cifar10-width1",
        "cifar10-width2",
        "cifar10-width4",
        "controls",
        "controls-frozen",
        "controls-group",
        "controls-none",
        "demo",
        "imagenet",
        "population",
        "population-behind",
        "population-sample",
    ]


def test_the_twenty_have_the_families_of_figure_7():
    study = load("cifar10-20")
    assert study.family_of == published.families_of(published.read_matrix("fig7"))


def test_parents_come_in_the_generation_before_their_children():
    study = load("cifar10-resnet50")
    assert study.generations == [
        ["N1", "N2"],
        [name for name in study.networks if name not in ("N1", "N2")],
    ]
    assert study.families == {"N1": [name for name in study.networks if name != "N2"], "N2": ["N2"]}


@pytest.mark.parametrize(
    ("name", "figure"), [("cifar10-20", "fig7"), ("cifar10-resnet50", "fig10")]
)
def test_networks_are_named_as_in_the_paper(name, figure):
    assert list(load(name).networks) == list(published.read_matrix(figure).index)


@pytest.mark.parametrize("name", names())
def test_children_differ_from_their_parent_by_distortions_and_seed_alone(name):
    study = load(name)
    for child in study.networks.values():
        if child.parent:
            parent = study.networks[child.parent]
            fine_tuning = {
                "parent",
                "seed",
                "distortions",
                "distortions_per_image",
                "noise_amount",
                "epochs",
                "learning_rate",
                "schedule",
                "frozen",
            }
            assert child.model_dump(exclude=fine_tuning) == parent.model_dump(exclude=fine_tuning)
            steps = 1000
            rate = child.rate_at(0, steps, study.epochs_before(child.parent) + parent.epochs)
            if not name.startswith(("cifar10-rates", "controls")):  # which vary it
                assert rate <= 3e-5
            if child.schedule == "continued":
                assert rate == pytest.approx(parent.rate_at(parent.epochs * steps, steps))


def test_the_population_has_the_networks_of_cifar10_and_another_budget():
    small, full = load("population"), load("cifar10")
    budget = {"epochs"}
    for name, network in full.networks.items():
        assert small.networks[name].model_dump(exclude=budget) == network.model_dump(exclude=budget)
        assert small.networks[name].epochs == (6 if network.parent is None else 1)


def test_a_file_is_read_again_as_it_is_then(tmp_path):
    study = load(tiny_file(tmp_path))
    assert load(tmp_path / "tiny.yaml") == study  # what was read first is not spoiled
    changed = load(tiny_file(tmp_path, TINY.replace("epochs: 2", "epochs: 3")))
    assert {own.epochs for own in changed.networks.values() if not own.parent} == {3}


def test_keys_change_with_what_a_network_depends_on_and_nothing_else(tmp_path):
    base = load(tiny_file(tmp_path))
    assert base.network_key("A") != base.network_key("C")
    slower = load(tiny_file(tmp_path, TINY.replace("epochs: 2", "epochs: 3")))
    assert slower.network_key("A") != base.network_key("A") and slower.network_key(
        "B"
    ) != base.network_key("B")
    other = load(
        tiny_file(
            tmp_path,
            TINY.replace("C: {seed: 3}", "C: {seed: 4}").replace("title: three", "title: 3"),
        )
    )
    assert other.network_key("B") == base.network_key("B") and other.table_key() != base.table_key()
    assert base.table_key("accuracy") != base.table_key("agreement")
    assert load(tiny_file(tmp_path)).table_key("accuracy") == base.table_key("accuracy")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("seed: 3", "sed: 3", r"tiny.yaml: networks.C.seed: Field required|networks.C.sed"),
        (
            "C: {seed: 3}",
            "C: {seed: 3, colour: red}",
            r"tiny.yaml: networks.C.colour: there is no such setting",
        ),
        (
            "C: {seed: 3}",
            "C: {seed: three}",
            r"tiny.yaml: networks.C.seed: Input should be a valid integer",
        ),
        ("C: {seed: 3}", "C: {seed: 3, parent: Z}", r"there is no network 'Z'"),
        ("A: {seed: 1}", "A: {seed: 1, parent: B}", r"is a cycle"),
        ("A: {seed: 1}", "A: {seed: 1, parent: A}", r"is a cycle"),
        (
            "resnet20",
            "resnet21",
            r"tiny.yaml: model.architecture: unknown architecture 'resnet21': choose one of",
        ),
        ("blur: [1.0]", "blur: [-1.0]", r"blur level -1 is out of range"),
        ("blur: [1.0]", "fog: [1.0]", r"fog"),
        (
            "distortions: [gaussian_noise, blur]",
            "distortions: [rain]",
            r"networks.B.distortions.0: unknown distortion 'rain': choose one of contrast",
        ),
        ("C: {seed: 3}", "A: {seed: 3}", r"'A' stands twice"),
        ("C: {seed: 3}", "C: 3", r"networks.C: a network is a mapping"),
        ("C: {seed: 3}", "C: {seed: 3, frozen: norms}", r"C: frozen is norms: it needs a parent"),
        ("epochs: 2", "epochs: 0", r"epochs: Input should be greater than or equal to 1"),
        ("name: tiny", "name: ../tiny", r"tiny.yaml: name: String should match"),
        ("title:", "- title:", r"tiny.yaml: "),
        ("schedule: cosine", "schedule: step", r"schedule step needs milestones"),
        ("contrast: [0.3, 1.0]", "contrast: [0.3]", r"contrast: level 1.0 is needed"),
        ("blur: [1.0]", "blur: []", r"grid.blur: there are no levels"),
        (
            "name: digits,",
            "name: digits, image_size: 64,",
            r"image_size is 64: images of digits have 32 pixels",
        ),
        ("C: {seed: 3}", "C: {seed: 3, parent: [A]}", r"networks.C.parent: the name of a network"),
        (
            "fine_tuning: {epochs: 1, learning_rate: 1.e-5}",
            "fine_tuning: [1]",
            r"fine_tuning: a mapping of settings is needed",
        ),
        ("C: {seed: 3}", "3: {seed: 3}", r"networks"),
        ("name: tiny", "name: demo", r"name: demo is a study of the package"),
        (
            "C: {seed: 3}",
            "C: {seed: 3, parent: A, schedule: continued}",
            r"networks.C: schedule continued needs a parent with schedule step",
        ),
        (
            "seed: 3",
            "seed: !!python/object/apply:os.getcwd []",
            r"could not determine a constructor",
        ),
    ],
)
def test_bad_files_are_refused(tmp_path, old, new, text):
    assert old in TINY
    with pytest.raises(ValueError, match=text) as caught:
        load(tiny_file(tmp_path, TINY.replace(old, new, 1)))
    assert "tiny.yaml" in str(caught.value) and "\n" not in str(caught.value)


ALIASES = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 8))
MERGES = "".join(f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 9)}]}}\n" for i in range(1, 8))
CHAIN = "".join(f"  D{i}: {{parent: {f'D{i - 1}' if i else 'C'}}}\n" for i in range(101))
COPIES = TINY.replace("schedule: cosine", f"schedule: {'c' * 9999}")
WRITTEN_OUT = "with all aliases and defaults written out it has more than 5,000,000"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (f"{TINY}a0: &a0 [x, x, x]\n{ALIASES}", WRITTEN_OUT),
        (f"{TINY}m0: &m0 {{x: 1, y: 2}}\n{MERGES}", WRITTEN_OUT),
        (f"{TINY}a: &a [*a, *a]\n", WRITTEN_OUT),
        (COPIES + "".join(f"  D{i}: {{seed: 1}}\n" for i in range(600)), WRITTEN_OUT),
        (f"{TINY}a: {'[' * 90_000}", "it is nested too deeply for a study"),
        (TINY + CHAIN, "networks.D100.parent: it has more ancestors than 100"),
        (f"{TINY}# {'x' * 200_000}", "it has 200,... bytes: a study has at most 200,000"),
        (TINY.replace("epochs: 1", "epoch: 1"), "fine_tuning.epoch: there is no such setting"),
    ],
)
def test_a_short_file_cannot_fill_the_memory(tmp_path, content, text):
    with pytest.raises(ValueError, match=f"tiny.yaml: {text}") as caught:
        load(tiny_file(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_unknown_studies_and_networks_are_refused(tmp_path):
    with pytest.raises(ValueError, match="unknown study 'cifar11': choose one of cifar10, "):
        load("cifar11")
    with pytest.raises(FileNotFoundError, match="there is no study file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(ValueError, match="has no network 'N99'"):
        load("demo").network("N99")


def test_networks_of_an_unknown_study_are_refused(tmp_path):
    text = TINY[: TINY.index("networks:")] + "networks: cifar11\n"
    with pytest.raises(
        ValueError, match="tiny.yaml: networks: there is no study 'cifar11' to take them from"
    ):
        load(tiny_file(tmp_path, text))


def test_learning_rates():
    network = load("cifar10").networks["P001"]
    decayed = [
        network.rate_at(step, 100) * (1 + network.decay * step)
        for step in (0, 1199, 1200, 1800, 2400)
    ]
    assert decayed == pytest.approx([0.01, 0.01, 0.001, 0.0001, 0.00001])
    child = load("cifar10").networks["C001"]  # of P001
    assert child.rate_at(0, 100, 30) == pytest.approx(network.rate_at(3000, 100))
    cosine = load("demo").networks["N01"]
    assert cosine.rate_at(0, 10) == cosine.learning_rate
    middle = cosine.rate_at(5 * cosine.epochs, 10)
    assert middle == pytest.approx(cosine.learning_rate / 2)


def test_studies_of_sizes_differ_in_the_model_alone():
    for name, others in size_tables.SIZES.items():
        first = load(name)
        for other in map(load, others):
            assert other.networks == first.networks and other.data == first.data
            assert other.model != first.model and other.evaluation == first.evaluation
    assert load("cifar10-width4").model.width == 4
    assert load("cifar10-depth152").model.width == 0.25


def test_a_width_that_gives_no_whole_channels_is_an_error(tmp_path):
    text = TINY.replace("resnet20}", "resnet20, width: 0.3}")
    with pytest.raises(ValueError, match="width is 0.3: .* resnet20 would have 4.8"):
        load(str(tiny_file(tmp_path, text)))
