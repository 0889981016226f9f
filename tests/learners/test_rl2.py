"""RL^2: what it sees and when, its exact expectation, and that it learns."""

import itertools
import pickle
from fractions import Fraction

import autograd.numpy as np
import numpy as onp
import pytest
from autograd import grad
from numpy.testing import assert_allclose

from metarl_min import learners, tasks, training
from metarl_min.basics import optimizers, trees
from metarl_min.ceilings import bayes_optimal
from metarl_min.learners import rl2
from metarl_min.mdps import policies
from metarl_min.mdps.rollouts import Episodes, sampler
from metarl_min.memory import actor_critic, external_memory, recurrent_agents, recurrent_policies
from metarl_min.memory.recurrent_agents import Trace

GRID = {"size": "3", "start": "4", "horizon": "4", "episodes": "3", "terminate": "1"}


def rng(seed=0):
    return onp.random.default_rng(seed)


def played(seed=0, words=GRID):
    family = tasks.make("gridworld", words)
    batch = family.sample(rng(), 6)
    policy = recurrent_policies.recurrent("gru", 5, "float64")
    theta = policy.init(rng(1), sum(batch.shape) + 2, batch.shape[1])
    record = Trace([], [], [], [])
    player = recurrent_agents.agent(policy, theta, batch.shape, False, record)
    prepared = sampler(batch, family.reward_noise)
    episodes = rl2.rollouts.play(rng(seed), prepared, player, 3, family.horizon)
    return batch, policy, theta, record, episodes


@pytest.mark.verifies("recurrent_agents.1")
def test_each_step_sees_its_state_and_what_the_step_before_did_and_was_paid():
    batch, policy, theta, record, episodes = played()
    S, A = batch.shape
    states, actions, rewards = (recurrent_agents.time_first(x) for x in episodes[:3])
    for t, x in enumerate(record.observations):
        truth = onp.zeros((6, S + A + 2))
        for m in range(6):
            truth[m, states[t, m]] = 1
            if t:
                truth[m, S + actions[t - 1, m]] = 1
                truth[m, S + A] = rewards[t - 1, m]
            truth[m, S + A + 1] = t % 4 == 0
        assert_allclose(x, truth, atol=0)
    memories, logits, values = recurrent_policies.unroll(
        policy, theta, onp.stack(record.observations)
    )
    assert not memories[0].h.any() and memories[4].h.any()  # empty on a task, kept in an episode
    assert_allclose([m.h for m in record.memories], [m.h for m in memories], atol=0)
    assert_allclose(record.logits, logits, atol=0)
    assert_allclose(record.values, values, atol=0)


@pytest.mark.verifies("actor_critic.1")
def test_advantages_are_a_double_sum_over_the_steps_that_are_alive():
    r, v = rng(1).normal(size=(2, 7, 4))
    alive = rng(2).random((7, 4)) < 0.6
    found = actor_critic.advantages(r, v, alive, 0.9, 0.7)
    for m in range(4):
        steps = [t for t in range(7) if alive[t, m]]
        values = [*v[steps, m], 0.0]
        for i, t in enumerate(steps):
            deltas = [
                r[steps[j], m] + 0.9 * values[j + 1] - values[j] for j in range(i, len(steps))
            ]
            truth = sum(0.63**k * delta for k, delta in enumerate(deltas))
            assert_allclose(found[t, m], truth, rtol=1e-12)
    assert not found[~alive].any()


