"""claims: the Hessian that an estimator takes for the right one, and the order of episodes."""

import numpy as np
import pytest
from estimator_cases import SETTINGS, expected_hessian, start

from metarl_min.basics import trees
from metarl_min.gradients import claims, inner_steps, listed_data, meta_gradients
from metarl_min.gradients.estimators import ESTIMATORS, dice, emaml, lvc, plain
from metarl_min.gradients.meta_gradients import check_meta_gradient
from metarl_min.gradients.problems import standard_problems
from metarl_min.mdps.episodes import map_fields

BANDIT, MDP = standard_problems()


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("problem", [BANDIT, MDP], ids=["bandit", "mdp"])
@pytest.mark.verifies("claims.1")
def test_eq1_an_estimator_is_right_for_the_hessian_where_theory_says_so(name, problem):
    right = {"dice", "loaded_dice", "linearised_score"} | ({"lvc"} if problem is BANDIT else set())
    assert check_meta_gradient(ESTIMATORS[name], "hessian", problem=problem).agrees is (
        name in right
    )


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.verifies("claims.1")
def test_eq1_the_mean_is_that_of_the_jacobian_and_the_truth_that_of_a_loop(setting):
    task, horizon, policy = SETTINGS[setting]
    mean, exact = expected_hessian("lvc", task, horizon, policy, 2, 0.0)
    problem = MDP._replace(
        inner=MDP.inner._replace(policy=policy),
        task=task,
        horizon=horizon,
        theta=start(policy, task),
        num_steps=1,
    )
    found = claims.evidence(lvc, problem, "hessian")
    p, D = found.probability, len(exact)
    columns = [p @ found.estimates[name] for name in found.truths["Hess J"]]
    assert pytest.approx(mean, abs=1e-12) == np.array(columns).T
    truth = np.array(list(found.truths["Hess J"].values())).reshape(D, D)
    assert pytest.approx(exact, abs=1e-9) == truth.T


def test_step_sizes_of_each_parameter_are_divided_out_of_the_hessian():
    alpha = {"logits": np.array([[0.3, 0.9], [-0.5, 0.7]])}
    problem = MDP._replace(inner=MDP.inner._replace(alpha=alpha))
    assert check_meta_gradient(dice, "hessian", problem=problem)
    assert not check_meta_gradient(plain, "hessian", problem=problem)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inner": MDP.inner._replace(alpha=0.0)}, "alpha must not be 0 where estimand is hessian"),
        (
            {"inner": MDP.inner._replace(update=lambda inner, phis, g: phis[-1])},
            "update must be ascend where estimand is hessian",
        ),
        ({"num_steps": 0}, "num_steps must be at least 1 where estimand is hessian, got 0"),
    ],
)
def test_a_problem_without_a_hessian_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        check_meta_gradient(dice, "hessian", problem=MDP._replace(**change))


def first_score(inner, path, data, v, R):
    """E-MAML whose score term is N times the score of the first episode: right, if every order of
    the episodes is listed."""
    D = data[0]
    first = D._make([map_fields(lambda field: field[:, :1], D.episodes), D.counts[:, :1]])
    score = trees.map_leaves(np.zeros_like, path[0])
    one = inner._replace(alpha=0.0)
    for sign, g in ((1.0, emaml), (-1.0, plain)):
        score = trees.add_scaled(score, sign, g(one, [path[0], path[0]], [first], v, R))
    return trees.add_scaled(plain(inner, path, data, v, R), float(D.counts.shape[1]), score)


def test_an_estimator_that_depends_on_the_order_of_episodes_is_measured_in_every_order():
    for problem in (MDP._replace(num_steps=1), BANDIT._replace(num_steps=1)):
        report = check_meta_gradient(first_score, problem=problem)
        assert report and report.digits > 10
        assert report.remark == "it has the mean of emaml = grad F_N"


@pytest.mark.parametrize("N", [2, 3, 4])
def test_every_change_of_order_is_noticed(N):
    """The estimate looks at one episode alone, whichever it is."""
    inputs, _ = claims.inputs_of(BANDIT._replace(num_steps=1, num_episodes=N), sets_of(BANDIT, N))
    for i in range(N):

        def looks_at_one(inner, path, data, v, R, i=i):
            return {"logits": data[0].episodes.rewards[:, i, :, None] * np.ones((1, 1, 3))}

        assert claims.depends_on_order(looks_at_one, inputs, "F_N")
    assert not claims.depends_on_order(emaml, inputs, "F_N")


def sets_of(problem, N):
    listing = listed_data.in_one_order(problem._replace(num_steps=1, num_episodes=N))
    return listed_data.block(listing, np.arange(listing.size))


