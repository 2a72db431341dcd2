"""Tasks run wherever there is room; what cannot be used is named before work starts."""

import sys
from types import SimpleNamespace

import pytest
import torch
from conftest import tiny_file

from paradoxlib import devices, reproduce
from paradoxlib.studies import sessions


def leave_a_mark(session, task):
    folder, name = task
    (folder / name).write_text(f"{session.study.name} {torch.get_num_threads()}")


@pytest.mark.parametrize("processes", [1, 2])
def test_every_task_is_done(tmp_path, processes):
    tasks = [(tmp_path, f"task {i}") for i in range(3)]
    sessions.run_tasks(sessions.start(tiny_file(tmp_path)), leave_a_mark, tasks, processes)
    assert all((tmp_path / f"task {i}").read_text().startswith("tiny") for i in range(3))


def test_tasks_go_round_the_gpus(tmp_path):
    session = sessions.start(tiny_file(tmp_path))
    devices_used = [str(sessions.on_gpu(session, task, 2).device) for task in range(3)]
    assert devices_used == ["cuda:0", "cuda:1", "cuda:0"]
    assert sessions.on_gpu(session, 1, 1) is session


def test_a_cluster_needs_ray(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    session = sessions.start(tiny_file(tmp_path), workers="ray")
    with pytest.raises(ValueError, match=r"Ray is not installed: pip install"):
        sessions.run_tasks(session, leave_a_mark, [(tmp_path, "task")], 1)


def test_a_cluster_that_cannot_be_reached_is_said(monkeypatch):
    def init(**_):
        raise ConnectionError("nobody there\nand much more")

    fake = SimpleNamespace(is_initialized=lambda: False, init=init)
    monkeypatch.setitem(sys.modules, "ray", fake)
    for name in ("ray.util", "ray.util.joblib"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(register_ray=None))
    with pytest.raises(ValueError, match=r"cannot be reached: nobody there$"):
        sessions.room_on_cluster()


def test_workers_are_a_number_or_ray(tmp_path):
    reproduce.check_parameters(reproduce.notebooks(["02"])[0], {"workers": "ray"})
    with pytest.raises(ValueError, match=r"parameter workers is 'two'"):
        reproduce.check_parameters(reproduce.notebooks(["02"])[0], {"workers": "two"})
    with pytest.raises(ValueError, match="workers"):
        sessions.start(tiny_file(tmp_path), workers="slurm")


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with devices.thread_pool() as pool:
        assert list(pool.map(lambda _: torch.get_num_threads(), range(2))) == [1, 1]
    assert torch.get_num_threads() == before
    with devices.one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_an_unknown_device_is_refused(tmp_path):
    with pytest.raises(ValueError, match="device 'abacus' cannot be used"):
        sessions.start(tiny_file(tmp_path), device="abacus")


def test_another_study_runs_in_the_same_place_and_shows_committed_results(tmp_path):
    session = sessions.start(tiny_file(tmp_path), str(tmp_path), "cpu", 3, recompute=True)
    other = session.beside("demo")
    assert other.study.name == "demo" and not other.recompute
    assert (other.data_root, other.device, other.workers) == (str(tmp_path), session.device, 3)