@pytest.mark.verifies("actor_critic.2", "actor_critic.3", "actor_critic.4")
@pytest.mark.parametrize("clip", [0.2, onp.inf])
def test_gradients_in_logits_and_values_are_those_of_the_surrogate(clip):
    z, onehot = rng(1).normal(size=(5, 4, 3)), onp.eye(3)[rng(2).integers(3, size=(5, 4))]
    old, A = rng(3).normal(size=(5, 4)) * 0.5 - 1, rng(4).normal(size=(5, 4))
    alive = rng(5).random((5, 4)) < 0.8

    def surrogate(z):
        ratio = np.exp(np.sum(policies.log_softmax(z) * onehot, -1) - old)
        bounded = np.minimum(ratio * A, np.clip(ratio, 1 - clip, 1 + clip) * A)
        return np.sum(alive * (bounded + 0.3 * policies.entropy(z)))

    found = actor_critic.logit_gradient(z, old, onehot, A, alive, 0.3, clip)
    assert_allclose(found, grad(surrogate)(z), rtol=1e-10, atol=1e-13)
    v = rng(6).normal(size=(5, 4))
    truth = grad(lambda v: -np.sum(alive * (A - v) ** 2) / 4)(v)
    assert_allclose(actor_critic.value_gradient(v, A, alive), truth, rtol=1e-12, atol=1e-15)


@pytest.mark.verifies("actor_critic.5")
def test_long_gradients_are_cut_and_short_ones_left():
    g = {"a": onp.array([3.0]), "b": onp.array([[4.0]])}
    assert actor_critic.clip_norm(g, 5.1) is g
    short = actor_critic.clip_norm(g, 1.0)
    assert_allclose([short["a"][0], short["b"][0, 0]], [0.6, 0.8], rtol=1e-15)


@pytest.mark.parametrize("rewards", ["sampled", "expected"])
def test_the_expected_gradient_over_every_trial_is_that_of_the_return(rewards):
    """Two arms, three pulls: 64 histories, each as a task of its own, weighed afterwards."""
    means, n = onp.array([0.3, 0.8]), 3
    words = list(itertools.product(range(2), range(2), repeat=n))
    actions, paid = onp.array(words).reshape(-1, n, 2).transpose(2, 0, 1)
    K = len(words)
    batch = tasks.make("bandit", {"arms": "2"}).sample(rng(), K)
    batch = batch._replace(reward=onp.broadcast_to(means[:, None], batch.reward.shape).copy())
    policy = recurrent_policies.recurrent("gru", 4, "float64")
    theta = trees.map_leaves(
        lambda x: x + 0.5 * rng(3).normal(size=x.shape), policy.init(rng(1), 5, 2)
    )
    x, previous = [], onp.zeros((K, 3))
    for t in range(n):
        x.append(recurrent_agents.observation(onp.zeros(K, int), previous, True, 1))
        previous = onp.concatenate([onp.eye(2)[actions[:, t]], paid[:, t, None]], axis=1)
    x = onp.stack(x)
    chance = onp.where(paid, means[actions], 1 - means[actions]).prod(-1)
    onehot = onp.eye(2)[actions.T]

    def value(theta):
        log_probs = policies.log_softmax(recurrent_policies.unroll(policy, theta, x)[1])
        return np.sum(chance * np.exp(np.sum(log_probs * onehot, (0, 2))) * paid.sum(1))

    episodes = Episodes(0 * actions[..., None], actions[..., None], 1.0 * paid[..., None],
                        onp.ones((K, n, 1), bool))  # fmt: skip
    r = recurrent_agents.time_first(rl2.paid(episodes, batch, rewards))
    memories, logits, values = recurrent_policies.unroll(policy, theta, x)
    alive = onp.ones((n, K), bool)
    A = actor_critic.advantages(r, values, alive, 1.0, 1.0)
    old = (policies.log_softmax(logits) * onehot).sum(-1)
    u = actor_critic.logit_gradient(logits, old, onehot, A, alive, 0.0, onp.inf)
    weights = chance * onp.exp(old.sum(0))
    u = u * weights[:, None]
    g = recurrent_policies.gradient(policy, theta, x, memories, u, onp.zeros((n, K)))
    truth = grad(value)(theta)
    assert weights.sum() == pytest.approx(1, abs=1e-14)
    for name in theta:
        assert_allclose(g[name], truth[name], atol=1e-10)


