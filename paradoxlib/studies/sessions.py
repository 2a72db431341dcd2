"""Where and how a study runs: the place of its data, the device, the processes, the cluster.

Tasks leave their results in files, and a task whose file is there has nothing to do; so whatever
is killed is simply called again.
"""

import os
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, cpu_count, delayed, parallel_config

from paradoxlib.images import data, datasets
from paradoxlib.studies.study import Study, load

CLUSTER = "ray"  # the value of `workers` that means a cluster
WATCH_SECONDS = 0.5  # between a worker's looks at its parent
NETWORKS_ON_GPU = (
    8  # that share one: a network alone is bound by the time it takes to start kernels
)


@dataclass(frozen=True)
class Session:
    """A study on this machine (see `start`); no result depends on a session."""

    study: Study
    data_root: str | None
    device: torch.device
    workers: int | str
    recompute: bool

    def images(self, split: str) -> datasets.Images | datasets.ImageFiles:
        """Load the study's training or test images."""
        settings = self.study.data
        count = settings.train_images if split == "train" else settings.test_images
        return data.load(settings.name, split, self.data_root, settings.image_size).first(count)

    def beside(self, name_or_path: str | Path) -> "Session":
        """Return a session of another study in the same place; it shows committed results."""
        return replace(self, study=load(name_or_path), recompute=False)

    @property
    def networks_at_once(self) -> int:
        """How many networks train side by side."""
        if isinstance(self.workers, int) and self.workers:
            return self.workers
        if self.device.type == "cpu":
            return cpu_count()
        return max(1, NETWORKS_ON_GPU * torch.cuda.device_count())


def start(
    name_or_path: str | Path,
    data_root: str | None = None,
    device: str = "auto",
    workers: int | str = 0,
    recompute: bool = False,
) -> Session:
    """Return a session of a study.

    Parameters
    ----------
    name_or_path : str or Path
        A study's name, or the path of a YAML file (see `study.load`).
    data_root : str, optional
        The folder of the data sets; else the environment variable PARADOX_DATA, else data/.
    device : str
        ``auto`` (CUDA where there is one, else the CPU), or a torch device.
    workers : int or "ray"
        Networks that train side by side; 0 for one on each core, eight on each GPU; "ray" for a
        cluster (see `run_tasks`).
    recompute : bool
        False: show the results in figures/ where their settings agree; True: use only what was
        computed on this machine.

    Raises
    ------
    ValueError
        For what `study.load` refuses, a device that cannot be used, or a bad number of workers.
    """
    if workers != CLUSTER and (type(workers) is not int or workers < 0):
        raise ValueError(f"workers is {workers!r}: a number from 0 on is needed, or {CLUSTER!r}")
    return Session(load(name_or_path), data_root or None, usable(device), workers, recompute)


def usable(device: str) -> torch.device:
    """Return a device that computes: a small sum went there and came back; ``auto`` finds one.

    Raises
    ------
    ValueError
        For a device that torch does not know, or that cannot compute on this machine.
    """
    name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    gpus = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    known = ["auto", "cpu", *(["cuda", *gpus] if gpus else [])]
    reason = "there is none that computes here"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            twos = torch.ones(2, device=name) * 2
            if twos.sum().item() == 4:
                return twos.device
    except Exception as error:  # torch raises many kinds
        if name in known:  # of others torch says what it was built for, not what is here
            reason = str(error).partition("\n")[0]
    raise ValueError(f"device {device!r} cannot be used ({reason}): choose {', '.join(known)}")


def run_tasks(
    session: Session, function: Callable[[Session, Any], None], tasks: Sequence, processes: int
) -> None:
    """Call function(session, task) for every task, in order as far as there is room.

    Tasks run in at most `processes` processes of this machine (one: in this one), each on the next
    GPU where there are several. Where the session's workers are "ray", they run on the Ray cluster
    whose address RAY_ADDRESS holds (without it one is started here), every task with one CPU and,
    where the cluster has GPUs, an eighth of one.
    """
    gpus = torch.cuda.device_count() if str(session.device) == "cuda" else 0
    place: dict = {"backend": "loky", "initializer": watch_parent, "initargs": (os.getpid(),)}
    processes = max(1, min(processes, len(tasks)))
    if session.workers == CLUSTER:
        place = {"backend": CLUSTER, "ray_remote_args": room_on_cluster()}
        processes, gpus = -1, 0
    with parallel_config(**place):
        Parallel(n_jobs=processes, batch_size=1)(
            delayed(function)(on_gpu(session, i, gpus), task) for i, task in enumerate(tasks)
        )


def watch_parent(parent: int) -> None:
    """End this process, a worker, when its parent is gone: nobody would fetch what it computes."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def on_gpu(session: Session, task: int, gpus: int) -> Session:
    """Return a session that computes on the GPU whose turn it is, where there are several."""
    if gpus < 2:
        return session
    return replace(session, device=torch.device(f"cuda:{task % gpus}"))


def room_on_cluster() -> dict[str, float]:
    """Connect to Ray and return what one task takes of it.

    Raises
    ------
    ValueError
        Where Ray is not installed or cannot be reached.
    """
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError:
        advice = "pip install -e '.[cluster]'"
        raise ValueError(f"workers is 'ray' and Ray is not installed: {advice}") from None
    if not ray.is_initialized():
        try:
            ray.init(log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            problem = "workers is 'ray' and the cluster cannot be reached"
            raise ValueError(f"{problem}: {reason}") from None
    register_ray()
    gpus = ray.cluster_resources().get("GPU")
    return {"num_cpus": 1, "num_gpus": 1 / NETWORKS_ON_GPU if gpus else 0}
