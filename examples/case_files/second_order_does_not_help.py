# %% [markdown]
# # Why does second-order MAML not beat first-order MAML here?
#
# tristandeleu/pytorch-maml-rl#57: MAML does not learn on the bandits of its own repository.
#
# The default of most libraries standardises the advantages: their mean becomes 0, and their
# standard deviation 1. What is left of the second derivatives then? Each estimator is called with
# every data set of a bandit, and of an MDP of two states and two steps. Its mean is compared with
# the gradient of F_N, the return after one inner step on N episodes.

# %%
import numpy as np

from metarl_min.basics import trees
from metarl_min.gradients import estimators, meta_gradients
from metarl_min.gradients.ordered_data import measured_problems

bandit, mdp = measured_problems()[2], measured_problems()[-1]  # N = 4 and N = 2


def with_baseline(problem, baseline):
    return problem._replace(inner=problem.inner._replace(baseline=baseline))


def estimates(estimator, problem):
    inputs, p = meta_gradients.enumerated_inputs(problem)
    return trees.flatten_tasks(estimator(*inputs)), p


# %% [markdown]
# ## A bandit
# For a table of logits, the second derivative of log pi(a) does not depend on a. The second-order
# part is therefore the mean advantage times one matrix, and the mean advantage is 0.

# %%
distance = {}
for baseline in (0.0, "mean", "standardised"):
    problem = with_baseline(bandit, baseline)
    second, p = estimates(estimators.plain, problem)
    first, _ = estimates(estimators.fomaml, problem)
    distance[baseline] = np.abs(second - first).max()
    print(f"bandit, baseline {baseline!s:12s} largest |plain - fomaml|: {distance[baseline]:.1e}")
assert distance[0.0] > 0.02 and max(distance["mean"], distance["standardised"]) < 1e-15

# %% [markdown]
# ## The MDP
# Here the matrix depends on the state. The baseline makes the mean advantage of a step zero over
# all states, but not in each state. So the second-order part is not zero. The table shows the bias
# for F_N in percent. The baseline changes the inner step, so each row has its own F_N.

# %%
NAMES = "fomaml", "plain", "lvc", "dice", "emaml"
bias = {}
print(f"{'MDP, baseline':16s}" + "".join(f"{name:>9s}" for name in NAMES))
for baseline in (0.0, "leave_one_out", "mean", "standardised"):
    problem = with_baseline(mdp, baseline)
    truth = trees.ravel(meta_gradients.exact_gradients(problem).grad_F_N)[0]
    for name in NAMES:
        g, p = estimates(estimators.ESTIMATORS[name], problem)
        bias[baseline, name] = 100 * np.linalg.norm(p @ g - truth) / np.linalg.norm(truth)
    row = "".join(f"{bias[baseline, name]:9.2f}" for name in NAMES)
    print(f"{baseline!s:16s}{row}")
    assert bias[baseline, "emaml"] < 1e-10
    if baseline:
        assert bias[baseline, "fomaml"] < bias[baseline, "plain"] < 0.2 * bias[0.0, "plain"]
assert np.allclose([bias[0.0, name] for name in NAMES], [3.87, 35.96, 3.63, 1.99, 0], atol=0.01)
standardised = [bias["standardised", name] for name in NAMES]
assert np.allclose(standardised, [5.68, 6.21, 8.05, 8.66, 0], atol=0.01)

# %% [markdown]
# A baseline removes most of the bias of plain, because the bias comes from the level of the
# rewards. In each of the three rows with a baseline, first-order MAML is nearer to the truth than
# plain. So here the second derivatives do not help without the score term. These are two tiny
# problems, and this is not a theorem.

# %%
print(
    f"Answer: without a baseline plain is {bias[0.0, 'plain']:.0f} % off and first order "
    f"{bias[0.0, 'fomaml']:.1f} %. With standardised advantages the two are equal on a bandit, and "
    f"on the MDP they are {bias['standardised', 'plain']:.1f} and "
    f"{bias['standardised', 'fomaml']:.1f} % off."
)
