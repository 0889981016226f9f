"""Estimators as a researcher writes them: the verdict that theory gives, and a readable report."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from estimator_cases import worked_problem

from metarl_min.basics import trees
from metarl_min.gradients import estimators, inner_steps, listed_data, meta_gradients
from metarl_min.gradients.estimator_weights import lvc_weights, plain_weights
from metarl_min.gradients.estimators import dice, emaml, fomaml, lvc, plain, through_inner_steps
from metarl_min.gradients.meta_gradients import check_meta_gradient
from metarl_min.gradients.orders import check_order
from metarl_min.gradients.problems import standard_problems

BANDIT, MDP = (one._replace(num_steps=1) for one in standard_problems())
TWO_STEPS = MDP._replace(num_steps=2, num_episodes=1)


def through(weights):
    return lambda inner, path, data, v, R: through_inner_steps(inner, path, data, v, weights)


def half_and_half(*inputs):
    return trees.scale(trees.add_scaled(lvc(*inputs), 1.0, emaml(*inputs)), 0.5)


def causal_taylor(log_ratio, rewards, b, gamma):
    ratio = anp.exp(log_ratio)
    return (1 + anp.cumsum(ratio - 1, axis=-1)) * plain_weights(log_ratio, rewards, b, gamma)


def full_taylor(log_ratio, rewards, b, gamma):
    """box_l to first order, in the place of box_l in the weights of DiCE with b = 0."""
    box = 1 + anp.cumsum(anp.exp(log_ratio) - 1, axis=-1)
    return anp.matmul(box * rewards, np.tril(np.ones(2 * rewards.shape[-1:])))


def by_hand(inner, path, data, v, R):
    """E-MAML with one inner step on sampled episodes, without a part of the package."""
    s, a, r = data[0].episodes[:3]
    W, rows = np.cumsum(r[..., ::-1], -1)[..., ::-1], np.arange(len(s))[:, None, None]

    def log_probs(z):
        return (z - anp.log(anp.sum(anp.exp(z), -1, keepdims=True)))[rows, s, a]

    def surrogate(z):
        return anp.sum(log_probs(z) * W) / s.shape[1]

    def total(z):
        phi = z + inner.alpha * grad(surrogate)(z)
        return anp.sum(phi * v["logits"]) + anp.sum(R[:, None, None] * log_probs(z))

    return {"logits": grad(total)(path[0]["logits"])}


def test_lvc_with_a_score_term_is_wrong_and_named():
    def hybrid(inner, path, data, v, R):
        return through_inner_steps(inner, path, data, v, lvc_weights, R)

    report = check_meta_gradient(hybrid, problem=TWO_STEPS)
    assert report.verdict == "WRONG"
    assert report.remark == "it is lvc + the score term through lvc"


def test_half_of_two_estimators_is_wrong_and_each_equal_factor_has_one_name():
    """N = 2, so that 1/2 and 1/N are equal: they are not mixed in one sum."""
    report = check_meta_gradient(half_and_half, problem=MDP)
    assert report.verdict == "WRONG" and report.remark == (
        "it is 1/N times emaml + 1/N times lvc = 1/2 times emaml + 1/2 times lvc"
    )


def test_a_causal_taylor_expansion_has_the_right_hessian_only_at_horizon_1():
    assert check_meta_gradient(through(causal_taylor), "hessian", problem=BANDIT)
    wrong = check_meta_gradient(through(causal_taylor), "hessian", problem=MDP)
    assert wrong.verdict == "WRONG" and wrong.remark == ""


def test_a_full_taylor_expansion_of_the_box_is_dice():
    for problem in (BANDIT, MDP):
        report = check_meta_gradient(through(full_taylor), "hessian", problem=problem)
        assert report and report.remark.startswith("it is dice = loaded_dice")
    assert check_meta_gradient(through(full_taylor), "F_N", problem=MDP).verdict == "WRONG"


@pytest.mark.parametrize("baseline", [lambda data, W: 0.4 - data.episodes.states, "leave_one_out"])
def test_a_baseline_keeps_emaml_right_for_F_N_and_dice_right_for_the_hessian(baseline):
    problem = MDP._replace(inner=MDP.inner._replace(baseline=baseline))
    assert check_meta_gradient(emaml, problem=problem).remark == "it is emaml"
    assert check_meta_gradient(dice, "hessian", problem=problem)
    assert not check_meta_gradient(dice, problem=problem)
    assert not check_meta_gradient(lvc, "hessian", problem=problem)


@pytest.mark.parametrize("N", [1, 2, 3])
def test_emaml_from_scratch_agrees_and_is_called_emaml(N):
    for problem in (BANDIT, MDP):
        report = check_meta_gradient(by_hand, problem=problem._replace(num_episodes=N))
        assert report and report.digits > 13 and report.remark == "it is emaml"


def test_emaml_is_right_with_momentum():
    def momentum(inner, phis, gradient):
        phi = inner_steps.ascend(inner, phis, gradient)
        change = trees.add_scaled(phis[-1], -1.0, phis[max(len(phis) - 2, 0)])
        return trees.add_scaled(phi, 0.5, change)

    problem = TWO_STEPS._replace(inner=MDP.inner._replace(update=momentum))
    assert check_meta_gradient(emaml, problem=problem).remark == "it is emaml"
    assert not check_meta_gradient(plain, problem=problem)


def in_float32(estimator):
    return lambda *inputs: trees.map_leaves(np.float32, estimator(*inputs))


def test_float32_is_judged_with_the_digits_that_it_has():
    report = check_meta_gradient(in_float32(emaml), problem=MDP)
    assert report and report.dtype == "float32" and report.remark == "it is emaml"
    for estimator, right in ((dice, True), (lvc, False), (plain, False)):
        report = check_meta_gradient(in_float32(estimator), "hessian", problem=MDP)
        assert report.agrees is right and report.dtype == "float32"


def test_float16_has_too_few_digits_for_a_verdict_or_a_name():
    half = lambda *inputs: trees.map_leaves(np.float16, emaml(*inputs))  # noqa: E731
    report = check_meta_gradient(half, problem=MDP)
    assert report.verdict == "not checked"
    assert report.remark == "round-off hides the true value: nothing was checked"


@pytest.mark.parametrize("estimand", ["F_N", "hessian"])
def test_an_estimator_that_changes_v_is_judged_by_its_result(estimand):
    """It returns the right values for the given v, and then changes v."""

    def changes(inner, path, data, v, R):
        g = (emaml if estimand == "F_N" else dice)(inner, path, data, v, R)
        v["logits"] *= 2.0
        return g

    report = check_meta_gradient(changes, estimand, problem=MDP)
    assert report and report.remark.endswith("the estimator changed its inputs in place")


@pytest.mark.parametrize(
    ("wrong", "got"),
    [
        (lambda inner, path, data, v: v, r"\(inner, path, data, v\)"),
        (lambda: 0, r"\(\)"),
        (lambda a, b, c, d, e, f: d, r"\(a, b, c, d, e, f\)"),
    ],
)
def test_an_estimator_has_five_arguments(wrong, got):
    rule = r"estimator must take five arguments \(inner, path, data, v, R\), got a function of "
    for check in (check_meta_gradient, check_order):
        with pytest.raises(TypeError, match=rule + got):
            check(wrong)


def test_optional_arguments_and_compiled_functions_are_accepted():
    assert estimators.with_five_arguments("x", lambda *inputs, c=0.0: c)
    assert estimators.with_five_arguments("x", max) is max


@pytest.mark.parametrize("baseline", ["state", "linear"])
def test_a_word_of_the_baseline_that_is_unknown_is_refused_with_the_words_that_are_known(baseline):
    rule = "baseline must be mean, leave_one_out, standardised, a number or a function, got "
    with pytest.raises(ValueError, match=rule + repr(baseline)):
        MDP.inner._replace(baseline=baseline)


def test_theta_is_a_dict():
    with pytest.raises(TypeError, match="parameters must be a non-empty dict of float arrays, got"):
        MDP._replace(theta=np.zeros((2, 2)))


def test_an_entry_of_the_hessian_has_the_names_of_its_row_and_its_column():
    """plain leaves out the second term of the Hessian, so it is furthest off somewhere."""
    report = check_meta_gradient(plain, "hessian", problem=MDP)
    H = listed_data.objective(MDP)
    names = [f"['logits'][{s}, {a}]" for s in (0, 1) for a in (0, 1)]
    row, column = (report.coordinate.split(f"{word} ")[1] for word in ("row", "column"))
    row, column = row.split(", column")[0], column.removesuffix(" of the Hessian")
    e = np.eye(4)[names.index(column)].reshape(1, 2, 2)
    step = 1e-6 * e
    z = MDP.theta["logits"][None]
    slopes = (H.gradient(z + step) - H.gradient(z - step)).ravel() / 2e-6
    assert report.truth == pytest.approx(slopes[names.index(row)], abs=1e-8)


# ---- units, offsets, and digits that are lost ----


def with_rewards(problem, change):
    return problem._replace(task=problem.task._replace(reward=change(problem.task.reward)))


@pytest.mark.parametrize("unit", [1e-8, 1e8])
@pytest.mark.parametrize("same_alpha", [False, True])
def test_the_unit_of_the_rewards_changes_no_right_verdict(unit, same_alpha):
    problem = with_rewards(MDP, lambda r: r * unit)
    if not same_alpha:
        problem = problem._replace(inner=MDP.inner._replace(alpha=0.6 / unit))
    assert check_meta_gradient(emaml, problem=problem)
    assert check_meta_gradient(dice, "hessian", problem=problem)
    assert check_meta_gradient(plain, "hessian", problem=problem).verdict == "WRONG"


@pytest.mark.parametrize("alpha", [1e-3, 1e-6])
def test_a_small_step_size_makes_no_right_hessian_wrong(alpha):
    problem = MDP._replace(inner=MDP.inner._replace(alpha=alpha))
    report = check_meta_gradient(dice, "hessian", problem=problem)
    assert report and 1e-16 / alpha < report.uncertainty < 1e-13 / alpha
    assert check_meta_gradient(plain, "hessian", problem=problem).verdict == "WRONG"


def test_a_step_size_that_hides_the_hessian_is_not_checked():
    problem = MDP._replace(inner=MDP.inner._replace(alpha=1e-14))
    assert check_meta_gradient(dice, "hessian", problem=problem).verdict == "not checked"
    with pytest.raises(ValueError, match="alpha must not be 0 where estimand is hessian, got 1e-3"):
        check_meta_gradient(
            dice, "hessian", problem=MDP._replace(inner=problem.inner._replace(alpha=1e-300))
        )


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_a_large_mean_reward_makes_no_right_estimator_wrong(offset):
    """With c = J(theta) the estimates are small, and the truth is a difference of large numbers."""
    inner = MDP.inner._replace(baseline="leave_one_out")
    problem = with_rewards(MDP, lambda r: r + offset)._replace(inner=inner)
    c = listed_data.objective(problem).value(problem.theta["logits"][None])
    for estimator in (emaml, lambda *inputs: emaml(*inputs, c=c)):
        assert check_meta_gradient(estimator, problem=problem)
    assert check_meta_gradient(fomaml, problem=problem).verdict == "WRONG"
    assert check_meta_gradient(dice, "hessian", problem=problem)


def test_an_offset_that_hides_the_gradient_is_not_checked():
    problem = with_rewards(MDP, lambda r: r + 1e13)
    problem = problem._replace(inner=MDP.inner._replace(baseline="leave_one_out"))
    assert check_meta_gradient(emaml, problem=problem).verdict == "not checked"


@pytest.mark.parametrize(("logits", "verdict"), [(40.0, "agrees"), (400.0, "not checked")])
def test_probabilities_near_one_lose_digits_and_make_no_right_estimator_wrong(logits, verdict):
    theta = {"logits": np.array([[logits, 0.0], [0.0, -0.5 * logits]])}
    problem = MDP._replace(theta=theta)
    assert check_meta_gradient(emaml, problem=problem).verdict == verdict
    assert check_meta_gradient(dice, "hessian", problem=problem).verdict == verdict


def test_a_wrong_estimator_is_not_called_by_the_name_of_the_exact_value():
    """alpha is so small that fomaml differs from the truth by 1e-10, the tolerance of names."""
    problem = TWO_STEPS._replace(inner=MDP.inner._replace(alpha=1e-9))
    report = check_meta_gradient(fomaml, problem=problem)
    assert report.verdict == "WRONG" and "grad F_N" not in report.remark


# ---- inner steps of one's own ----


def own(problem=MDP, **settings):
    return problem._replace(inner=problem.inner._replace(**settings))


def mean_of_all(data, W):
    return np.broadcast_to(W.mean(1, keepdims=True), W.shape)


def return_of_the_episode_before(data, W):
    return np.concatenate([np.zeros_like(W[:, :1]), W[:, :-1]], axis=1)


@pytest.mark.parametrize("baseline", [mean_of_all, return_of_the_episode_before])
@pytest.mark.parametrize("num_episodes", [2, 4])
def test_an_own_baseline_sees_single_episodes_in_every_order(baseline, num_episodes):
    """A bandit of three arms: F_N is a sum over all lists of N pulls."""
    problem = own(BANDIT, baseline=baseline)._replace(num_episodes=num_episodes)
    assert check_meta_gradient(emaml, problem=problem).remark.startswith("it is emaml")
    assert check_meta_gradient(fomaml, problem=problem).verdict == "WRONG"
    z, means = np.array([0.3, -0.2, 0.1]), np.array([0.2, 0.9, -0.4])
    pi, F = np.exp(z) / np.exp(z).sum(), 0.0
    for pulls in np.ndindex(*(3,) * num_episodes):
        W = means[list(pulls)].reshape(1, -1, 1)
        Adv = (W - baseline(None, W)).ravel()
        phi = z + 0.7 * (Adv @ (np.eye(3)[list(pulls)] - pi)) / num_episodes
        F += pi[list(pulls)].prod() * (np.exp(phi) / np.exp(phi).sum()) @ means
    assert pytest.approx(F, abs=1e-14) == meta_gradients.exact_gradients(problem).F_N


def changes_data(data, W):
    data.episodes.rewards[:] = 7.0
    W[:] = 7.0
    return np.zeros(W.shape)


def changes_rewards(log_ratio, rewards, b, gamma):
    w = plain_weights(log_ratio, rewards, b, gamma)
    rewards[:] = 7.0
    return w


def changes_phi(inner, phis, gradient):
    phi = inner_steps.ascend(inner, phis, gradient)
    if isinstance(phis[0], dict):
        phis[0]["logits"] *= 0.0
    phis.append(phi)
    return phi


@pytest.mark.parametrize(
    "settings",
    [{"baseline": changes_data}, {"weights": changes_rewards}, {"update": changes_phi}],
)
def test_functions_that_change_their_arguments_change_no_result(settings):
    changing = own(TWO_STEPS, **settings)
    exact = meta_gradients.exact_gradients(changing)
    expected = meta_gradients.exact_gradients(TWO_STEPS)
    for name in ("grad_F_N", "grad_F_inf"):
        gradient = getattr(expected, name)["logits"]
        assert getattr(exact, name)["logits"] == pytest.approx(gradient, abs=1e-14)
    assert check_meta_gradient(emaml, problem=changing)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weights": lambda log_ratio, r, b, gamma: r[:, :1]}, r"weights must return an array of "),
        ({"weights": lambda log_ratio, r, b, gamma: None}, r"the shape \(36, 2, 2\), got \(\)"),
        ({"update": lambda inner, phis, g: None}, "update must return a dict with the shapes"),
        ({"update": lambda inner, phis, g: {}}, r"{'logits': \(36, 2, 2\)}, got {}"),
        ({"update": lambda inner, phis, g: {"w": g["logits"]}}, r"got {'w': \(36, 2, 2\)}"),
        (
            {"update": lambda inner, phis, g: {"logits": g["logits"][:1]}},
            r"got {'logits': \(1, 2, 2\)}",
        ),
    ],
)
def test_results_of_the_wrong_form_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        check_meta_gradient(emaml, problem=own(**settings))


def test_without_inner_steps_N_names_no_factor():
    still = MDP._replace(num_steps=0)
    report = check_meta_gradient(lambda *x: trees.scale(x[3], 2.0), problem=still)
    assert report.remark.startswith("it is 2 times plain") and "N times" not in report.remark


def half_the_mean(data, W):
    """A baseline for sampled data: it ignores counts."""
    return np.broadcast_to(0.5 * W.mean(1, keepdims=True), W.shape)


def test_a_comparison_is_right_with_a_baseline_that_ignores_counts():
    """The worked example with N = 2: the mean of the first-order estimate over all pulls."""
    problem = own(worked_problem(N=2), baseline=half_the_mean)
    z, r, J, mean = np.array([0.3, -0.2]), np.array([0.2, 0.9]), 0.0, np.zeros(2)
    pi = np.exp(z) / np.exp(z).sum()
    for pulls in ([0, 0], [0, 1], [1, 0], [1, 1]):
        W = r[pulls]
        steps = [(w - 0.5 * W.mean()) * (np.eye(2)[a] - pi) for a, w in zip(pulls, W, strict=True)]
        phi = z + 0.7 * np.mean(steps, axis=0)
        after = np.exp(phi) / np.exp(phi).sum()
        p = pi[pulls].prod()
        J, mean = J + p * (after @ r), mean + p * after * (r - after @ r)
    found = meta_gradients.compare_estimators({"fomaml": fomaml}, problem, [2])[2]
    assert pytest.approx(J, abs=1e-14) == found.exact.F_N
    assert found.moments["fomaml"].mean == pytest.approx(mean, abs=1e-14)
