"""Where and how a study runs: the place of its data, the device, the processes, the cluster.

Tasks leave their results in files, and a task whose file is there has nothing to do; so whatever
is killed is simply called again.
"""

import fcntl
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from joblib import Parallel, cpu_count, delayed, parallel_config

from paradoxlib import devices, paths
from paradoxlib.images import data, datasets
from paradoxlib.networks import activations, models
from paradoxlib.processes import watch_parent
from paradoxlib.studies.study import Study, load

CLUSTER = "ray"  # the value of `workers` that means a cluster
# That share one, at most: a network alone is bound by the time it takes to start kernels.
NETWORKS_ON_GPU = 8
PROCESS_BYTES = 1e9  # of a GPU's memory, that a process and its libraries take


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
    def parts(self) -> list["Session"]:
        """Sessions of the studies that the study joins."""
        return [replace(self, study=part, recompute=False) for part in self.study.parts]

    @property
    def precision(self) -> str:
        """The precision of training, which is the study's or else the device's own."""
        return self.study.model.precision or devices.own_precision(self.device)

    @property
    def networks_at_once(self) -> int:
        """How many networks train side by side."""
        if isinstance(self.workers, int) and self.workers:
            return self.workers
        if self.device.type == "cpu":
            return cpu_count()
        memory = [gpu_memory(i) for i in range(torch.cuda.device_count())]
        return sum(networks_on_gpu(training_bytes(self.study), size) for size in memory)


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
        Networks that train side by side; 0 for one on each core, or up to eight on each GPU, as
        its memory allows; "ray" for a cluster (see `run_tasks`).
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
    session: Session, function: Callable[[Session, Any], Any], tasks: Sequence, processes: int
) -> list:
    """Return function(session, task) of every task; they start in order, as there is room.

    Tasks run in at most `processes` processes of this machine (one: in this one), each on the GPU
    with the fewest tasks where there are several. Where the session's workers are "ray", they run
    on the Ray cluster whose address RAY_ADDRESS holds (without it one is started here), every task
    with one CPU and, where the cluster has GPUs, an eighth of one.
    """
    gpus = torch.cuda.device_count() if str(session.device) == "cuda" else 0
    place: dict = {"backend": "loky", "initializer": watch_parent, "initargs": (os.getpid(),)}
    processes = max(1, min(processes, len(tasks)))
    if session.workers == CLUSTER:
        place = {"backend": CLUSTER, "ray_remote_args": room_on_cluster()}
        processes, gpus = -1, 0
    with parallel_config(**place):
        work = (delayed(run_on_gpu)(session, function, task, gpus) for task in tasks)
        return Parallel(n_jobs=processes, batch_size=1)(work)


def run_on_gpu(
    session: Session, function: Callable[[Session, Any], Any], task: Any, gpus: int
) -> Any:
    """Return function(session, task), on the GPU with the fewest tasks where there are several.

    RuntimeError for a GPU that fails; it is named.
    """
    with free_gpu(paths.run_file(session.study.name, "gpus"), gpus) as gpu:
        if gpus > 1:
            session = replace(session, device=torch.device("cuda", gpu))
        try:
            return function(session, task)
        except RuntimeError as error:
            if "CUDA" not in str(error):
                raise
            reason = str(error).partition("\n")[0]
            raise RuntimeError(f"device {session.device} failed at {task}: {reason}") from None


@contextmanager
def free_gpu(folder: Path, gpus: int) -> Iterator[int]:
    """Yield the number of the GPU on which the fewest tasks run, one more as long as it is held.

    A task holds a locked file in the folder; what ends, or is killed, holds none.
    """
    if gpus < 2:
        yield 0
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "choosing").open("w") as choosing:
        fcntl.flock(choosing, fcntl.LOCK_EX)  # one at a time
        files = [path for path in folder.glob("*.task") if not forgotten(path)]
        tasks = [int(path.name.partition("-")[0]) for path in files]
        gpu = min(range(gpus), key=tasks.count)
        mark = folder / f"{gpu}-{uuid4().hex}.task"
        own = mark.open("w")
        fcntl.flock(own, fcntl.LOCK_EX)
    with own:
        yield gpu
    mark.unlink(missing_ok=True)


def forgotten(path: Path) -> bool:
    """Say whether no task holds a file any more; it is then removed."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    path.unlink(missing_ok=True)
    return True


def gpu_memory(number: int) -> float:
    """Return the memory of a GPU, bytes."""
    return torch.cuda.get_device_properties(number).total_memory


def networks_on_gpu(needed: float, memory: float) -> int:
    """Return how many networks share a GPU, at least one, where each needs some bytes of it."""
    return max(1, min(NETWORKS_ON_GPU, int(0.9 * memory / needed)))


def training_bytes(study: Study) -> float:
    """Return the memory that the training of a study's network takes of a GPU, bytes; about.

    All outputs of its layers for a batch, float32, and its weights with their gradients and Adam's
    moments.
    """
    with torch.device("meta"):  # shapes, without values
        kind = study.model
        model = models.empty(kind.architecture, 1000, **kind.form)
        images = torch.zeros(1, 3, study.data.image_size, study.data.image_size)
    outputs = activations.record(model, images).values()
    batch = max(network.batch_size for network in study.networks.values())
    values = batch * sum(output.numel() for output in outputs) + 4 * models.count_values(model)
    return PROCESS_BYTES + 4 * values


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
