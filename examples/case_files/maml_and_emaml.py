# %% [markdown]
# # What is the difference between MAML and E-MAML?
#
# jonasrothfuss/ProMP#8 and #3: the two scripts look alike, and the difference is one flag.
#
# The flag adds the score term: the derivative of the probability of the inner data. Here its effect
# is measured: each estimator is called with every data set of N pulls, and every data set has its
# probability. The two arms pay 0.2 and 0.9, theta = (0.3, -0.2), and alpha = 0.7. A gradient has
# the form (x, -x).

# %%
from functools import partial
from math import ceil

import numpy as np

from metarl_min.basics import trees
from metarl_min.gradients import meta_gradients, objectives
from metarl_min.gradients.estimators import InnerStep, emaml, plain
from metarl_min.mdps.policies import tabular
from metarl_min.tasks.bandits import bandit_mdps

task, theta = bandit_mdps(np.array([[0.2, 0.9]])), {"logits": np.array([[0.3, -0.2]])}
problem = meta_gradients.Problem(
    inner=InnerStep(policy=tabular, alpha=0.7, baseline=0.0),
    theta=theta,
    task=task,
    horizon=1,
    num_episodes=1,
    num_steps=1,
)
J = objectives.expected_return_objective(task, horizon=1)
return_of_theta = float(J.value(theta["logits"])[0])


def averaged(inner, path, data, v, R):
    """E-MAML with the score term averaged over the N pulls: it must be a sum."""
    N = data[0].counts[0].sum()
    without, total = plain(inner, path, data, v, R), emaml(inner, path, data, v, R)
    return trees.add_scaled(without, 1 / N, trees.add_scaled(total, -1.0, without))


estimators = {
    "MAML": plain,
    "E-MAML": emaml,
    "averaged": averaged,
    "E-MAML - J": partial(emaml, c=return_of_theta),  # with a control variate
}
comparisons = meta_gradients.compare_estimators(estimators, problem, [1, 2, 8, 64])

# %% [markdown]
# The target is the gradient of F_N, the expected return after adaptation to N pulls.

# %%
print("  N  grad F_N " + "".join(f"{name:>11s}" for name in estimators) + "   (means)")
for N, (exact, moments) in comparisons.items():
    x = [row.mean[0] for row in moments.values()]
    print(f"{N:3d}  {exact.grad_F_N['logits'][0, 0]:.6f}" + "".join(f"{y:11.6f}" for y in x))
    assert moments["E-MAML"].F_N.bias_norm < 1e-12 and moments["E-MAML - J"].F_N.bias_norm < 1e-12
    assert moments["MAML"].F_N.bias_norm > 0.05
    assert (moments["averaged"].F_N.bias_norm < 1e-12) == (N == 1)
shown = [x.moments["MAML"].mean[0] for x in comparisons.values()]
truths = [x.exact.grad_F_N["logits"][0, 0] for x in comparisons.values()]
assert np.allclose(shown, [-0.138550, -0.142013, -0.144678, -0.145488], atol=5e-7)
assert np.allclose(truths, [-0.174340, -0.177649, -0.180505, -0.181416], atol=5e-7)

# %% [markdown]
# More data does not help MAML: its limit is wrong too. The price of E-MAML is variance. It grows
# with N, and a control variate removes most of it. (Here the outer gradient and return are exact.)

# %%
for name in ("MAML", "E-MAML", "E-MAML - J"):
    variances = [x.moments[name].variance for x in comparisons.values()]
    print(f"{name:11s} variance at N = 1, 2, 8, 64: " + "  ".join(f"{x:.2g}" for x in variances))
assert np.isclose(comparisons[64].moments["E-MAML"].variance, 7.63, atol=5e-3)
assert np.isclose(comparisons[64].moments["E-MAML - J"].variance, 0.051, atol=5e-4)
maml, *unbiased = (comparisons[8].moments[name] for name in ("MAML", "E-MAML", "E-MAML - J"))
short = 1 - maml.mean[0] / truths[2]
pays_from, pays_with = (meta_gradients.break_even(maml, x, maml.F_N.bias_norm) for x in unbiased)
print(f"at N = 8 E-MAML is better from {ceil(pays_from)} tasks, E-MAML - J from {ceil(pays_with)}")
ratios = [x.variance / maml.variance for x in unbiased]
assert np.allclose(ratios, [28591, 316], rtol=2e-3)
assert np.allclose([short, pays_from, pays_with], [0.198, 376.02, 4.15], rtol=5e-3)
assert ceil(pays_from) == 377

# %%
print(
    f"Answer: the score term. With 8 inner pulls the mean of MAML is {100 * short:.0f} % too "
    f"short. The mean of E-MAML is exact, but its variance is {ratios[0]:.0f} times as large, or "
    f"{ratios[1]:.0f} times with a control variate. It has the smaller error in an average of "
    f"{ceil(pays_from)} estimates or more, or of {ceil(pays_with)} with a control variate."
)
