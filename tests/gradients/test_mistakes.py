"""`check_meta_gradient` calls every known estimator and every known mistake by its name."""

import copy
import itertools
from functools import cache, partial

import numpy as np
import pytest
import wrong_estimators
from estimator_cases import worked_problem
from wrong_estimators import with_score

from metarl_min.basics import trees
from metarl_min.gradients import claims, meta_gradients, mistakes
from metarl_min.gradients.estimators import ESTIMATORS, dice, emaml, fomaml, plain
from metarl_min.gradients.meta_gradients import check_meta_gradient
from metarl_min.tasks.bandits import bandit_mdps

WORKED = worked_problem(N=2)


STANDARD = meta_gradients.standard_problems()


@cache
def exact_gradients(i):
    return meta_gradients.exact_gradients(STANDARD[i])


@pytest.fixture(autouse=True, scope="module")
def _what_is_known_of_the_standard_problems_is_computed_once():
    """Most of a check is spent on it, and it does not depend on the estimator."""
    compute_truths, compute_known, truths, known = claims.truths, mistakes._known, {}, {}

    def truths_once(problem, estimand):
        if not any(problem is x for x in STANDARD):
            return compute_truths(problem, estimand)
        key = id(problem), estimand
        if key not in truths:
            truths[key] = compute_truths(problem, estimand)
        return copy.deepcopy(truths[key])

    def known_once(one, estimand, choices):
        if not any(one.problem is x for x in STANDARD):
            return compute_known(one, estimand, choices)
        key = id(one.problem), estimand, one.listing.size, choices.tobytes()
        if key not in known:
            known[key] = compute_known(one, estimand, choices)
        return copy.deepcopy(known[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meta_gradients, "standard_problems", lambda: STANDARD)
        patch.setattr(claims, "truths", truths_once)
        patch.setattr(mistakes, "_known", known_once)
        yield


def names(report):
    """The names in the remark, if it names the estimator itself and not its mean."""
    assert report.remark.startswith("it is "), report
    return report.remark.removeprefix("it is ").split(" = ")


@pytest.mark.parametrize("estimand", ["F_N", "F_inf"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_known_estimator_is_called_by_its_name(name, estimand):
    report = check_meta_gradient(ESTIMATORS[name], estimand)
    same = ["dice", "loaded_dice"] if name in ("dice", "loaded_dice") else [name]
    assert [x for x in names(report) if x in ESTIMATORS] == same
    assert report.agrees is (name == "emaml" and estimand == "F_N")
    assert report.factor is None


def test_the_right_one_agrees_to_ten_digits():
    report = check_meta_gradient(emaml)
    assert report and report.digits >= 10
    assert report.claimed == pytest.approx(report.truth, rel=1e-10)
    assert str(report).startswith("agrees, 1")


def test_a_control_variate_changes_the_samples_and_not_the_mean():
    report = check_meta_gradient(partial(emaml, c=0.4))
    assert report and report.digits >= 10
    assert report.remark == "it has the mean of emaml = grad F_N"


@pytest.mark.parametrize("estimand", ["F_N", "F_inf"])
@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("change", [{"alpha": 0.0}, {"num_steps": 0}])
def test_where_nothing_adapts_all_are_right(name, estimand, change):
    inner = WORKED.inner._replace(alpha=change.get("alpha", 0.7))
    still = WORKED._replace(inner=inner, num_steps=change.get("num_steps", 1))
    report = check_meta_gradient(ESTIMATORS[name], estimand, problem=still)
    assert report and report.digits >= 10


def exact(estimand, factor=lambda problem: 1.0):
    """The gradient times a factor, whatever the data, for the two standard problems in turn."""
    by_shape = {one.task.shape: i for i, one in enumerate(STANDARD)}

    def estimator(inner, path, data, v, R):
        i = by_shape[v["logits"].shape[1:]]
        gradient = getattr(exact_gradients(i), f"grad_{estimand}")
        number = factor(STANDARD[i])
        return trees.map_leaves(lambda g: np.tile(number * g, (len(R), 1, 1)), gradient)

    return estimator


@pytest.mark.parametrize("estimand", ["F_N", "F_inf"])
def test_the_exact_gradient_agrees_and_is_not_mistaken_for_the_other(estimand):
    other = {"F_N": "F_inf", "F_inf": "F_N"}[estimand]
    report = check_meta_gradient(exact(estimand), estimand)
    assert report and report.digits >= 10 and names(report) == [f"grad {estimand}"]
    wrong = check_meta_gradient(exact(estimand), other)
    assert not wrong and names(wrong) == [f"grad {estimand}"]


MISTAKES = {
    "averaged over N": (wrong_estimators.averaged_score, "plain + 1/N times the score term"),
    "times alpha": (wrong_estimators.score_times_alpha, "plain + alpha times the score term"),
    "counted twice": (wrong_estimators.score_twice, "plain + 2 times the score term"),
    "of the wrong sign": (
        wrong_estimators.score_of_wrong_sign,
        "plain + -1 times the score term",
    ),
    "dice with it, one surrogate": (
        wrong_estimators.dice_with_score,
        "dice + the score term through dice",
    ),
    "dice with it, two surrogates": (wrong_estimators.dice_plus_score, "dice + the score term"),
    "lvc with it": (wrong_estimators.lvc_with_score, "lvc + the score term through lvc"),
    "first order with it": (
        wrong_estimators.first_order_plus_score,
        "fomaml + the score term",
    ),
    "phi_1 detached": (
        wrong_estimators.only_first_score,
        "plain + the score term with phi_1 .. detached",
    ),
    "transposed": (wrong_estimators.transposed, "plain with transposed factors"),
    "transposed, with it": (
        wrong_estimators.transposed_plus_score,
        "plain with transposed factors + the score term",
    ),
}


@pytest.mark.parametrize(("function", "name"), MISTAKES.values(), ids=MISTAKES)
def test_every_classic_mistake_is_called_by_its_name(function, name):
    report = check_meta_gradient(function)
    assert not report and name in names(report)
    assert name in str(report) and str(report).startswith("WRONG")


FACTORS = {
    "-1": (lambda N, M: -1.0, "-1 times emaml"),
    "1/2": (lambda N, M: 0.5, "1/2 times emaml"),
    "N": (lambda N, M: N, "N times emaml"),
    "1/N": (lambda N, M: 1 / N, "1/N times emaml"),
    "1/M": (lambda N, M: 1 / M, "1/M times emaml"),
}


def scaled(estimator, factor):
    def times(inner, path, data, v, R):
        k = factor(float(data[0].counts[0].sum()), len(R))
        return trees.scale(estimator(inner, path, data, v, R), k)

    return times


@pytest.mark.parametrize(("factor", "name"), FACTORS.values(), ids=FACTORS)
def test_a_forgotten_factor_is_called_by_its_name(factor, name):
    assert names(check_meta_gradient(scaled(emaml, factor)))[0] == name


def test_a_forgotten_factor_of_the_mean_but_not_of_the_samples_is_called_by_its_name():
    factor, name = FACTORS["1/N"]
    report = check_meta_gradient(scaled(partial(emaml, c=0.4), factor))
    assert not report and report.remark.startswith(f"it has the mean of {name} = 1/N times grad")


@pytest.mark.parametrize(("k", "estimand"), [(0.3, "F_N"), (-7.0, "F_inf")])
def test_a_factor_without_a_name_is_reported_as_a_number(k, estimand):
    report = check_meta_gradient(exact(estimand, lambda problem: k), estimand)
    assert not report and report.remark == ""
    assert report.factor == pytest.approx(k, rel=1e-9)
    assert f"it is {k:g} times what it should be" in str(report)


def test_a_factor_that_differs_between_the_problems_is_none():
    report = check_meta_gradient(exact("F_N", lambda problem: 0.3 + problem.horizon))
    assert not report and report.factor is None and report.remark == ""


def test_a_mistake_that_is_not_known_gets_no_name():
    def mixed(*given):
        return trees.add_scaled(plain(*given), 1e-6, fomaml(*given))

    for problem in (None, WORKED):  # with two arms each mean is some multiple of the truth
        report = check_meta_gradient(mixed, problem=problem)
        assert not report and report.factor is None and report.remark == ""


def test_on_a_problem_of_ones_own_all_names_that_fit_are_listed():
    assert names(check_meta_gradient(dice, problem=WORKED)) == ["dice", "loaded_dice", "lvc"]
    assert check_meta_gradient(emaml, problem=WORKED).digits >= 10
    halved = with_score(times=lambda inner, data: 0.5)
    assert names(check_meta_gradient(halved, problem=WORKED))[:2] == [
        "plain + 1/N times the score term",
        "plain + 1/2 times the score term",
    ]


@pytest.mark.parametrize("name", ["emaml", "dice"])
def test_step_sizes_of_parameters_are_no_factor_and_names_are_still_given(name):
    inner = WORKED.inner._replace(alpha={"logits": np.array([[0.7, 0.4]])})
    report = check_meta_gradient(ESTIMATORS[name], problem=WORKED._replace(inner=inner))
    assert names(report)[0] == name and report.agrees is (name == "emaml")


def test_the_means_of_known_estimators_and_mistakes_differ():
    tables = []
    for problem in meta_gradients.standard_problems():
        inputs, p = meta_gradients.enumerated_inputs(problem)
        exact = meta_gradients.exact_gradients(problem)
        parts = mistakes.known_parts(problem, "F_N")
        table = {name: p @ trees.flatten_tasks(g(*inputs)) for name, g in parts.items()}
        detached = table["the score term with phi_1 .. detached"]
        table["plain + the score term with phi_1 .. detached"] = table["plain"] + detached
        table["grad F_inf"] = trees.ravel(exact.grad_F_inf)[0]
        tables.append(table)
    means = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    base = ["plain", "lvc", "dice", "linearised_score", "fomaml", "emaml", "grad F_inf"]
    base += ["plain with transposed factors", "plain + the score term with phi_1 .. detached"]
    for one, other in itertools.combinations(base, 2):
        assert abs(means[one] - means[other]).max() > 1e-5, (one, other)


def test_the_estimand_has_three_names():
    with pytest.raises(ValueError, match="estimand must be F_N, F_inf or hessian, got 'J'"):
        check_meta_gradient(emaml, "J")


def test_an_estimator_that_changes_its_inputs_in_place_is_still_recognised():
    def plain_in_place(inner, path, data, v, R):
        g = plain(inner, path, data, v, R)
        v["logits"] *= 0.0
        R *= 0.0
        return g

    remark = check_meta_gradient(plain_in_place).remark
    assert remark == "it is plain; the estimator changed its inputs in place"


def shapeless(inner, path, data, v, R):
    return trees.map_leaves(lambda x: x.mean(0), v)


def nameless(inner, path, data, v, R):
    return v["logits"]


def misnamed(inner, path, data, v, R):
    return {"w": v["logits"]}


@pytest.mark.parametrize("function", [shapeless, nameless, misnamed])
def test_an_estimate_must_have_the_shape_of_phi(function):
    with pytest.raises(ValueError, match="estimator must return a dict of float arrays"):
        check_meta_gradient(function)


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_an_estimate_must_be_finite(hole):
    def estimator(inner, path, data, v, R):
        return trees.map_leaves(
            lambda x: np.where(np.arange(len(R))[:, None, None] == 3, hole, x), v
        )

    with pytest.raises(ValueError, match=r"estimator\(..\)\['logits'\] must be finite, got"):
        check_meta_gradient(estimator)


def test_whole_numbers_are_no_estimates():
    with pytest.raises(TypeError, match="must be an array of floats, got int"):
        check_meta_gradient(
            lambda inner, path, data, v, R: trees.map_leaves(lambda x: x.astype(int), v)
        )


def test_an_estimator_that_returns_zeros_is_wrong():
    report = check_meta_gradient(lambda inner, path, data, v, R: trees.scale(v, 0.0))
    assert not report and "every estimate is zero" in report.remark


def test_where_every_estimate_is_zero_nothing_was_checked():
    one_arm = WORKED._replace(
        theta={"logits": np.zeros((1, 1))}, task=bandit_mdps(np.array([[0.3]]))
    )
    report = check_meta_gradient(plain, problem=one_arm)
    assert not report and "nothing was checked" in report.remark
