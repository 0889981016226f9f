"""The formulas of published libraries, against losses with the structure of their losses."""

from functools import partial

import autograd.numpy as anp
import estimators_by_hand as by_hand
import library_losses as losses
import numpy as np
import pytest
from autograd import grad
from comparing import close, rng, softmax

from metarl_min.basics import trees
from metarl_min.gradients import advantages, estimators, library_estimators, ordered_data
from metarl_min.gradients.estimator_weights import (
    dice_weights,
    loaded_dice_weights,
    lvc_weights,
    plain_weights,
)
from metarl_min.gradients.listed_data import in_every_order
from metarl_min.mdps.policies import Derivatives, log_softmax

BANDIT, PAIR, FOUR, MDP, MDP_PAIR = ordered_data.measured_problems()
both = pytest.mark.parametrize("problem", [PAIR, MDP_PAIR], ids=["bandit", "mdp"])
THETA = MDP.theta["logits"]


def rows(tree):
    return trees.flatten_tasks(tree)


def data_of(inputs, m):
    episodes = inputs.data[0].episodes
    return episodes.states[m], episodes.actions[m], episodes.rewards[m]


# ---- the formulas, data set by data set ----

FORMULAS = {  # the product's estimator, its weights, the loss, and the share of the loss
    "plain": (library_estimators.log_likelihood, plain_weights, losses.mean_log_likelihood, None),
    "lvc": (library_estimators.likelihood_ratio, lvc_weights, losses.mean_ratio, None),
    "clipped": (library_estimators.clipped_ratio, lvc_weights, losses.mean_clipped_ratio, None),
    "dice": (
        partial(library_estimators.differentiated, weights=dice_weights),
        dice_weights,
        losses.mean_dice,
        None,
    ),
    "decayed": (
        partial(library_estimators.differentiated, weights=library_estimators.decayed_dice_weights),
        library_estimators.decayed_dice_weights,
        losses.mean_decayed_dice,
        None,
    ),
    **{
        f"lambda {trace}": (
            library_estimators.traced(trace),
            partial(library_estimators.traced_dice_weights, trace=trace),
            partial(losses.sum_traced, trace=trace),
            1,
        )
        for trace in (0.0, 0.5, 1.0)
    },
}


@both
@pytest.mark.parametrize("kind", FORMULAS)
@pytest.mark.verifies(
    "library_estimators.1",
    "library_estimators.2",
    "library_estimators.4",
    "library_estimators.5",
    "library_estimators.6",
)
def test_eqs1_and_2_a_formula_is_the_nested_derivative_of_its_loss(problem, kind):
    estimator, weights, loss, share = FORMULAS[kind]
    share = share or 1 / problem.horizon
    inputs, p = ordered_data.ordered_inputs(problem, weights)
    g, theta = rows(estimator(*inputs)), problem.theta["logits"]
    rate = problem.inner.alpha / share
    for m in range(0, len(p), 5):
        data, v = data_of(inputs, m), inputs.v["logits"][m]
        phi = losses.adapted(loss, theta, *data, rate)
        assert close(inputs.path[1]["logits"][m], phi, 1e-14)
        truth = losses.meta_gradient(loss, theta, data, share * v, rate)
        assert close(g[m], truth.ravel(), 1e-13)


@both
@pytest.mark.verifies("library_estimators.2", "library_estimators.3")
def test_eq3_a_mean_times_a_mean_is_the_derivative_of_this_product(problem):
    inputs, p = ordered_data.ordered_inputs(problem, plain_weights)
    x, T = np.linspace(-1, 2, len(p)), problem.horizon
    g = rows(library_estimators.mean_times_mean(*inputs._replace(R=x)))
    loss, theta = losses.mean_log_likelihood, problem.theta["logits"]
    for m in range(0, len(p), 5):
        data, v = data_of(inputs, m), inputs.v["logits"][m] / T
        truth = losses.meta_gradient(loss, theta, data, v, problem.inner.alpha * T, x[m])
        assert close(g[m], truth.ravel(), 1e-13)


@both
def test_first_order_is_the_outer_gradient_and_a_cut_path_gives_zero(problem):
    inputs, _ = ordered_data.ordered_inputs(problem, plain_weights)
    v = rows(inputs.v)
    assert close(rows(library_estimators.first_order(*inputs)), v / problem.horizon)
    assert not rows(library_estimators.without_a_path(*inputs)).any()


# ---- shares: a mean over tasks divides the inner step by their number ----


