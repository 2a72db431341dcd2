"""What a study takes, by a count of its own."""

import pytest
import torch
from conftest import TINY, tiny_file
from safetensors.torch import load_file

from paradoxlib import paths
from paradoxlib.__main__ import main
from paradoxlib.networks import models
from paradoxlib.reproduce import planning
from paradoxlib.studies import predicting, sessions
from paradoxlib.studies.study import load, names


def test_images_and_bytes_are_those_of_a_run(tiny_trained):
    study, plan = tiny_trained.study, planning.plan_study(tiny_trained)
    assert plan.trained == 48 * (2 + 1 + 2) and plan.longest == 48 * 3
    assert plan.evaluated == 3 * 4 * 30  # contrast at 1 and no noise are the same images
    file = paths.weights_file("tiny", "A")
    content = sum(kept.numel() * kept.element_size() for kept in load_file(file).values())
    assert plan.weights == 3 * content
    predicted = predicting.predict_study(tiny_trained)
    assert plan.predictions == sum(p.numel() * p.element_size() for p in predicted.values())
    assert len(study.conditions) == 5


@pytest.mark.parametrize("name", [name for name in names() if not load(name).joined])
def test_every_study_of_own_networks_has_a_plan(name):
    session, study = sessions.start(name), load(name)
    plan = planning.plan_study(session)
    images = study.data.train_images or planning.PUBLISHED[study.data.name].train
    assert plan.trained == images * sum(network.epochs for network in study.networks.values())
    assert plan.longest <= plan.trained and plan.evaluated > 0 and plan.weights > 0


def test_a_wider_network_is_measured_and_kept_as_what_it_is():
    narrow, wide = (load(f"cifar10-width{times}") for times in (1, 4))
    values = [models.count_values(planning.fresh_network(study)) for study in (narrow, wide)]
    assert 15 < values[1] / values[0] < 16
    size = [planning.plan_study(sessions.start(study.name)).weights for study in (narrow, wide)]
    assert 15 < size[1] / size[0] < 16


def test_hours_follow_from_rates_and_the_longest_line():
    plan = planning.Plan(72_000, 36_000, 7_200, 0, 0, 0)
    rates = planning.Rates(10, 20)
    assert plan.hours(rates) == pytest.approx(2 + 0.1)
    assert plan.hours(rates, 2) == pytest.approx(1 + 0.05)
    assert plan.hours(rates, 100) == pytest.approx(1 + 0.001)


def test_rates_are_measured(home):
    text = TINY.replace("batch_size: 16", "batch_size: 4")
    session = sessions.start(tiny_file(home, text), device="cpu", workers=1)
    rates = planning.sample_rates(session, 0.01)
    assert rates.training > 0 and rates.evaluation > 0


def test_a_folder_that_is_not_there_is_said(home):
    text = TINY.replace("name: digits", "name: 'folder:/nowhere'")
    with pytest.raises(FileNotFoundError, match="no folder train in /nowhere"):
        planning.plan_study(sessions.start(tiny_file(home, text)))


def test_the_line_for_slurm():
    line = planning.slurm_line("imagenet", 4, 10)
    assert "--gpus-per-node=4" in line and "--time=15:00:00" in line
    assert line.endswith('--wrap="paradox run imagenet"')
    assert "--time" not in planning.slurm_line("imagenet", 4, None)


def test_calls_are_counted():
    calls = []
    assert planning.calls_a_second(lambda: calls.append(1), torch.device("cpu"), 0) > 0
    assert len(calls) == 2


def test_the_command_says_what_it_takes_and_refuses_a_rate_of_nothing(capsys):
    with pytest.raises(SystemExit):
        main(["plan", "imagenet", "--rate", "2000"])
    out = capsys.readouterr().out
    assert "454,814,285 images" in out and "150.000 GB of data" in out and "(given)" in out
    with pytest.raises(SystemExit) as stop:
        main(["plan", "demo", "--rate", "0"])
    assert stop.value.code == 2 and "rate is 0" in capsys.readouterr().err
