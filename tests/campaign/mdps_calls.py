"""Base calls of the room `mdps`."""

from functools import partial
from types import SimpleNamespace

import numpy as np
from comparing import rng
from problems import table_agent

from campaign.judging import call
from metarl_min.mdps import (
    agents,
    environment_tables,
    mdp,
    mdp_tables,
    networks,
    optimum,
    policies,
    prepared_mdps,
    priors,
    rollouts,
    values,
)
from metarl_min.mdps.mdp import MDP
from metarl_min.mdps.rollouts import Episodes

START = np.array([[0.25, 0.75, 0.0]] * 2)
MOVES = np.array(
    [
        [[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]],
        [[0.0, 0.0, 1.0], [0.5, 0.5, 0.0]],
        [[0.0, 0.0, 1.0]] * 2,
    ]
)
TRANSITION = np.stack([MOVES, MOVES[:, ::-1]])
REWARD = (
    np.array([[[1.0], [-0.5]], [[0.3], [2.0]], [[0.0], [0.0]]])[None]
    * np.array([1.0, -2.0])[:, None, None, None]
)
BATCH = MDP(START, TRANSITION, REWARD)  # [2] tasks of three states and two actions
ONE = MDP(START[0], TRANSITION[0], REWARD[0])
Z = np.array([[0.5, -0.3], [1.0, -2.0], [0.2, 0.1]])
PROBS = policies.softmax(Z)
V = np.array([[0.5, -1.5], [1.0, 0.25], [-0.75, 2.0]])
TABLES = rollouts.sampler(BATCH, rollouts.deterministic)
EPISODES = rollouts.sample(rng(), TABLES, PROBS, 2, 4)
NETWORK = networks.mlp(3)
AGENT = table_agent(PROBS)
BETA = priors.BetaArms(np.array([1.0, 2.0]), np.array([1.0, 3.0]))
NORMAL = priors.GaussianArms(np.array([0.5, -1.0]), np.array([1.0, 2.0]), 0.5)
DIRICHLET = priors.DirichletMDP(np.array([[[1.0, 2.0]] * 3] * 2), -0.5, 1.0, 1.0)
exact = {"horizon": 4, "gamma": 0.5}
LONG = {"horizon": "None huge"}  # None is infinite; a long horizon is the work that was asked for
SPREAD = {**LONG, "probs": "broadcast extra-axis"}  # the tasks may share a policy
SHARED = "size-1:axis-0 wrong-shape:an-axis-missing extra-axis"  # an array that tasks share
ARRAYS = {
    "initial": SHARED,
    "transition": SHARED,
    "reward": f"{SHARED} size-1 wrong-shape:transposed",
}
TRIALS = {"num_episodes": "huge", "horizon": "huge"}


def _policy(name, policy):
    return {
        f"{name}.init": call(policy.init, rng=rng(), num_states=3, num_actions=2),
    }


def _play(agent):
    return agents.play(rng(), TABLES, agent, 2, 3)[0]


def _start(policy):
    return policy.logits(policy.init(rng(), 3, 2))


def _noise(noise, mean):
    return call(noise, {"mean": "shape"}, rng=rng(), mean=mean)