@pytest.mark.verifies("rl2.1")
def test_the_entropy_bonus_ends_halfway():
    found = [rl2.schedule(0.01, 0.1, done) for done in (0, 0.25, 0.5, 0.75, 1, 2)]
    truth = [(0.01, 0.1), (0.0075, 0.05), (0.005, 0), (0.0025, 0), (0, 0), (0, 0)]
    assert_allclose(found, truth, atol=1e-16)


@pytest.mark.verifies("rl2.1")
def test_the_step_size_falls_to_zero_over_the_iterations():
    family = tasks.make("bandit", {"arms": "2", "pulls": "3"})
    learner = learners.make("rl2", {"iterations": "4", "num_tasks": "8", "hidden": "4"})
    state, moved = learner.init(rng(), family), []
    for i in range(5):
        again = state._replace(optimizer=learner.init(rng(), family).optimizer, iteration=i)
        after = learner.step(rng(7), again, family)[0]
        moved.append(max(abs(after.theta[x] - state.theta[x]).max() for x in state.theta))
    assert_allclose(moved, 0.01 * onp.array([1, 0.75, 0.5, 0.25, 0]), rtol=1e-2)


def test_what_happens_after_the_end_of_an_episode_carries_no_gradient():
    _, _, theta, record, episodes = played(3)
    assert not episodes.alive.all()
    rules = rl2.resolve(
        learners.make("rl2", {"hidden": "5"}).step.keywords["rules"],
        tasks.make("gridworld", GRID),
    )
    state = rl2.State(theta, rl2.optimizers.adam(0.0).init(theta), 0)
    other = episodes.rewards + ~episodes.alive * 9.0
    first, second = (rl2.update(rules, state, record, episodes, r)
                     for r in (episodes.rewards, other))  # fmt: skip
    for name in theta:
        assert_allclose(first.theta[name], second.theta[name], atol=0)


@pytest.mark.parametrize("update", ["a2c", "ppo"])
@pytest.mark.parametrize("cell", list(recurrent_policies.CELLS))
def test_a_step_is_a_function_of_its_seed_and_survives_pickling(update, cell):
    words = {"update": update, "cell": cell, "num_tasks": "4", "hidden": "4", "epochs": "2"}
    learner = pickle.loads(pickle.dumps(learners.make("rl2", words)))
    family = tasks.make("gridworld", GRID)
    first, second = (training.train(learner, family, iterations=2, seed=5) for _ in range(2))
    for name in first.theta:
        onp.testing.assert_array_equal(first.theta[name], second.theta[name])
    assert first.iteration == 2


def test_it_learns_to_pull_what_paid():
    family = tasks.make("bandit", {"arms": "2", "pulls": "3", "prior": "0.2,0.2"})
    words = {"hidden": "16", "iterations": "500", "num_tasks": "100"}
    learner = learners.make("rl2", words)
    state = training.train(learner, family, iterations=500, seed=0)
    batch = family.sample(rng(9), 4000)
    total = learner.trial(rng(8), state, family, batch).rewards.sum((1, 2))
    assert total.mean() > 1.5 + 5 * total.std() / onp.sqrt(4000)
    greedy = [learner.trial(rng(s), state, family, batch, greedy=True).actions for s in (1, 2)]
    onp.testing.assert_array_equal(*(x[:, 0] for x in greedy))  # before chance has paid


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ({"update": "trpo"}, "update must be a2c or ppo, got 'trpo'"),
        ({"rewards": "none"}, "rewards must be one of sampled, expected, got 'none'"),
        ({"clip": "0"}, "clip must be positive, got 0"),
        ({"hidden": "0"}, "hidden must be at least 1, got 0"),
        ({"gamma": "1.01"}, "gamma must be"),
        ({"gae_lambda": "-0.01"}, "gae_lambda must be"),
        ({"beta": "-1"}, "beta must be"),
        ({"entropy": "-1"}, "entropy must be"),
        ({"scale": "0"}, "scale must be positive, got 0"),
    ],
)
def test_settings_out_of_range_are_refused(words, rule):
    with pytest.raises(ValueError, match=rule):
        learners.make("rl2", words)


