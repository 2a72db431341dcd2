"""Tasks run wherever there is room; what cannot be used is named before work starts."""

import sys
from contextlib import ExitStack
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from conftest import tiny_file

from paradoxlib import devices, paths, reproduce
from paradoxlib.studies import sessions
from paradoxlib.studies.study import load


def leave_a_mark(session, task):
    folder, name = task
    (folder / name).write_text(f"{session.study.name} {torch.get_num_threads()}")


def test_every_task_is_done(tmp_path):
    """In processes of their own: see `test_networks_side_by_side_give_the_same_weights`."""
    tasks = [(tmp_path, f"task {i}") for i in range(3)]
    sessions.run_tasks(sessions.start(tiny_file(tmp_path)), leave_a_mark, tasks, 1)
    assert all((tmp_path / f"task {i}").read_text().startswith("tiny") for i in range(3))


def test_tasks_go_to_the_gpu_with_the_fewest(tmp_path):
    with ExitStack() as held:
        gpus = [held.enter_context(sessions.free_gpu(tmp_path, 3)) for _ in range(3)]
        assert sorted(gpus) == [0, 1, 2]  # no two on one where there is room; all are used
        with sessions.free_gpu(tmp_path, 3) as again:
            assert again in gpus
        more = [held.enter_context(sessions.free_gpu(tmp_path, 3)) for _ in range(3)]
        assert sorted(more) == [0, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["choosing"]


def test_a_gpu_is_free_again_after_a_task_that_ended_or_was_killed(tmp_path):
    with sessions.free_gpu(tmp_path, 2) as first:
        with sessions.free_gpu(tmp_path, 2) as second:
            assert {first, second} == {0, 1}
        with sessions.free_gpu(tmp_path, 2) as third:
            assert third == second
    (tmp_path / "0-killed.task").touch()  # nobody holds it
    with sessions.free_gpu(tmp_path, 2) as gpu:
        assert gpu == 0


def device_of(session, task):
    """Return where a task runs; the third breaks its GPU."""
    if task == 2:
        raise RuntimeError("CUDA error: an illegal memory access\nand much more")
    return str(session.device)


def test_a_task_runs_on_its_gpu_and_a_failed_one_is_named(home):
    session = replace(sessions.start(tiny_file(home)), device=torch.device("cuda"))
    assert sessions.run_on_gpu(session, device_of, 0, 1) == "cuda"
    with sessions.free_gpu(paths.run_file("tiny", "gpus"), 2):
        assert sessions.run_on_gpu(session, device_of, 1, 2) == "cuda:1"
        with pytest.raises(RuntimeError, match="device cuda:1 failed at 2: CUDA .* access$"):
            sessions.run_on_gpu(session, device_of, 2, 2)


def test_as_many_networks_share_a_gpu_as_its_memory_holds(home, monkeypatch):
    assert [sessions.networks_on_gpu(2e9, size) for size in (1e9, 8e9, 24e9, 140e9)] == [1, 3, 8, 8]
    small, large = (sessions.training_bytes(load(name)) for name in ("cifar10-20", "imagenet"))
    assert 1e9 < small < 2e9 < large < 12e9
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(sessions, "gpu_memory", lambda number: (24e9, 3.5e9)[number])
    session = sessions.start(tiny_file(home), device="cpu")
    assert replace(session, device=torch.device("cuda")).networks_at_once == 8 + 3


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