LISTS = [[[(0.5, 0, -1.0, False), (0.5, 1, 3.0, True)]], [[(1.0, 0, 0.0, False)]]]
ENV = SimpleNamespace(P=LISTS, initial_state_distrib=np.array([0.25, 0.75]), spec=None)
ENV.unwrapped = ENV
CALLS = {
    "environment_tables.from_environment": call(
        environment_tables.from_environment, {"env": "*"}, env=ENV
    ),
    "mdp.MDP": call(MDP, ARRAYS, initial=START, transition=TRANSITION, reward=REWARD),
    "mdp.MDP:one": call(MDP, ARRAYS, initial=START[0], transition=TRANSITION[0], reward=REWARD[0]),
    "mdp.MDP._replace": call(BATCH._replace, ARRAYS, reward=REWARD, initial=START),
    "mdp.take_tasks": call(
        mdp.take_tasks, {"index": "wrong-shape:axis-0-longer wrong-shape:axis-0-shorter size-1"},
        mdp=BATCH, index=np.array([1, 0, 1])
    ),
    "mdp.absorbing": call(mdp.absorbing, mdp=BATCH),
    "mdp.expected_rewards": call(mdp.expected_rewards, mdp=BATCH),
    "mdp.optimal_action_values": call(mdp.optimal_action_values, TRIALS, mdp=BATCH, **exact),
    "mdp.optimal_return": call(mdp.optimal_return, TRIALS, mdp=BATCH, **exact),
    "optimum.optimum": call(optimum.optimum, LONG, mdp=BATCH, **exact),
    "optimum.optimum:endless": call(
        optimum.optimum, {"horizon": "*"}, mdp=BATCH, horizon=None, gamma=0.5
    ),
    "mdp_tables.from_lists": call(
        mdp_tables.from_lists, {"available": "None", "last_states": "*", "P": "*"},
        P=LISTS, initial=np.array([0.25, 0.75]), available=np.ones((2, 1), bool), last_states=[1],
    ),
    "mdp_tables.from_arrays": call(
        mdp_tables.from_arrays,
        {"available": "None", "last_states": "*", "arrangement": "None", "reward": "wrong-shape"},
        transition=TRANSITION[0], reward=REWARD[0, ..., 0], initial=START[0], arrangement="SAS",
        available=np.ones((3, 2), bool), last_states=[1],
    ),
    "agents.Agent": call(agents.Agent, None, _play, **AGENT._asdict()),
    "agents.keep_memory": call(
        agents.keep_memory, {"rng": "*", "memory": "*"}, rng=rng(), memory=3
    ),
    "agents.play": call(
        agents.play, TRIALS, rng=rng(), tables=TABLES, agent=AGENT, num_episodes=2, horizon=3
    ),
    "agents.play:population": call(
        agents.play, {**TRIALS, "population": "None"}, rng=rng(), tables=TABLES, agent=AGENT,
        num_episodes=2, horizon=3, population=2,
    ),
    "mdp.plain": call(mdp.plain, {"name": "*"}, name="mdp", mdp=BATCH),
    "mdp.largest_reward": call(mdp.largest_reward, mdp=BATCH),
    "priors.BetaArms": call(priors.BetaArms, **BETA._asdict()),
    "priors.GaussianArms": call(priors.GaussianArms, **NORMAL._asdict()),
    "priors.CorrelatedArms": call(priors.CorrelatedArms, a=1.0, b=2.0),
    "priors.Hypotheses": call(priors.Hypotheses, mdps=BATCH, weights=np.array([0.25, 0.75])),
    "priors.DirichletMDP": call(
        priors.DirichletMDP, {"concentration": "wrong-shape size-1"}, **DIRICHLET._asdict()
    ),
    "priors.expected_under_prior": call(
        priors.expected_under_prior, values=np.array([0.5, -1.0]),
        prior=priors.Hypotheses(BATCH, np.array([0.25, 0.75])),
    ),
    "priors.prior_means": call(priors.prior_means, prior=BETA),
    "priors.prior_means:normal": call(priors.prior_means, prior=NORMAL),
    "policies.Policy": call(policies.Policy, {"word": "*"}, _start, **NETWORK._asdict()),
    "policies.softmax": call(policies.softmax, {"logits": "shape"}, logits=Z),
    "policies.log_softmax": call(policies.log_softmax, {"logits": "shape"}, logits=Z),
    "policies.entropy": call(policies.entropy, {"logits": "shape"}, logits=Z),
    "policies.kl": call(policies.kl, logits=Z, other=V),
    "policies.greedy": call(policies.greedy, {"probs": "shape sign"}, probs=PROBS),
    "policies.uniform": call(policies.uniform, shape=(3, 2)),
    "networks.mlp": call(networks.mlp, None, lambda p: p.init(rng(), 3, 2), hidden=3),
    "networks.parse": call(networks.parse, word="network:3"),
    **_policy("policies.tabular", policies.tabular),
    **_policy("networks.mlp", NETWORK),
    "prepared_mdps.prepare_traced": call(prepared_mdps.prepare_traced, LONG, mdp=BATCH, **exact),
    "prepared_mdps.prepare": call(prepared_mdps.prepare, LONG, mdp=BATCH, **exact),
    "prepared_mdps.fitted": call(
        prepared_mdps.fitted, {"probs": "broadcast extra-axis"}, probs=PROBS,
        prepared=prepared_mdps.prepare(BATCH, 4)
    ),
    "noises.deterministic": _noise(rollouts.deterministic, Z),
    "noises.bernoulli": _noise(rollouts.bernoulli, PROBS),
    "noises.gaussian": call(rollouts.gaussian, {"mean": "shape"}, rng=rng(), mean=Z, std=0.5),
    "rollouts.sampler": call(rollouts.sampler, mdp=BATCH, noise=rollouts.deterministic),
    "rollouts.sampler.noise": call(
        lambda noise: rollouts.sample(rng(), rollouts.sampler(BATCH, noise), PROBS, 2, 3),
        noise=partial(rollouts.gaussian, std=0.5),
    ),
    "rollouts.sample": call(
        rollouts.sample, {"probs": "broadcast extra-axis"}, rng=rng(), tables=TABLES, probs=PROBS,
        num_episodes=2, horizon=3
    ),
    "rollouts.sample:tasks": call(
        rollouts.sample, {"probs": "broadcast"}, rng=rng(), tables=TABLES, probs=np.stack([PROBS,
        PROBS[::-1]]),
        num_episodes=2, horizon=3,
    ),
    "rollouts.sample:population": call(
        rollouts.sample, {"probs": "broadcast"}, rng=rng(), tables=TABLES, probs=np.stack([[PROBS] *
        2, [PROBS[::-1]] * 2]),
        num_episodes=2, horizon=3, population=2,
    ),
    "episodes.Episodes": call(Episodes, {"last_arrivals": "None"}, **EPISODES._asdict()),
    "rollouts.sum_over_visits": call(
        rollouts.sum_over_visits, episodes=EPISODES, weights=EPISODES.rewards - 0.5, shape=(3, 2)
    ),
    "values.expected_return_by_recursion": call(
        values.expected_return_by_recursion, SPREAD, mdp=BATCH, probs=PROBS, **exact
    ),
    "values.expected_return": call(values.expected_return, SPREAD, mdp=BATCH, probs=PROBS, **exact),
    "values.expected_return:one": call(
        values.expected_return, SPREAD, mdp=ONE, probs=PROBS, **exact
    ),
    "values.expected_return:infinite": call(
        values.expected_return, SPREAD, mdp=BATCH, probs=PROBS, horizon=None, gamma=0.5
    ),
    "values.action_values": call(values.action_values, SPREAD, mdp=BATCH, probs=PROBS, **exact),
    "values.occupancy": call(values.occupancy, SPREAD, mdp=BATCH, probs=PROBS, **exact),
    "values.policy_gradient": call(values.policy_gradient, SPREAD, mdp=BATCH, probs=PROBS, **exact),
    "values.hessian_product": call(
        values.hessian_product, SPREAD, mdp=BATCH, probs=np.stack([PROBS] * 2), v=np.stack([V] * 2),
        **exact
    ),
}  # fmt: skip

RESULTS = (
    "policies.Derivatives",
    "policies.ForwardPass",
    "environment_tables.TabularEnvironment",
    "optimum.Optimum",
    "prepared_mdps.PreparedMDP",
    "rollouts.Sampler",
)
