# %% [markdown]
# # What is the difference between MAML and E-MAML?
#
# jonasrothfuss/ProMP#8 and #3: the two scripts look alike, and the difference is one flag.
#
# What one flag adds is the score term: the derivative of the probability of the inner data. Here
# it is measured, by feeding the estimators every data set of N pulls with its probability. Two arms
# that pay 0.2 and 0.9, theta = (0.3, -0.2), alpha = 0.7; gradients have the form (x, -x).

# %%
from functools import partial
from math import ceil

import numpy as np

from metarl_min.basics import trees
from metarl_min.gradients import adaptation, meta_gradients, objectives
from metarl_min.gradients.estimators import InnerStep, emaml, plain
from metarl_min.mdps import policies
from metarl_min.tasks import bandits

task, theta = bandits.bandit_mdps(np.array([[0.2, 0.9]])), {"logits": np.array([[0.3, -0.2]])}
problem = meta_gradients.Problem(InnerStep(policies.tabular, 0.7, 0.0), theta, task, 1, 1, 1)
unadapted = adaptation.adapted_return(
    policies.tabular, theta, 0.0, 0, objectives.expected_return_objective(task, 1)
)


def averaged(inner, path, data, v, R):
    """E-MAML with the score term averaged over the N pulls: a sum is right."""
    N = data[0].counts[0].sum()
    without, total = plain(inner, path, data, v, R), emaml(inner, path, data, v, R)
    return trees.add_scaled(without, 1 / N, trees.add_scaled(total, -1.0, without))


estimators = {
    "MAML": plain,
    "E-MAML": emaml,
    "averaged": averaged,
    "E-MAML - J": partial(emaml, c=unadapted),  # the return of the start as control variate
}
found = meta_gradients.compare_estimators(estimators, problem, [1, 2, 8, 64])

# %% [markdown]
# The target is F_N: the expected return after adapting on N pulls, which is what is deployed.

# %%
print("  N  grad F_N " + "".join(f"{name:>11s}" for name in estimators) + "   (means)")
for N, (truth, rows) in found.items():
    x = [row.mean[0] for row in rows.values()]
    print(f"{N:3d}  {truth.grad_F_N['logits'][0, 0]:.6f}" + "".join(f"{y:11.6f}" for y in x))
    assert rows["E-MAML"].bias[0] < 1e-12 and rows["E-MAML - J"].bias[0] < 1e-12
    assert rows["MAML"].bias[0] > 0.05
    assert (rows["averaged"].bias[0] < 1e-12) == (N == 1)
shown = [found[N][1]["MAML"].mean[0] for N in found]
truths = [found[N][0].grad_F_N["logits"][0, 0] for N in found]
assert np.allclose(shown, [-0.138550, -0.142013, -0.144678, -0.145488], atol=5e-7)
assert np.allclose(truths, [-0.174340, -0.177649, -0.180505, -0.181416], atol=5e-7)

# %% [markdown]
# More data does not help MAML: its limit is wrong too. What E-MAML pays is variance, which grows
# with N, until a control variate takes most of it away. (Outer gradient and return are exact here.)

# %%
for name in ("MAML", "E-MAML", "E-MAML - J"):
    variances = [rows[name].variance for _, rows in found.values()]
    print(f"{name:11s} variance at N = 1, 2, 8, 64: " + "  ".join(f"{x:.2g}" for x in variances))
assert np.isclose(found[64][1]["E-MAML"].variance, 7.63, atol=5e-3)
assert np.isclose(found[64][1]["E-MAML - J"].variance, 0.051, atol=5e-4)
at_8, truth_8 = found[8][1], truths[2]
short = 1 - at_8["MAML"].mean[0] / truth_8
pays_from = meta_gradients.break_even(at_8["MAML"], at_8["E-MAML"], at_8["MAML"].bias[0])
pays_with = meta_gradients.break_even(at_8["MAML"], at_8["E-MAML - J"], at_8["MAML"].bias[0])
print(
    f"at N = 8 E-MAML pays from {ceil(pays_from)} tasks, with the control variate {ceil(pays_with)}"
)
ratios = [at_8[name].variance / at_8["MAML"].variance for name in ("E-MAML", "E-MAML - J")]
assert np.allclose(ratios, [28591, 316], rtol=2e-3)
assert np.allclose([short, pays_from, pays_with], [0.198, 376.02, 4.15], rtol=5e-3)
assert ceil(pays_from) == 377

# %%
print(
    f"Answer: the score term. With 8 inner pulls MAML's gradient is {100 * short:.0f} % too short "
    f"and E-MAML's exact, at {ratios[0]:.0f} times the variance, or {ratios[1]:.0f} times with a "
    f"control variate; it pays from {ceil(pays_from)} and from {ceil(pays_with)} estimates a step."
)