@pytest.mark.parametrize("num_tasks", [1, 2, 20])
@pytest.mark.verifies("library_estimators.1")
def test_eq1_a_mean_over_tasks_gives_each_task_its_part_of_the_step(num_tasks):
    """The loss of the library is one mean over tasks, episodes and steps."""
    inputs, _ = ordered_data.ordered_inputs(MDP_PAIR, plain_weights)
    chosen = np.arange(num_tasks) * 3
    states, actions, rewards = data_of(inputs, chosen)
    W = np.cumsum(rewards[..., ::-1], axis=-1)[..., ::-1]
    task = np.arange(num_tasks)[:, None, None]

    def loss(logits):
        return anp.mean(log_softmax(logits)[task, states, actions] * W)

    of_mean = grad(loss)(np.tile(THETA, (num_tasks, 1, 1)))
    step = (inputs.path[1]["logits"] - inputs.path[0]["logits"])[chosen] / MDP_PAIR.inner.alpha
    T = MDP_PAIR.horizon
    share = library_estimators.mean_of_steps_and_tasks(T, num_tasks)
    assert close(of_mean, share * step, 1e-14)
    assert close(of_mean * num_tasks, library_estimators.mean_of_steps(T, num_tasks) * step, 1e-14)
    assert library_estimators.sum_of_steps(T, num_tasks) == 1


# ---- what a library calls the result of adaptation ----


def rewards_per_step(problem, logits):
    """The mean reward of each step, by products of matrices. [T]"""
    pi, task = softmax(logits), problem.task
    P = np.einsum("sa,sax->sx", pi, task.transition[0])
    r = (pi * task.reward[0][..., 0]).sum(-1)
    d, means = task.initial[0], []
    for _ in range(problem.horizon):
        means.append(d @ r)
        d = d @ P
    return np.array(means)


@pytest.mark.parametrize("problem", [PAIR, MDP_PAIR], ids=["bandit", "mdp"])
@pytest.mark.verifies("library_estimators.3")
def test_eq3_the_results_that_libraries_multiply_with(problem):
    inputs, p = ordered_data.ordered_inputs(problem, plain_weights)
    phi, T = inputs.path[-1], problem.horizon
    for m in range(0, len(p), 5):
        r = rewards_per_step(problem, phi["logits"][m])
        ones = {name: leaf[m : m + 1] for name, leaf in phi.items()}
        assert library_estimators.total_return(problem, ones) == pytest.approx(r.sum(), abs=1e-14)
        assert library_estimators.mean_reward(problem, ones) == pytest.approx(r.mean(), abs=1e-14)
        to_go = sum(r[t:].sum() for t in range(T)) / T
        assert library_estimators.mean_return_to_go(problem, ones) == pytest.approx(
            to_go, abs=1e-14
        )
    assert not library_estimators.centred_mean_reward(problem, phi).any()


def test_a_batch_of_two_tasks_centred_and_scaled_changes_the_score_term_by_10_sevenths():
    """Two equal bandits with one pull before and one after adaptation: half of the term is
    centred away, and the deviation of two different rewards, .35, divides it.
    """
    inputs, p = ordered_data.ordered_inputs(BANDIT, plain_weights)
    score = np.array([[1.0, 0.0], [0.0, 1.0]]) - softmax(THETA_OF_BANDIT)  # by pull, 0 or 1
    after, paid = softmax(inputs.path[1]["logits"][:, 0]), np.array([0.2, 0.9])
    pulled = inputs.data[0].episodes.actions[:, 0, 0]
    library, true = np.zeros(2), np.zeros(2)
    for m, n in np.ndindex(2, 2):
        for first, second in np.ndindex(2, 2):
            chance = p[m] * p[n] * after[m, first] * after[n, second]
            both = paid[[first, second]]
            spread = both.std()
            adjusted = (both - both.mean()) / spread if spread > 0 else 0 * both
            library += chance * adjusted[0] * score[pulled[m]]
            true += chance * both[0] * score[pulled[m]]
    assert library == pytest.approx(0.5 / 0.35 * true, abs=1e-15)
    assert pytest.approx(1.4286, abs=5e-5) == 0.5 / 0.35


THETA_OF_BANDIT = BANDIT.theta["logits"][0]

# ---- weights ----


@pytest.mark.verifies("library_estimators.4")
def test_eq4_clipped_weights_far_from_the_reference():
    ratio, rewards = np.array([[[1.3, 1.1, 0.7]]]), np.array([[[0.0, 0.0, 2.0]]])
    up = library_estimators.clipped_weights(np.log(ratio), rewards, 0 * rewards)
    assert up.ravel() == pytest.approx([0.0, 2.2, 1.4])
    down = library_estimators.clipped_weights(np.log(ratio), -rewards, 0 * rewards)
    assert down.ravel() == pytest.approx([-2.6, -2.2, 0.0])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.verifies("library_estimators.4")