def test_a_long_check_says_what_is_coming(monkeypatch, capsys):
    monkeypatch.setattr(claims, "SECONDS", 0.0)
    check_meta_gradient(emaml, problem=MDP)
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("1,296 data sets to list, about ")


def test_a_short_check_says_nothing(capsys):
    check_meta_gradient(emaml, problem=MDP._replace(num_steps=1))
    assert capsys.readouterr() == ("", "")


def test_blocks_change_nothing(monkeypatch):
    one = MDP._replace(num_steps=1)
    whole = claims.evidence(lvc, one, "F_N")
    monkeypatch.setattr(listed_data, "BLOCK", 30)
    blocks = claims.evidence(lvc, one, "F_N")
    assert blocks.estimates["logits"] == pytest.approx(whole.estimates["logits"], abs=1e-14)
    assert blocks.probability == pytest.approx(whole.probability, abs=1e-14)
    for name, truth in whole.truths.items():
        assert blocks.truths[name]["logits"] == pytest.approx(truth["logits"], abs=1e-14)
    assert check_meta_gradient(lvc, problem=one).remark == "it is lvc"


def test_the_report_names_its_problem():
    text = str(check_meta_gradient(emaml, problem=MDP))
    assert text.endswith("; on 2 states, 2 actions, horizon 2, N = 2, K = 2")


def momentum(inner, phis, gradient):
    """Heavy-ball momentum: half of the last change is repeated."""
    last = trees.add_scaled(phis[-1], -1.0, phis[-2]) if len(phis) > 1 else None
    phi = inner_steps.ascend(inner, phis, gradient)
    return phi if last is None else trees.add_scaled(phi, 0.5, last)


OWN = {
    "momentum": {"update": momentum},
    "a baseline per state": {
        "baseline": lambda data, W: np.array([0.3, -0.4])[data.episodes.states]
    },
    "a baseline fitted to the same episodes": {
        "baseline": lambda data, W: np.broadcast_to(W.mean(1, keepdims=True), W.shape)
    },
    "leave one out": {"baseline": "leave_one_out"},
    "normalised advantages": {"baseline": "standardised"},
    "the return of the whole episode": {"weights": inner_steps.full_returns},
    "gamma^t": {"weights": inner_steps.discounted_from_start, "gamma": 0.8},
}


@pytest.mark.parametrize("gamma", [1.0, 0.7])
@pytest.mark.parametrize("setting", OWN)
def test_emaml_is_unbiased_for_every_inner_step_of_ones_own_and_plain_is_not(setting, gamma):
    # A baseline that is computed from all episodes needs two of them.
    of_several = setting in ("leave one out", "normalised advantages") or "fitted" in setting
    sizes = {"num_steps": 1} if of_several else {"num_episodes": 1}
    problem = MDP._replace(inner=MDP.inner._replace(**OWN[setting]), gamma=gamma, **sizes)
    report = check_meta_gradient(emaml, problem=problem)
    assert report and report.digits > 10 and report.remark.startswith("it is emaml")
    assert not check_meta_gradient(plain, problem=problem)


@pytest.mark.parametrize("setting", OWN)
def test_gradients_with_an_inner_step_of_ones_own_are_differences_of_the_objectives(setting):
    """Every coordinate of both gradients, against central differences of exact objectives."""
    problem = MDP._replace(
        inner=MDP.inner._replace(**OWN[setting]), gamma=0.9, num_episodes=2, num_steps=2
    )
    exact = meta_gradients.exact_gradients(problem)
    h = 1e-5
    for i in np.ndindex(2, 2):
        step = np.zeros((2, 2))
        step[i] = h
        ends = [
            meta_gradients.exact_gradients(
                problem._replace(theta={"logits": problem.theta["logits"] + sign * step})
            )
            for sign in (1, -1)
        ]
        for value, gradient in (("F_N", exact.grad_F_N), ("F_inf", exact.grad_F_inf)):
            slope = (getattr(ends[0], value) - getattr(ends[1], value)) / (2 * h)
            assert gradient["logits"][i] == pytest.approx(slope, abs=1e-9)


def test_an_update_of_ones_own_makes_the_iterates():
    problem = MDP._replace(inner=MDP.inner._replace(update=momentum), num_episodes=1)
    listing = listed_data.in_one_order(problem)
    sets = listed_data.block(listing, np.arange(listing.size))
    path, _ = listed_data.adapt(problem, problem.theta, sets)
    gradients = [
        inner_steps.estimated_gradient(problem.inner, phi, phi, D, problem.inner.weights)["logits"]
        for phi, D in zip(path, sets.data, strict=False)
    ]
    theta, first, second = (phi["logits"] for phi in path)
    assert first == pytest.approx(theta + 0.6 * gradients[0], abs=1e-14)
    assert second == pytest.approx(first + 0.6 * gradients[1] + 0.5 * (first - theta), abs=1e-14)
