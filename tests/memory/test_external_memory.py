"""A network beside a memory, against a loop over rows, and back-propagation against traces."""

import math

import numpy as onp
import pytest
from numpy.testing import assert_allclose
from recurrent_policies import assert_gradient_of_a_trial

from metarl_min import learners, tasks, training
from metarl_min.basics import trees
from metarl_min.ceilings import bayes_optimal
from metarl_min.learners import rl2
from metarl_min.mdps import values
from metarl_min.memory import addressing, recurrent_policies
from metarl_min.memory import external_memory as memory

T, M, K, A, H, N, W = 5, 2, 3, 2, 3, 3, 2


def made(seed=0):
    rng = onp.random.default_rng(seed)
    policy = memory.policy(H, N, W, "float64")
    params = trees.map_leaves(lambda x: x + 0.4 * rng.normal(size=x.shape), policy.init(rng, K, A))
    return policy, params, rng.normal(size=(T, M, K)), rng


def by_hand(p, state, x):
    """One step for one task, row by row."""
    h, last, keys, rows, usage, reading, read = state
    inputs = onp.concatenate([x, read])
    y, w = inputs @ p["W"] + p["b"], h @ p["U"]
    new = []
    for k in range(H):
        r, u = (1 / (1 + math.exp(-y[i] - w[i])) for i in (k, H + k))
        n = math.tanh(y[2 * H + k] + r * (w[2 * H + k] + p["c"][k]))
        new.append(u * h[k] + (1 - u) * n)
    h = onp.array(new)
    out = h @ p["K"] + p["k"]
    key, vector = onp.tanh(out[:W]), onp.tanh(out[W : 2 * W])
    gate, strength = 1 / (1 + math.exp(-out[2 * W])), 1 + math.log1p(math.exp(out[2 * W + 1]))
    oldest = min(range(N), key=lambda i: usage[i])
    written = [gate * reading[i] + (1 - gate) * (i == oldest) for i in range(N)]
    rows = [(i != oldest) * rows[i] + written[i] * vector for i in range(N)]
    keys = [(i != oldest) * keys[i] + written[i] * last for i in range(N)]
    like = [key @ row / math.sqrt(key @ key) / math.sqrt(max(row @ row, 1e-6)) for row in keys]
    scores = [math.exp(strength * x) for x in like]
    reading = [score / sum(scores) for score in scores]
    read = sum(reading[i] * rows[i] for i in range(N))
    usage = [0.95 * usage[i] + reading[i] + written[i] for i in range(N)]
    return (h, key, keys, rows, usage, reading, read), onp.concatenate([h, read]) @ p["V"] + p["d"]


@pytest.mark.verifies("addressing.1", "addressing.5", "addressing.7")
def test_a_trial_is_that_of_a_loop_over_rows():
    policy, params, x, _ = made()
    memories, logits, value = recurrent_policies.unroll(policy, params, x)
    for m in range(M):
        state = (*(part[m] for part in memories[0][:-1]),)
        assert not any(onp.any(part) for part in state)
        for t in range(T):
            state, heads = by_hand(params, state, x[t, m])
            for found, truth in zip(memories[t + 1][:-1], state, strict=True):
                assert_allclose(found[m], onp.array(truth), rtol=1e-12, atol=1e-13)
            assert_allclose([*logits[t, m], value[t, m]], heads, rtol=1e-12, atol=1e-13)


@pytest.mark.verifies("external_memory.1", "external_memory.2", "external_memory.3")
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_by_hand_is_that_of_the_traced_form_and_of_differences(seed, monkeypatch):
    policy, params, x, rng = made(seed)
    monkeypatch.setattr(addressing, "SHORTEST", 0.3 * seed)  # some rows are shorter than the last
    u, v = rng.normal(size=(T, M, A)), rng.normal(size=(T, M))
    if seed == 0:
        monkeypatch.setattr(addressing, "SHORTEST", 1e-3)
    assert_gradient_of_a_trial(policy, params, x, u, v)