def test_eq4_weights_times_scores_are_the_gradient_of_the_clipped_surrogate(seed):
    log_ratio, rewards = (
        0.3 * rng(seed).standard_normal((2, 3, 4)),
        rng(seed + 9).normal(size=(2, 3, 4)),
    )

    def surrogate(x):
        W, ratio = anp.cumsum(rewards[..., ::-1], axis=-1)[..., ::-1], anp.exp(x)
        return anp.sum(anp.minimum(ratio * W, anp.clip(ratio, 0.8, 1.2) * W))

    w = library_estimators.clipped_weights(log_ratio, rewards, 0 * rewards)
    assert close(w, grad(surrogate)(log_ratio), 1e-13)
    assert (w == 0).any()


@pytest.mark.verifies("library_estimators.5")
def test_eq5_lambda_0_is_lvc_and_lambda_1_is_loaded_dice_at_all_ratios():
    log_ratio, rewards = rng().standard_normal((2, 3, 4)), rng(1).standard_normal((2, 3, 4))
    given = log_ratio, rewards, 0 * rewards + 0.3
    traced = library_estimators.traced_dice_weights
    assert close(traced(*given, trace=0.0), lvc_weights(*given))
    assert close(traced(*given, trace=1.0), loaded_dice_weights(*given), 1e-12)


@pytest.mark.parametrize("trace", [0.0, 0.3, 1.0])
@pytest.mark.verifies("library_estimators.5")
def test_eq5_weights_times_scores_are_the_gradient_of_loaded_dice(trace):
    log_ratio, rewards = rng(2).standard_normal((1, 3, 4)), rng(3).standard_normal((1, 3, 4))
    of_loss = grad(losses.sum_traced)(log_ratio[0], 0 * log_ratio[0], rewards[0], trace)
    w = library_estimators.traced_dice_weights(log_ratio, rewards, 0 * rewards, trace=trace)
    assert close(w[0] / 3, of_loss, 1e-12)


@pytest.mark.verifies("library_estimators.6")
def test_eq6_the_running_sum_decays_and_starts_with_the_last_entry():
    third = 1 / 3
    assert library_estimators.running_sum(3, 2) == pytest.approx(
        np.array(
            [
                [1, 0, 0, 0, 0, third],
                [third, 1, 0, 0, 0, third**2],
                [0, 0, 1, 0, 0, 0],
                [0, 0, third, 1, 0, 0],
                [0, 0, 0, 0, 1, 0],
                [0, 0, 0, 0, third, 1],
            ]
        )
    )
    assert library_estimators.running_sum(1, 1).tolist() == [[2.0]]  # one pull counts twice


def mean_inner_gradient(problem):
    inputs, p = ordered_data.ordered_inputs(problem, library_estimators.decayed_dice_weights)
    return p @ (rows(inputs.path[1]) - rows(inputs.path[0])) / problem.inner.alpha


def closed_form(problem, N):
    """Eq. (7), by a loop over the episodes of the MDP."""
    scores, total = by_hand.scores(problem.theta), 0.0
    for episode in by_hand.episodes(problem.task, problem.horizon):
        (W,) = by_hand.returns_to_go([episode])
        chance = by_hand.probability(problem.theta, [episode])
        for t, (s, a, _, _) in enumerate(episode.steps):
            follow = sum(W[t + k] / N**k for k in range(len(W) - t))
            total = total + chance * follow * scores[s, a]
    return np.real(total)


@pytest.mark.parametrize(("problem", "N"), [(PAIR, 2), (FOUR, 4), (MDP_PAIR, 2)])
@pytest.mark.verifies("library_estimators.7")
def test_eq7_the_mean_of_the_inner_step_of_decayed_dice(problem, N):
    assert close(mean_inner_gradient(problem), closed_form(problem, N), 1e-14)


@pytest.mark.verifies("library_estimators.7")
def test_eq7_the_inner_step_of_decayed_dice_is_biased_on_the_mdp_and_less_with_many_episodes():
    g = closed_form(MDP, 10**9)  # grad J
    found = {
        1: mean_inner_gradient(MDP),
        2: mean_inner_gradient(MDP_PAIR),
        20: closed_form(MDP, 20),
    }
    errors = {N: np.linalg.norm(x - g) / np.linalg.norm(g) for N, x in found.items()}
    assert errors[1] == pytest.approx(1.11, abs=5e-3)
    assert errors[2] == pytest.approx(0.043, abs=5e-4)
    assert errors[20] == pytest.approx(0.0043, abs=5e-5)
    cosine = found[1] @ g / np.linalg.norm(found[1]) / np.linalg.norm(g)
    assert np.degrees(np.arccos(cosine)) == pytest.approx(17, abs=0.05)


