"""A generation of es in this process, on one worker process, and on two: wall seconds.

All three searches begin with the same seed, and the executors of the library evaluate the members.
The parameters must be equal bit for bit after each generation. A worker repeats each update of the
parameters, so that the parameters need not be sent (module `generations`). If a generation is
short, this update and the messages take longer than the workers save.

    python speed_workers.py '{"population": 512, "num_tasks": 32}'

serves the three searches. Any question is answered with the wall seconds of the next generation of
each search, and with a hash of its parameters.
"""

import hashlib
import json
import sys
import time
from contextlib import ExitStack
from itertools import count

import numpy as np
import speed_problems as problems
import speed_programs as programs

FILE = "speed_workers.py"
SIZES = {"population": 512, "num_tasks": 32}, {"population": 512, "num_tasks": 512}
WORKERS = 0, 1, 2  # 0: this process evaluates all members
FAMILY = {"arms": 2, "pulls": 10}


def generations(learner):
    """Yield the wall seconds of each generation, and a hash of the parameters after it."""
    state = learner.init(np.random.default_rng([0, 0]))
    for iteration in count(1):
        rng, started = np.random.default_rng([0, iteration]), time.perf_counter()
        state = learner.step(rng, state)[0]
        seconds = time.perf_counter() - started
        leaves = [leaf.tobytes() for _, leaf in sorted(state.theta.items())]
        yield {"seconds": seconds, "hash": hashlib.sha256(b"".join(leaves)).hexdigest()}


def serve(size):
    """Serve the searches. The first generation, in which the workers start, is not reported."""
    from metarl_min.evolution import workers
    from metarl_min.learners.es import es
    from metarl_min.tasks.bandits import bandit

    with ExitStack() as stack:
        pools = [stack.enter_context(workers.processes(n)) if n else None for n in WORKERS]
        searches = [generations(es(bandit(**FAMILY), executor=pool, **size)) for pool in pools]
        for search in searches:
            next(search)
        problems.answer_questions(None, lambda _: [next(search) for search in searches])


def measure(rounds, sizes=SIZES):
    """Return the wall seconds of the generations; an AssertionError unless all bits are equal."""
    found = []
    for size in sizes:
        asked = programs.with_arguments(programs.builds(FILE, None), json.dumps(size))
        _, answers = programs.ask_in_turn(asked, range(rounds))["library"]
        require_equal(answers)
        searches = zip(*answers, strict=True)
        seconds = [[generation["seconds"] for generation in search] for search in searches]
        found.append({**size, "workers": list(WORKERS), "seconds": seconds, "same_bits": True})
    return found


def require_equal(answers):
    """Raise an error unless all searches have the same parameters after each generation."""
    for number, searches in enumerate(answers, 1):
        if len({found["hash"] for found in searches}) != 1:
            raise AssertionError(f"the searches differ after the reported generation {number}")


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
