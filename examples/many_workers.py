"""Evolution on many workers: the same bits, what travels, and how far it scales.

    python examples/many_workers.py           this machine: bytes, speed-up, and a model of more
    python examples/many_workers.py dask      a scheduler and two workers, one of them killed
    python examples/many_workers.py ray       after pip install ray
    mpiexec -n 3 python -m mpi4py.futures examples/many_workers.py mpi
                                              after pip install mpi4py mpich

Any `concurrent.futures.Executor` will do. The three engines below are ten lines each at most; the
library knows none of them, and a script that wants one installs it.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path

import numpy as np

from metarl_min import tasks, training
from metarl_min.learners.es import advance, es
from metarl_min.learners.ga import ga

FAMILY = tasks.make("bandit", {"arms": "2", "pulls": "10", "prior": "1,1"})


def dask(address):
    """A cluster of Dask at this address, or one that `dask scheduler` wrote to a file."""
    from distributed import Client

    return Client(**address).get_executor()


class Ray(Executor):
    """Ray, after `ray.init()`."""

    def __init__(self):
        import ray

        self.call = ray.remote(lambda work, *part: work(*part))

    def submit(self, work, *part):
        return self.call.remote(work, *part).future()


def mpi():
    """MPI, in a script that was started as above."""
    from mpi4py.futures import MPIPoolExecutor

    return MPIPoolExecutor()


class Counting(Executor):
    """Another executor, and how many bytes went there and back."""

    def __init__(self, pool):
        self.pool, self.sent, self.back = pool, 0, []

    def submit(self, work, *part):
        self.sent += len(pickle.dumps((work, part)))
        future = self.pool.submit(work, *part)
        self.back.append(future)
        return future

    def bytes(self):
        return self.sent + sum(len(pickle.dumps(future.result())) for future in self.back)


def trained(executor=None, generations=6, report=training.ignore, make=es, **settings):
    learner = make(executor=executor, **settings)
    return training.train(learner, FAMILY, iterations=generations, seed=0, report=report)


def bytes_per_generation(pool, make, hidden, population):
    """Of a generation in which every worker knows the state before, and of all parameters."""
    counted, seen = Counting(pool), []
    state = trained(
        counted, 8, lambda i, info: seen.append(counted.bytes()), hidden=hidden,
        make=make, population=population, num_tasks=2, num_slices=2,
    )  # fmt: skip
    return int(min(np.diff(seen))), sum(leaf.nbytes for leaf in state[0].values())


def seconds(executor, population, **settings):
    """Per generation, the first left out."""
    times = []
    trained(
        executor, 6, lambda i, info: times.append(time.perf_counter()), population=population,
        **settings,
    )  # fmt: skip
    return float(np.median(np.diff(times)))


def model(workers, member, update, message):
    """Seconds of a generation: members side by side; a worker first takes the step that it missed,
    and this process the next; messages one after the other.
    """
    return member / workers + 2 * update + message * workers


def local():
    """Print the two tables of this machine; return the bytes."""
    rows = []
    with ProcessPoolExecutor(1) as pool:
        print("bytes there and back in a generation, two slices, one worker")
        print("    units  population  bytes  of all parameters")
        for make, hidden, population in ((es, 8, 64), (es, 64, 64), (es, 8, 256), (ga, 64, 64)):
            found, parameters = bytes_per_generation(pool, make, hidden, population)
            rows.append((hidden, population, found, parameters))
            print(f"{make.__name__}  {hidden:5}  {population:10}  {found:5}  {parameters:17}")
    population, work = 256, {"num_tasks": 512}
    alone = seconds(None, population, **work)
    print(f"\npopulation {population}, {work['num_tasks']} tasks, seconds of a generation")
    print(f"this process: {alone:.3f} s")
    for workers in (1, 2):
        with ProcessPoolExecutor(workers) as pool:
            found = seconds(pool, population, **work)
        print(f"{workers} workers: {found:.3f} s, speed-up {alone / found:.2f}")
    rules = es(population=population).step.keywords["rules"]
    state = trained(None, 1, population=population)
    fitness, started = np.random.default_rng(0).random(population), time.perf_counter()
    for _ in range(5):
        advance(state, 1, fitness, rules)
    update = (time.perf_counter() - started) / 5
    large, member = 10_000, alone / population
    with ProcessPoolExecutor(1) as pool:  # a message tells the fitness of all
        pool.submit(len, np.zeros(large)).result()
        started = time.perf_counter()
        for _ in range(200):
            pool.submit(len, np.zeros(large)).result()
        message = (time.perf_counter() - started) / 200
    update *= large / population
    print(f"\na model, not a measurement: population {large}, member {member * 1e3:.2f} ms,")
    print(f"update {update * 1e3:.1f} ms, message {message * 1e3:.2f} ms")
    for workers in (1, 10, 100, 1000):
        gain = (member * large + update) / model(workers, member * large, update, message)
        print(f"{workers:5} workers: speed-up {gain:6.1f}")
    return rows


def same_bits(executor, report=training.ignore):
    """Whether 12 generations elsewhere end where those in this process do."""
    theta, other = trained(generations=12).theta, trained(executor, 12, report).theta
    same = all(np.array_equal(theta[name], other[name]) for name in theta)
    print(f"12 generations, the same bits as in one process: {same}")
    return same


def on_ray():
    import ray

    ray.init(include_dashboard=False)
    return same_bits(Ray())


def on_mpi():
    with mpi() as pool:
        return same_bits(pool)


def processes(folder):
    """Start a scheduler and two workers of Dask, each a process; return them and the address."""
    address = Path(folder) / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    common = [sys.executable, "-m", "distributed.cli.dask_"]
    scheduler = [*common[:2], common[2] + "scheduler", "--host", "127.0.0.1", "--port", "0",
                 "--scheduler-file", str(address), "--no-dashboard"]  # fmt: skip
    worker = [*common[:2], common[2] + "worker", "--scheduler-file", str(address), "--nthreads",
              "1", "--no-dashboard", "--no-nanny", "--local-directory", folder]  # fmt: skip
    started = [subprocess.Popen(scheduler, **quiet)]
    while not address.exists() or not address.read_text().strip():
        time.sleep(0.1)
    json.loads(address.read_text())
    return started + [subprocess.Popen(worker, **quiet) for _ in range(2)], address


def on_dask():
    """Train on a Dask cluster, kill a worker on the way, and compare the bits."""
    with tempfile.TemporaryDirectory() as folder:
        started, address = processes(folder)

        def kill(iteration, info):
            if iteration == 4:
                os.kill(started[1].pid, signal.SIGKILL)
                print("a worker was killed after generation 4")

        try:
            executor = dask({"scheduler_file": str(address), "timeout": 60})
            executor._client.wait_for_workers(2, timeout=60)
            same = same_bits(executor, kill)
            executor._client.close()
        finally:
            for process in started:
                process.kill()
                process.wait()
    return same


if __name__ == "__main__":
    engine = {"dask": on_dask, "ray": on_ray, "mpi": on_mpi}.get(" ".join(sys.argv[1:]))
    sys.exit(not engine()) if engine else local()