def test_a_population_is_a_leading_axis():
    policy, one, x, _ = made()
    other = made(seed=1)[1]
    both = trees.map_leaves(lambda a, b: onp.stack([a, b]), one, other)
    steps = [policy.step(both, policy.initial_memory(both, M), onp.stack([x[0], x[1]]))]
    steps.append(policy.step(both, steps[0][0], onp.stack([x[2], x[3]])))
    for p, params in enumerate((one, other)):
        alone = policy.step(params, policy.initial_memory(params, M), x[p])
        alone = policy.step(params, alone[0], x[2 + p])
        for found, truth in zip(steps[1][0][:-1], alone[0][:-1], strict=True):
            assert_allclose(found[p], truth, rtol=1e-12, atol=1e-14)
        for found, truth in zip(steps[1][1:], alone[1:], strict=True):
            assert_allclose(found[p], truth, rtol=1e-12, atol=1e-14)


def test_training_is_in_single_precision_throughout():
    policy = memory.policy(H, N, W)
    params, x = policy.init(onp.random.default_rng(0), K, A), onp.ones((T, M, K), onp.float32)
    memories, logits, value = recurrent_policies.unroll(policy, params, x)
    g = recurrent_policies.gradient(policy, params, x, memories, logits, value)
    leaves = [
        *params.values(),
        *(part for m in memories for part in m[:-1]),
        logits,
        value,
        *g.values(),
    ]
    assert {leaf.dtype for leaf in leaves} == {onp.dtype("float32")}


@pytest.mark.verifies("tasks.bandits.4")
def test_binding_is_beyond_every_policy_without_a_memory():
    family = tasks.make("contextual", {"cues": "3", "arms": "3", "pulls": "7"})
    G = family.prior.mdps
    assert G.leading == (27,) and len(onp.unique(G.reward.reshape(27, -1), axis=0)) == 27
    assert_allclose(G.reward.sum((-2, -1)), onp.ones((27, 3)), atol=0)
    policies = onp.random.default_rng(0).dirichlet(onp.ones(3), (50, 1, 3))
    earned = values.expected_return(G, policies, 1).mean(-1)
    assert_allclose(earned, 1 / 3, rtol=1e-12)


@pytest.mark.parametrize(("cues", "pulls"), [(1, 3), (4, 16), (3, 5)])
def test_whoever_remembers_fails_half_of_the_time_at_first_meetings_alone(cues, pulls):
    family = tasks.make("contextual", {"cues": str(cues), "pulls": str(pulls)})
    first = [(1 - 1 / cues) ** t for t in range(pulls)]  # chance that the cue is new at step t
    found = bayes_optimal.solve(family)
    assert found.value == pytest.approx(pulls - sum(first) / 2, abs=1e-12)
    assert (found.random, found.known_task) == pytest.approx((pulls / 2, pulls), abs=1e-12)


def test_it_learns_which_cue_pays_where():
    family = tasks.make("contextual", {"cues": "2", "pulls": "6"})
    words = {"hidden": "16", "iterations": "300", "num_tasks": "100"}
    learner = learners.make("mann", words)
    assert learner.step.keywords["rules"].network is memory.policy
    state = training.train(learner, family, iterations=300, seed=0)
    batch = family.sample(onp.random.default_rng(9), 2000)
    total = learner.trial(onp.random.default_rng(8), state, family, batch).rewards.sum((1, 2))
    assert total.mean() > 3 + 20 * total.std() / onp.sqrt(2000)  # 3: without a memory


def test_a_network_of_your_own_drives_the_same_trainer():
    def own(hidden):
        return recurrent_policies.recurrent("rnn", hidden, "float64")

    family = tasks.make("bandit", {"arms": "2", "pulls": "3"})
    learner = rl2.rl2(cell=own, num_tasks=4, hidden=3)
    state = training.train(learner, family, iterations=1, seed=0)
    named = rl2.rl2(cell="rnn", num_tasks=4, hidden=3)
    other = training.train(named, family, iterations=1, seed=0)
    for name in state.theta:
        assert_allclose(state.theta[name], other.theta[name], rtol=1e-3, atol=1e-4)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="rows must be at least 1, got 0"):
        memory.policy(4, 0)
    with pytest.raises(ValueError, match="dtype must be float32 or float64, got 'int8'"):
        memory.policy(dtype="int8")
    with pytest.raises(ValueError, match="the candidate tasks, must be at most 4096, got"):
        tasks.make("contextual", {"cues": "20"})