def test_one_pull_counts_twice_in_decayed_dice():
    g = closed_form(BANDIT, 10**9)
    assert close(mean_inner_gradient(BANDIT), 2 * g, 1e-14)


def test_decayed_dice_nears_lvc_as_the_number_of_episodes_grows():
    """At horizon 1 only the first of N pulls has an additional term, divided by N."""
    distances = {}
    for N in (2, 4, 8):
        problem = BANDIT._replace(num_episodes=N)
        inputs, p = ordered_data.ordered_inputs(problem, plain_weights)
        lvc = rows(estimators.lvc(*inputs))
        own, q = ordered_data.ordered_inputs(problem, library_estimators.decayed_dice_weights)
        decayed = rows(
            library_estimators.differentiated(*own, library_estimators.decayed_dice_weights)
        )
        distances[N] = np.linalg.norm(q @ decayed - p @ lvc)
    assert distances[2] / distances[4] > 3 and distances[4] / distances[8] > 3


# ---- surprises that do not depend on a library ----


@pytest.mark.parametrize("N", [2, 4])
def test_standardised_advantages_make_plain_equal_to_first_order_on_a_bandit(N):
    problem = BANDIT._replace(inner=BANDIT.inner._replace(baseline="standardised"), num_episodes=N)
    inputs, _ = ordered_data.ordered_inputs(problem, plain_weights)
    moved = np.abs(rows(inputs.path[1]) - rows(inputs.path[0])).max()
    g = rows(library_estimators.log_likelihood(*inputs))
    assert np.abs(g - rows(inputs.v)).max() < 1e-15 and moved > 0.1


def test_a_baseline_with_an_intercept_of_the_same_episodes_leaves_no_mean_advantage():
    """The sum of the residuals is ridge times the intercept, so a product with it is zero."""
    episodes = in_every_order(MDP_PAIR).stages[0].episodes
    W = np.cumsum(episodes.rewards[..., ::-1], axis=-1)[..., ::-1]
    b = advantages.linear_baseline(episodes, W, num_states=2, ridge=1e-5)
    assert np.abs((W - b).mean((-1, -2))).max() < 1e-5 < 0.1 < np.abs(W.mean((-1, -2))).max()


def test_the_answer_sheet_scores_every_action_in_every_state():
    """The mean of the double sum over actions and states, with standardised returns, makes an
    angle of 23 degrees with grad J.
    """
    scores, total = by_hand.scores(MDP.theta), 0.0
    for episode in by_hand.episodes(MDP.task, 2):
        W = np.array(by_hand.returns_to_go([episode])[0])
        W = (W - W.mean()) / W.std()
        chance = by_hand.probability(MDP.theta, [episode])
        for s, weight in zip([step[0] for step in episode.steps], W, strict=True):
            for _, a, _, _ in episode.steps:
                total = total + chance * weight * scores[s, a] / 4
    g, total = closed_form(MDP, 10**9), np.real(total)
    cosine = total @ g / np.linalg.norm(total) / np.linalg.norm(g)
    assert np.degrees(np.arccos(cosine)) == pytest.approx(22.9, abs=0.05)


def test_a_context_moves_alone_and_its_policy_has_the_right_derivatives():
    policy = library_estimators.context_policy
    params = {"logits": THETA, "context": np.array([0.4, -0.1])}
    u = np.array([[0.3, 1.2], [-0.7, 0.5]])
    pulled = policy.pullback(params, u)
    slopes = grad(lambda x: anp.sum(u * policy.logits(x)))(params)
    assert all(close(pulled[name], slopes[name]) for name in params)
    z = policy.logits(params)
    assert close(z, THETA + np.array([0.4, -0.1]))

    def f(x):
        return anp.sum(anp.sin(policy.logits(x)))

    v = {"logits": u, "context": np.array([1.0, 2.0])}
    derivatives = Derivatives(np.cos(z), lambda dz: -np.sin(z) * dz)
    product = policy.hessian_product(params, None, v, derivatives, 0.0)
    truth = grad(lambda x: sum(anp.sum(grad(f)(x)[name] * v[name]) for name in v))(params)
    assert all(close(product[name], truth[name]) for name in v)
