"""Tasks run wherever there is room, each on its GPU; a cluster that is not there is named before work starts."""

import sys
from types import SimpleNamespace

import pytest
import torch
from conftest import tiny_file

from paradoxlib import parallel, reproduce
from paradoxlib import study as studies


def leave_a_mark(study, task):
    folder, name = task
    (folder / name).write_text(f"{study.name} {torch.get_num_threads()}")


@pytest.mark.parametrize("processes", [1, 2])
def test_every_task_is_done(tmp_path, processes):
    study = studies.load(tiny_file(tmp_path))
    parallel.run(study, leave_a_mark, [(tmp_path, f"task {i}") for i in range(3)], processes)
    assert all((tmp_path / f"task {i}").read_text().startswith("tiny") for i in range(3))


def test_tasks_go_round_the_gpus(tmp_path):
    study = studies.load(tiny_file(tmp_path))
    assert [parallel.on_gpu(study, task, 2).session.device for task in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert parallel.on_gpu(study, 1, 1) is study


def test_a_cluster_needs_ray(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    study = studies.load(tiny_file(tmp_path), workers="ray")
    with pytest.raises(ValueError, match=r"Ray is not installed: pip install"):
        parallel.run(study, leave_a_mark, [(tmp_path, "task")], 1)


def test_a_cluster_that_cannot_be_reached_is_said(monkeypatch):
    def init(**_):
        raise ConnectionError("nobody there\nand much more")

    fake = SimpleNamespace(is_initialized=lambda: False, init=init)
    monkeypatch.setitem(sys.modules, "ray", fake)
    for name in ("ray.util", "ray.util.joblib"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(register_ray=None))
    with pytest.raises(ValueError, match=r"cannot be reached: nobody there$"):
        parallel.room_on_cluster()


def test_workers_are_a_number_or_ray(tmp_path):
    reproduce.check_parameters(reproduce.notebooks(["02"])[0], {"workers": "ray"})
    with pytest.raises(ValueError, match=r"parameter workers is 'two'"):
        reproduce.check_parameters(reproduce.notebooks(["02"])[0], {"workers": "two"})
    with pytest.raises(ValueError, match="workers"):
        studies.load(tiny_file(tmp_path), workers="slurm")


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with parallel.threads() as pool:
        assert list(pool.map(lambda _: torch.get_num_threads(), range(2))) == [1, 1]
    assert torch.get_num_threads() == before
    with parallel.one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
