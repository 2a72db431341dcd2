"""Work side by side: threads and processes of this machine, or the machines of a Ray cluster.

Tasks leave their results in files, and a task whose file is there has nothing to do; so whatever is killed is simply called again.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import torch
from joblib import Parallel, cpu_count, delayed, parallel_config
from threadpoolctl import threadpool_limits

CLUSTER = "ray"  # the value of a session's `workers` that means a cluster
SHARE = 8  # networks that share a GPU: one alone is bound by the time it takes to start its kernels


def run(study, function, tasks, processes):
    """Call function(study, task) for every task, in the order of `tasks` as far as there is room.

    In at most `processes` processes of this machine (one: in this one), on a machine with several GPUs each on the next one; where the
    session's `workers` are "ray", on the Ray cluster whose address RAY_ADDRESS holds (without it one is started here), every task with one
    CPU and, where the cluster has GPUs, an eighth of one.
    """
    gpus = torch.cuda.device_count() if str(study.device) == "cuda" else 0
    if study.session.workers == CLUSTER:
        place = parallel_config(backend=CLUSTER, ray_remote_args=room_on_cluster())
        processes, gpus = -1, 0
    else:
        place = nullcontext()
        processes = max(1, min(processes, len(tasks)))
    with place:
        Parallel(n_jobs=processes, batch_size=1)(delayed(function)(on_gpu(study, i, gpus), task) for i, task in enumerate(tasks))


def on_gpu(study, task, gpus):
    """Return a study whose session computes on the GPU whose turn it is, where there are several."""
    if gpus < 2:
        return study
    return study.model_copy(update={"session": study.session.model_copy(update={"device": f"cuda:{task % gpus}"})})


def room_on_cluster():
    """Connect to Ray and return what one task takes of it; ValueError where Ray is not installed or cannot be reached."""
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError:
        raise ValueError("workers is 'ray' and Ray is not installed: pip install -e '.[cluster]'") from None
    if not ray.is_initialized():
        try:
            ray.init(log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError) as error:
            raise ValueError(f"workers is 'ray' and the cluster cannot be reached: {str(error).splitlines()[0]}") from None
    register_ray()
    return {"num_cpus": 1, "num_gpus": 1 / SHARE if ray.cluster_resources().get("GPU") else 0}


@contextmanager
def one_thread(device="cpu"):
    """Let torch use one thread on the CPU: a network's weights then do not depend on the number of cores."""
    before = torch.get_num_threads()
    if torch.device(device).type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def threads(device="cpu"):
    """Yield a pool of threads, each of which computes alone: on the CPU as many as torch may use, which beats one task on all cores."""
    before = torch.get_num_threads()
    room = min(before, cpu_count()) if torch.device(device).type == "cpu" else 1
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(room, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            yield pool
        finally:
            torch.set_num_threads(before)  # parts of it hold for the whole process