def after(h):
    """(wins, losses) of each arm after a history of (action, reward)."""
    return [(sum(a == k and r for a, r in h), sum(a == k and not r for a, r in h)) for k in (0, 1)]


def action_values(policy, n, h=()):
    """Q of each action after `h` and every later history, of a policy history -> action or None
    (the best), two Beta(1, 1) arms."""
    if len(h) == n:
        return {}
    found, Q = {}, []
    for a, (wins, losses) in enumerate(after(h)):
        p, q = Fraction(wins + 1, wins + losses + 2), Fraction(0)
        for r, chance in ((1, p), (0, 1 - p)):
            later = (*h, (a, r))
            found |= action_values(policy, n, later)
            q += chance * (r + (value(found, policy, later) if len(later) < n else 0))
        Q.append(q)
    return found | {h: Q}


def value(found, policy, h):
    return max(found[h]) if policy is None else found[h][policy[h]]


def test_only_the_bayes_optimal_policy_has_no_positive_advantage():
    n, best = 3, action_values(None, 3)
    optimal = {h: int(Q[1] > Q[0]) for h, Q in best.items()}
    assert action_values(optimal, n) == best  # hence no advantage above 0
    family = tasks.make("bandit", {"arms": "2", "pulls": "3", "prior": "1,1"})
    assert bayes_optimal.solve(family).value == pytest.approx(float(max(best[()])), abs=1e-12)
    others = [dict.fromkeys(best, 0), dict.fromkeys(best, 1)]
    others += [{**optimal, h: 1 - optimal[h]} for h in best if best[h][0] != best[h][1]]
    draw = rng(4)
    others += [{h: int(draw.integers(2)) for h in best} for _ in range(30)]
    for policy in others:
        Q = action_values(policy, n)
        worse = any(value(Q, policy, h) < max(best[h]) for h in best)
        positive = any(max(Q[h]) > value(Q, policy, h) for h in best)
        assert worse and positive  # perhaps off its own path


def test_the_gradient_in_the_logits_vanishes_at_a_deterministic_policy():
    z, A = onp.array([[[60.0, 0.0]]]), onp.array([[5.0]])
    taken = policies.log_softmax(z)[..., 0]
    u = actor_critic.logit_gradient(z, taken, onp.array([[[1.0, 0.0]]]), A, A > 0, 0.0, onp.inf)
    assert abs(u).max() < 1e-24


@pytest.mark.parametrize("name", ["rl2", "mann"])
def test_a_reward_is_seen_at_the_next_decision_and_not_before(name):
    """Perturbed at step 4, in the middle of the second episode: alignment by construction."""
    batch, policy, theta, _, _ = played()
    if name == "mann":
        policy = external_memory.policy(5, 3, 4, "float64")
        theta = policy.init(rng(1), sum(batch.shape) + 2, batch.shape[1])
    seen = []
    for extra in (0.0, 7.0):

        def noise(rng, mean, extra=extra, count=[0]):  # noqa: B006
            count[0] += 1
            return mean + extra * (count[0] == 6)

        record = Trace([], [], [], [])
        player = recurrent_agents.agent(policy, theta, batch.shape, True, record)
        rl2.rollouts.play(rng(0), sampler(batch, noise), player, 3, 4)
        seen.append(record)
    for t in range(12):
        same = [
            onp.array_equal(*(getattr(r, part)[t] for r in seen)) for part in ("logits", "values")
        ]
        assert all(same) is (t < 6) or t > 6
    assert onp.array_equal(seen[0].observations[5], seen[1].observations[5])


