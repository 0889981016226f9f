"""Which known estimator of the meta-gradient does a JAX loss compute, and by which factor?"""

import hashlib
import json
import sys
from pathlib import Path

import jax
import jax.numpy as np


def inner(phi, name, s, a, r, b):  # the surrogate of an inner step. s, a and r are [N, T]
    log_pi, adv = jax.nn.log_softmax(phi)[s, a], r[:, ::-1].cumsum(1)[:, ::-1] - b
    ratio, box = (np.exp(x - jax.lax.stop_gradient(x)) for x in (log_pi, log_pi.cumsum(1)))
    terms = {"lvc": ratio * adv, "dice": box * r + (1 - ratio) * b}.get(name, log_pi * adv)
    return terms.sum(1).mean(), log_pi.mean()


def loss(phi, name, p, m, score=0.0):  # of theta, on data set m of problem p. Put yours here
    for s, a, r in zip(p["states"][m], p["actions"][m], p["rewards"][m], strict=True):
        step, mean = jax.grad(inner, has_aux=True)(phi, name, s, a, r, p["baseline"])
        phi = phi + p["alpha"] * (jax.lax.stop_gradient(step) if name == "first order" else step)
        score = score + (p["R"][m] * mean if name == "mean score" else 0.0)
    return -(p["v"][m] * phi).sum() - score


jax.config.update("jax_enable_x64", True)
first, _, rest = Path(sys.argv[1]).read_bytes().partition(b"\n")  # of vectors.json
if b'"version": 1, "sha256": "%b"' % hashlib.sha256(rest).hexdigest().encode() not in first:
    sys.exit(f"{sys.argv[1]} must be a whole, unchanged file of version 1")
problems = json.loads(first + rest)["problems"].values()
problems = [jax.tree.map(np.array, p, is_leaf=lambda x: isinstance(x, list)) for p in problems]
losses = "plain", "lvc", "dice", "first order", "mean score"
over_sets = jax.vmap(jax.grad(loss), (None, None, None, 0))
of = jax.jit(lambda p: {x: over_sets(p["theta"], x, p, np.arange(len(p["R"]))) for x in losses})
found = [(of(p), p["estimates"]) for p in problems]
for name, known in ((x, y) for x in losses for y in problems[0]["estimates"]):
    g, y = (np.concatenate([x[i][n].ravel() for x in found]) for i, n in enumerate((name, known)))
    if abs(g - g @ y / (y @ y) * y).max() < 1e-9:
        print(f"the gradient of {name} is {g @ y / (y @ y):.9g} times {known}")
