"""What the check of a derivative concludes from values that have lost digits, and its memory.

300 random smooth functions of three entries, with their gradients by hand. Each value is computed
in float64 and then loses digits: it is rounded, or stored in float32. The columns count verdicts
on the right gradient, on twice the gradient, on its negative, and on the gradient with 1 % of error
in its largest entry. "covered" is the part of all measured entries whose error is at most the
stated one. "stated" is the median of the stated errors, in units of the largest entry.

Then the peak memory of a check of 20,000 entries, beyond that of a process that only imports NumPy
and calls the function, and the number of calls. The whole takes two to three minutes.

    python examples/benchmarks/derivative_checks.py [functions] [entries]
"""

import resource
import subprocess
import sys
import time

import numpy as np

from metarl_min.basics.checks import check_derivative, finite_differences


def smooth_function(seed):
    """A sum of waves, a small network, or a polynomial in a bump, its gradient and a point."""
    rng = np.random.default_rng(seed)
    W, b, c = rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=4)
    x = rng.normal(size=3) * np.exp(0.5 * rng.normal(size=3))
    functions = [
        (lambda x: c @ np.sin(W @ x + b), lambda x: (c * np.cos(W @ x + b)) @ W),
        (lambda x: c @ np.tanh(W @ x + b), lambda x: (c / np.cosh(W @ x + b) ** 2) @ W),
        (lambda x: c[0] * np.sum(x**3) + np.exp(-x @ x / 2),
         lambda x: 3 * c[0] * x**2 - x * np.exp(-x @ x / 2)),
    ]  # fmt: skip
    return *functions[seed % 3], x


def remembered(function):
    """The function of an array that computes each value once: every claim asks for the same."""
    values = {}

    def call(x):
        key = x.tobytes()
        if key not in values:
            values[key] = function(x)
        return values[key]

    return call


def rounded(digits):
    return lambda value: round(float(value), digits)


LOSSES = {
    "nothing": lambda value: value,
    "a constant 1e6": lambda value: value + 1e6,
    **{f"{n} decimals": rounded(n) for n in (12, 9, 6, 4)},
    "float32": np.float32,
}


def claims(g):
    one = g * np.where(np.arange(len(g)) == abs(g).argmax(), 1.01, 1)
    return {"right": g, "twice": 2 * g, "negative": -g, "1 % in one": one}


def judged(lose, num_functions):
    """Verdicts by claim, whether each entry is covered, and the stated errors."""
    verdicts, covered, stated = {name: [] for name in claims(np.ones(1))}, [], []
    for seed in range(num_functions):
        function, gradient, x = smooth_function(seed)
        g = gradient(x)

        @remembered
        def f(x, function=function):
            return lose(function(x))

        for name, claim in claims(g).items():
            verdicts[name].append(check_derivative(f, claim, x).verdict)
        measured, error = finite_differences(f, x)
        covered.extend(abs(measured - g) <= error)
        stated.append(error.max() / abs(g).max())
    return verdicts, covered, stated


def table(num_functions=300):
    print(f"{num_functions} functions; agrees / WRONG / not checked")
    print(f"{'lost':15}" + "".join(f"{name:>16}" for name in claims(np.ones(1))), end="")
    print(f"{'covered':>11}{'stated':>9}")
    for name, lose in LOSSES.items():
        verdicts, covered, stated = judged(lose, num_functions)
        row = [
            " /".join(f"{found.count(x):4}" for x in ("agrees", "WRONG", "not checked"))
            for found in verdicts.values()
        ]
        print(f"{name:15}" + "".join(f"{cell:>16}" for cell in row), end="")
        print(f"{np.mean(covered):11.2%}{np.median(stated):9.0e}", flush=True)


def memory(what, num_entries):
    """Run in a process of its own: the peak of its memory in MB, seconds, and calls."""
    x, calls = np.linspace(1, 2, int(num_entries)), [0]

    def f(x):
        calls[0] += 1
        return x @ x

    started = time.perf_counter()
    if what == "check":
        assert check_derivative(f, lambda x: 2 * x, x)
    else:
        f(x)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak / (2**20 if sys.platform == "darwin" else 2**10), end=" ")
    print(time.perf_counter() - started, calls[0])


def in_a_process(what, num_entries):
    words = [sys.executable, __file__, "memory", what, str(num_entries)]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return [float(word) for word in text.split()]


def main(num_functions=300, num_entries=20_000):
    table(num_functions)
    alone, (checked, seconds, calls) = (in_a_process(x, num_entries) for x in ("call", "check"))
    print(f"{num_entries} entries: {checked - alone[0]:.1f} MB beyond the function's own", end=", ")
    print(f"{calls:.0f} calls in {seconds:.0f} s; a matrix would be {8e-6 * num_entries**2:.0f} MB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["memory"]:
        memory(*sys.argv[2:])
    else:
        main(*map(int, sys.argv[1:]))