@pytest.mark.parametrize("name", ["rl2", "mann"])
def test_shuffled_tasks_give_shuffled_results(name):
    family = tasks.make("gridworld", GRID | {"size": "3"})
    batch = family.sample(rng(), 8)
    learner = learners.make(name, {"hidden": "5"})
    state = learner.init(rng(1), family)
    order = rng(2).permutation(8)
    first = learner.trial(rng(3), state, family, batch, greedy=True)
    mixed = batch._replace(**{
        part: x if len(x) == 1 else x[order] for part, x in batch._asdict().items()
    })  # fmt: skip
    second = learner.trial(rng(3), state, family, mixed, greedy=True)
    for x, y in zip(first, second, strict=True):
        assert_allclose(x[order], y, atol=1e-6)


@pytest.mark.parametrize(("name", "num_tasks"), [("rl2", 12), ("mann", 8)])
def test_twenty_seeds_stay_finite(name, num_tasks):
    for seed in range(20):
        family = tasks.make(*[("bandit", {"arms": "2"}), ("gridworld", GRID)][seed % 2])
        learner = learners.make(name, {"num_tasks": str(num_tasks), "iterations": "15"})
        state = training.train(learner, family, iterations=15, seed=seed)
        assert state.iteration == 15
        assert all(np.isfinite(leaf).all() for leaf in state.theta.values())


def test_what_is_kept_of_a_run_that_fails_is_finite(tmp_path):
    """What is kept is the last checkpoint that was finite."""
    learner = learners.make("rl2", {"beta": "1e38", "num_tasks": "4", "hidden": "4"})
    family = tasks.make("bandit", {"arms": "2", "pulls": "3"})
    with onp.errstate(all="ignore"), pytest.raises(FloatingPointError, match="after iteration"):
        training.train_run(tmp_path, learner, family, iterations=20, seed=0)
    kept = training.restore(tmp_path, learner, family, 0)
    assert all(onp.isfinite(leaf).all() for leaf in kept.state.theta.values())


@pytest.mark.verifies("rl2.2")
@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("max_norm", [1e-3, 1e3])
def test_an_update_is_adam_on_the_gradient_of_the_whole_surrogate(epochs, max_norm):
    """The mean over all steps of what actor_critic (1)-(4) differentiates, cut by (5)."""
    _, policy, theta, record, episodes = played(3)
    family = tasks.make("gridworld", GRID)
    given = rl2.resolve(learners.make("rl2", {}).step.keywords["rules"], family)
    rules = given._replace(
        network=lambda hidden: policy,
        gamma=0.9,
        gae_lambda=0.7,
        scale=2.0,
        eta=0.3,
        beta=0.05,
        iterations=10,
        epochs=epochs,
        clip=0.02,
        max_norm=max_norm,
    )
    start = optimizers.adam(0.0).init(theta)._replace(num_updates=2)  # not at rest
    start = start._replace(
        m=trees.map_leaves(lambda x: 1e-3 + 0 * x, theta),
        v=trees.map_leaves(lambda x: 1e-6 + 0 * x, theta),
    )
    found = rl2.update(rules, rl2.State(theta, start, 2), record, episodes, episodes.rewards)

    x, alive = onp.stack(record.observations), recurrent_agents.time_first(episodes.alive)
    onehot = onp.eye(5)[recurrent_agents.time_first(episodes.actions)]
    v0, z0 = onp.stack(record.values), onp.stack(record.logits)
    A = actor_critic.advantages(
        2.0 * recurrent_agents.time_first(episodes.rewards), v0, alive, 0.9, 0.7
    )
    old, target = np.sum(policies.log_softmax(z0) * onehot, -1), A + v0

    def surrogate(theta):
        _, z, v = recurrent_policies.unroll(policy, theta, x)
        ratio = np.exp(np.sum(policies.log_softmax(z) * onehot, -1) - old)
        gain = np.minimum(ratio * A, np.clip(ratio, 0.98, 1.02) * A)
        return np.mean(alive * (gain + 0.18 * policies.entropy(z) - (target - v) ** 2 / 4))

    truth, moments, adam = theta, start, optimizers.adam(0.04)
    for _ in range(epochs):
        g = grad(surrogate)(truth)
        norm = onp.sqrt(sum((leaf**2).sum() for leaf in g.values()))
        assert (norm > max_norm) == (max_norm < 1)
        g = trees.scale(g, min(1.0, max_norm / norm))
        truth, moments = adam.update(truth, moments, g)
    assert found.optimizer.num_updates == 2 + epochs
    for name in theta:
        assert_allclose(found.theta[name], truth[name], rtol=1e-8, atol=1e-10)
        assert_allclose(found.optimizer.m[name], moments.m[name], rtol=1e-7, atol=1e-13)


