"""Evolution on many workers: the same bits, what travels, and how far it scales.

    python examples/many_workers.py           this machine: bytes, speed-up, and a model of more
    python examples/many_workers.py dask      a scheduler and two workers, one of them killed
    python examples/many_workers.py ray       after pip install ray
    mpiexec -n 3 python -m mpi4py.futures examples/many_workers.py mpi
                                              after pip install mpi4py mpich

Any `concurrent.futures.Executor` can evaluate a population. Each of the three engines below takes
at most ten lines. On the command line, `train es bandit --executor dask:ADDRESS` and
`--executor mpi` use two of them.
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

from metarl_min import training
from metarl_min.evolution import workers
from metarl_min.learners.es import Search, apply_update, es
from metarl_min.learners.ga import ga
from metarl_min.tasks.bandits import bandit

FAMILY = bandit(arms=2, pulls=10)


def dask(address):
    """Return the executor of a Dask cluster; `address` holds the keywords of `Client`."""
    from distributed import Client

    return Client(**address).get_executor(pure=False)


class Ray(Executor):
    """An executor of Ray, after `ray.init()`."""

    def __init__(self):
        import ray

        self.call = ray.remote(lambda task, *part: task(*part))

    def submit(self, task, *part):
        return self.call.remote(task, *part).future()


def mpi():
    """Return the executor of MPI, in a script that was started as above."""
    from mpi4py.futures import MPIPoolExecutor

    return MPIPoolExecutor()


class Counting(Executor):
    """An executor that counts the bytes to another executor and back."""

    def __init__(self, pool):
        self.pool, self.sent, self.back = pool, 0, []

    def submit(self, task, *part):
        self.sent += len(pickle.dumps((task, part)))
        future = self.pool.submit(task, *part)
        self.back.append(future)
        return future

    def bytes(self):
        return self.sent + sum(len(pickle.dumps(future.result())) for future in self.back)


def trained(executor=None, generations=6, on_iteration=training.no_report, make=es, **settings):
    """Return the state of a search after some generations."""
    learner = make(FAMILY, executor=executor, **settings)
    return training.train(learner, generations, seed=0, on_iteration=on_iteration)


def bytes_per_generation(pool, make, hidden, population):
    """Return the bytes of one generation, and the bytes of all parameters.

    In the cheapest generation every worker holds the state before.
    """
    counted, totals = Counting(pool), []
    state = trained(
        counted,
        8,
        lambda i, info: totals.append(counted.bytes()),
        hidden=hidden,
        make=make,
        population=population,
        num_tasks=2,
        num_slices=2,
    )
    return int(min(np.diff(totals))), sum(leaf.nbytes for leaf in state[0].values())


def seconds(executor, population, **settings):
    """Return the median of the seconds of a generation, the first one excluded."""
    times = []

    def note(iteration, info):
        times.append(time.perf_counter())

    trained(executor, 6, note, population=population, **settings)
    return float(np.median(np.diff(times)))


def model(num_workers, member, update, message):
    """Return the seconds of a generation on this number of workers.

    The workers evaluate members at the same time. A worker first repeats the last update, and this
    process takes the next one. Messages are sent one after the other.
    """
    return member / num_workers + 2 * update + message * num_workers


def print_bytes():
    """Print the bytes of a generation; return the rows of the table."""
    rows = []
    print("bytes there and back in a generation, two slices, one worker")
    print("    units  population  bytes  of all parameters")
    with ProcessPoolExecutor(1, initializer=workers.end_with_parent) as pool:
        for make, hidden, population in ((es, 8, 64), (es, 64, 64), (es, 8, 256), (ga, 64, 64)):
            sent, parameters = bytes_per_generation(pool, make, hidden, population)
            rows.append((hidden, population, sent, parameters))
            print(f"{make.__name__}  {hidden:5}  {population:10}  {sent:5}  {parameters:17}")
    return rows


def seconds_of_update(population):
    """Return the seconds in which `es` computes its next state from the fitness."""
    search = Search(population=population)
    state = trained(None, 1, population=population)
    fitness = np.random.default_rng(0).random(population)
    started = time.perf_counter()
    for _ in range(5):
        apply_update(state, 1, fitness, search, search.optimizer(search.beta))
    return (time.perf_counter() - started) / 5


def seconds_of_message(population):
    """Return the seconds in which a worker receives the fitness of all members and answers."""
    with ProcessPoolExecutor(1, initializer=workers.end_with_parent) as pool:
        pool.submit(len, np.zeros(population)).result()
        started = time.perf_counter()
        for _ in range(200):
            pool.submit(len, np.zeros(population)).result()
        return (time.perf_counter() - started) / 200


def local():
    """Print the two tables of this machine; return the bytes."""
    rows = print_bytes()
    population, large, num_tasks = 256, 10_000, 512
    alone = seconds(None, population, num_tasks=num_tasks)
    print(f"\npopulation {population}, {num_tasks} tasks, seconds of a generation")
    print(f"this process: {alone:.3f} s")
    for number in (1, 2):
        with ProcessPoolExecutor(number, initializer=workers.end_with_parent) as pool:
            elsewhere = seconds(pool, population, num_tasks=num_tasks)
        print(f"{number} workers: {elsewhere:.3f} s, speed-up {alone / elsewhere:.2f}")
    update = seconds_of_update(population) * large / population
    member, message = alone / population, seconds_of_message(large)
    print(f"\na model, not a measurement: population {large}, member {member * 1e3:.2f} ms,")
    print(f"update {update * 1e3:.1f} ms, message {message * 1e3:.2f} ms")
    for number in (1, 10, 100, 1000):
        gain = (member * large + update) / model(number, member * large, update, message)
        print(f"{number:5} workers: speed-up {gain:6.1f}")
    return rows


def same_bits(executor, on_iteration=training.no_report):
    """Return whether 12 generations elsewhere have the same result as in this process."""
    theta, other = trained(generations=12).theta, trained(executor, 12, on_iteration).theta
    same = all(np.array_equal(theta[name], other[name]) for name in theta)
    print(f"12 generations, the same bits as in one process: {same}")
    return same


def on_ray():
    """Train on Ray, and compare the bits."""
    import ray

    ray.init(include_dashboard=False)
    return same_bits(Ray())


def on_mpi():
    """Train on MPI, and compare the bits."""
    with mpi() as pool:
        return same_bits(pool)


def processes(folder):
    """Start a scheduler and two workers of Dask, each a process; return them and the address."""
    address = Path(folder) / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    python = [sys.executable, "-m"]
    file = ["--scheduler-file", str(address), "--no-dashboard"]
    scheduler = [*python, "distributed.cli.dask_scheduler", *file]
    scheduler += ["--host", "127.0.0.1", "--port", "0"]
    worker = [*python, "distributed.cli.dask_worker", *file, "--local-directory", folder]
    worker += ["--nthreads", "1", "--no-nanny"]
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
