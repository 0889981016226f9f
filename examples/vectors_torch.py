"""Which known estimator of the meta-gradient does a PyTorch loss compute, and by which factor?"""

import hashlib
import json
import sys
from pathlib import Path

import torch


def tensors(entries):
    return {k: x if isinstance(x, (dict, str)) else torch.tensor(x) for k, x in entries.items()}


def loss(name, theta, p, m):  # on data set m of the problem p. Put the loss of your library here
    phi, score, b = theta, 0.0, p["baseline"]
    for s, a, r in zip(p["states"][m], p["actions"][m], p["rewards"][m], strict=True):  # [N, T]
        log_pi, adv = torch.log_softmax(phi, 1)[s, a], r.flip(1).cumsum(1).flip(1) - b
        ratio, box = ((x - x.detach()).exp() for x in (log_pi, log_pi.cumsum(1)))
        terms = {"lvc": ratio * adv, "dice": box * r + (1 - ratio) * b}.get(name, log_pi * adv)
        (step,) = torch.autograd.grad(terms.sum(1).mean(), phi, create_graph=True)
        phi = phi + p["alpha"] * (step.detach() if name == "first order" else step)
        score = score + (p["R"][m] * log_pi.mean() if name == "mean score" else 0.0)
    return -(p["v"][m] * phi).sum() - score


torch.set_default_dtype(torch.float64)
first, _, rest = Path(sys.argv[1]).read_bytes().partition(b"\n")  # of vectors.json
if b'"version": 1, "sha256": "%b"' % hashlib.sha256(rest).hexdigest().encode() not in first:
    sys.exit(f"{sys.argv[1]} must be a whole, unchanged file of version 1")
problems = list(json.loads(first + rest, object_hook=tensors)["problems"].values())
sets = [(p["theta"].requires_grad_(), p, m) for p in problems for m in range(len(p["R"]))]
for name in ("plain", "lvc", "dice", "first order", "mean score"):
    g, found = torch.cat([torch.autograd.grad(loss(name, *x), x[0])[0].ravel() for x in sets]), []
    for known in problems[0]["estimates"]:
        y = torch.cat([p["estimates"][known].ravel() for p in problems])
        factor = (g @ y / (y @ y)).item()
        found += [f"{factor:.9g} times {known}"] if (g - factor * y).abs().max() < 1e-9 else []
    print(f"the gradient of {name} is", " = ".join(found) or "no known estimator")