@pytest.mark.parametrize("words", [{"goals": "0"}, {"goals": "0,2"}])
def test_expected_rewards_of_a_step_are_those_of_its_task(words):
    family = tasks.make("gridworld", GRID | words | {"slip": "0.3"})
    batch = family.sample(rng(), 4)
    learner = learners.make("rl2", {"hidden": "3", "rewards": "expected", "num_tasks": "4"})
    episodes = learner.trial(rng(1), learner.init(rng(), family), family, batch)
    found = rl2.paid(episodes, batch, "expected")
    transition, reward = (onp.broadcast_to(x, (4, *x.shape[1:])) for x in batch[1:])
    for m, n, t in itertools.product(range(4), range(3), range(4)):
        s, a = episodes.states[m, n, t], episodes.actions[m, n, t]
        r = onp.broadcast_to(reward[m, s, 0], 9) if reward.shape[2] == 1 else reward[m, s, a]
        truth = sum(transition[m, s, a, k] * r[k] for k in range(9))
        assert found[m, n, t] == pytest.approx(truth, abs=1e-15)


def test_info_is_the_mean_over_the_tasks():
    family = tasks.make("bandit", {"arms": "2", "pulls": "3"})
    learner = learners.make("rl2", {"hidden": "3", "num_tasks": "50"})
    _, info = learner.step(rng(1), learner.init(rng(), family), family)
    assert (
        info.per_episode.shape == (3,)
        and ((info.per_episode > 0.2) & (info.per_episode < 0.8)).all()
    )


def test_a_network_starts_orthogonal_within_glorot_and_nearly_uniform():
    policy, H, observed = recurrent_policies.recurrent("gru", 16, "float64"), 16, 7
    theta = policy.init(rng(), observed, 5)
    U, W = (onp.split(theta[name], 3, axis=1) for name in "UW")
    for block in U:
        assert_allclose(block.T @ block, onp.eye(H), atol=1e-12)
    assert abs(U[0] - U[1]).max() > 0.1 < abs(U[1] - U[2]).max()
    limit = onp.sqrt(6 / (observed + H))
    for block in W:
        assert 0.9 * limit < abs(block).max() <= limit
    logits = policy.step(
        theta, policy.initial_memory(theta, 20), rng(1).normal(size=(20, observed))
    )[1]
    assert 0 < onp.ptp(logits, axis=-1).max() < 0.1


def test_a_large_gradient_is_cut_and_not_lost():
    g = actor_critic.clip_norm({"w": onp.full(3, 1e20, onp.float32)}, 1.0)
    assert g["w"].dtype == onp.float32
    assert_allclose(g["w"], 3**-0.5, rtol=1e-6)


def test_expected_rewards_are_what_is_ascended():
    family = tasks.make("bandit", {"arms": "2", "pulls": "3"})
    after = []
    for rewards in ("sampled", "expected"):
        learner = learners.make("rl2", {"hidden": "3", "num_tasks": "4", "rewards": rewards})
        after.append(learner.step(rng(1), learner.init(rng(), family), family)[0].theta["V"])
    assert abs(after[0] - after[1]).max() > 0
