# %% [markdown]
# # 7. Evolution
#
# The learners of chapters 2 to 6 need derivatives. The learners of this chapter need only the
# *fitness* of a vector of parameters: one number, for example the mean return of some trials.
# Evolution changes the parameters at random, and prefers changes with a larger fitness.
#
# ## A gradient without a derivative
#
# Draw a random direction e. Compute the fitness of the parameters plus sigma e, and of the
# parameters minus sigma e. The difference of the two says whether e is a good direction. An
# *evolution strategy* multiplies each direction by its difference, divides by 2 sigma, and
# averages over the directions, search_gradients (3). The *smoothed fitness* is the mean fitness of
# the changed parameters, search_gradients (1). The mean of the estimate is the gradient of the
# smoothed fitness. The fitness here is F of chapter 3, the return after one gradient step.

# %%
import numpy as np

from metarl_min.evolution import search_gradients
from metarl_min.mdps.policies import softmax

means, theta, alpha, sigma = np.array([0.2, 0.9]), np.array([0.3, -0.2]), 0.7, 0.1


def F(theta):
    pi = softmax(theta)
    phi = theta + alpha * pi * (means - (pi * means).sum(-1, keepdims=True))
    return softmax(phi) @ means


exact = np.array([-0.181550, 0.181550])  # chapter 3
for n in (10, 1000, 100_000):
    e = np.random.default_rng(0).standard_normal((n, 2))
    both = np.stack([theta + sigma * e, theta - sigma * e], axis=1).reshape(-1, 2)
    g = search_gradients.antithetic(F(both), e, sigma)
    print(f"{n:6d} directions: {g.round(4)}")
error = 5 * np.sqrt(2 * (exact @ exact) / n)  # search_gradients (5)
assert np.abs(g - exact).max() < error + sigma**2

# %% [markdown]
# With a hundred thousand directions, two digits are right. The advantage is that nothing had to be
# differentiated: F may contain sampled pulls, an argmax, or a program without derivatives. In this
# way `learners/es_maml` learns the start of MAML.
#
# ## The error grows with the number of parameters
#
# The squared error of an estimate is proportional to D + 1, where D is the number of parameters,
# search_gradients (5). A gradient by the chain rule has no such error. So evolution is good for few
# parameters, and a *learning rule* can have few.

# %%
for D in (2, 20, 200):
    slope = np.ones(D) / np.sqrt(D)  # a linear fitness whose gradient has length 1
    e = np.random.default_rng(1).standard_normal((100, D))
    fitness = np.stack([e @ slope, -e @ slope], axis=1).ravel()
    g = search_gradients.antithetic(fitness, e, 1.0)
    error, expected = np.sum((g - slope) ** 2), (D + 1) / 100
    print(f"D = {D:3d}: squared error {error:.3f}, expected {expected:.3f}")
    assert 0.2 * expected < error < 5 * expected

# %% [markdown]
# ## Evolving a learning rule
#
# In chapter 5 the learning rule was a network. Here it is a formula with six coefficients,
# evolved_rule (1) and (2). One coefficient is the first estimate of the value of an arm, another is
# the number of pulls that this estimate is worth, and a third says how greedy the choice is.
# Evolution finds the coefficients for the family of chapter 1.

# %%
from metarl_min import evaluation, training
from metarl_min.ceilings.bayes_optimal import solve
from metarl_min.learners import evolved_rule
from metarl_min.tasks.bandits import bandit

family = bandit(arms=2, pulls=10)
ceiling, learner = solve(family), evolved_rule.evolved_rule(family)
scores = {}
for iterations in (1, 20, 100):
    state = training.train(learner, iterations, seed=0)
    found = evaluation.evaluate(learner, state, num_tasks=4000, seed=0, ceiling=ceiling)
    scores[iterations] = found.score_pdl
    print(f"after {iterations:3d} generations: score {found.score_pdl:.3f}")
print(evolved_rule.formula(evolved_rule.coefficients(state.theta["rule"])))
assert scores[100] > scores[1] + 0.2 and scores[100] > 0.8

# %% [markdown]
# The result is a formula that one can read. Q is the posterior mean of an arm under a Beta prior,
# evolved_rule (3). The factor of Q grows with t, so the rule becomes greedier during the trial. By
# chapter 1, Thompson sampling scores 0.69 on this family, and greedy 0.98.
#
# ## Modules, assignments, case files
#
# `evolution/search_gradients` and `learners/evolved_rule` are the modules of this chapter, and the
# assignment `hw8` belongs to it. The case file `es_and_sigma.py` asks whether the estimate must be
# divided by sigma.
