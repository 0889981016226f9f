"""Runs of CMA-ES: the best so far, each reason to stop by hand, and the loop of one call."""

import math

import numpy as np
import pytest
from comparing import rng
from numpy.testing import assert_allclose, assert_array_equal

from metarl_min.evolution import cma_es, cma_es_runs
from metarl_min.evolution.cma_es_runs import Stop


def run_with(state, start=None, largest=(), median=(), population=6):
    """A run that stands at this state, with these histories."""
    run = cma_es_runs.begin(start or state)
    histories = {"largest": np.array(largest, float), "median": np.array(median, float)}
    return run._replace(state=state, population=population, **histories)


def state_with(**fields):
    return cma_es.init(np.array([1.0, -2.0]), 0.5)._replace(**fields)


def test_a_run_begins_without_a_reason_to_stop():
    run = cma_es_runs.begin(state_with())
    assert cma_es_runs.stop(run) is None
    assert_array_equal(run.best, [1.0, -2.0])
    assert run.fitness == -math.inf and len(run.largest) == len(run.median) == 0


def test_the_best_point_of_all_generations_is_kept():
    run, seen = cma_es_runs.begin(state_with()), []
    for i in range(5):
        x, F = rng(i).normal(size=(4, 2)), rng(10 + i).normal(size=4)
        seen += zip(F, x.copy(), strict=True)
        run = cma_es_runs.advance(run, x, F)
        fitness, best = max(seen, key=lambda pair: pair[0])
        assert run.fitness == fitness
        assert_array_equal(run.best, best)
        assert run.largest[i] == max(F) and run.median[i] == sum(sorted(F)[1:3]) / 2
        x[:] = 0.0  # the run has a copy
        assert_array_equal(run.best, best)
    assert run.state.generation == 5 and run.population == 4 and run.start.generation == 0
    tied = cma_es_runs.advance(run, np.ones((4, 2)), np.full(4, run.fitness))
    assert_array_equal(tied.best, run.best)  # the first of equal points


def test_a_generation_is_that_of_cma_es():
    run, x, F = cma_es_runs.begin(state_with()), rng(1).normal(size=(6, 2)), rng(2).normal(size=6)
    truth = cma_es.tell(run.state, x, F)
    for one, other in zip(cma_es_runs.advance(run, x, F).state, truth, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_fitness_that_is_not_finite_is_never_the_best(value):
    run = cma_es_runs.begin(state_with())
    with pytest.raises(FloatingPointError, match=f"must be finite, got {value} of member 1"):
        cma_es_runs.advance(run, np.ones((3, 2)), np.array([0.0, value, 1.0]))


@pytest.mark.verifies("cma_es_runs.1")
def test_a_run_stops_at_a_large_condition_number():
    for largest, reason in ((0.99e14, None), (1.01e14, Stop.CONDITION)):
        state = state_with(C=np.diag([1.0, largest]), sigma=1e-6)
        start = state._replace(C=np.diag([1e14, 1.0]))
        assert cma_es_runs.stop(run_with(state, start)) is reason


@pytest.mark.verifies("cma_es_runs.2")
def test_a_run_stops_where_sigma_has_grown_without_end():
    start = state_with(sigma=0.5, C=np.diag([4.0, 1.0]))  # the longest axis is 1
    for sigma, reason in ((0.99e4 / 3, None), (1.01e4 / 3, Stop.GROWTH)):
        state = state_with(sigma=sigma, C=np.array([[5.0, 4.0], [4.0, 5.0]]))  # 9 and 1
        assert cma_es_runs.stop(run_with(state, start)) is reason


@pytest.mark.verifies("cma_es_runs.3")
def test_a_run_stops_at_small_steps():
    start = state_with(mean=np.zeros(2) + 1e-30, sigma=3.0)
    for variance, path, reason in (
        (1.0, 0.9, Stop.SMALL_STEPS),
        (1.1**2, 0.0, None),
        (1.0, -1.1, None),
    ):
        state = start._replace(
            sigma=2.99e-12, C=np.diag([variance, 0.5]), p_c=np.array([0.0, path])
        )
        assert cma_es_runs.stop(run_with(state, start)) is reason


@pytest.mark.verifies("cma_es_runs.4")
@pytest.mark.parametrize("axis", [0, 1])
def test_a_run_stops_where_a_tenth_of_a_step_along_an_axis_changes_no_entry(axis):
    """Floats near 1.5 are 2.2e-16 apart, so a step of less than 1.1e-16 changes nothing."""
    for step, reason in ((1.0e-15, Stop.NO_EFFECT_AXIS), (1.2e-15, None)):
        variances = np.full(2, 1e-20)
        variances[axis] = step**2
        state = state_with(mean=np.array([1.5, 1.5]), sigma=1.0, C=np.diag(variances))
        assert cma_es_runs.stop(run_with(state)) is reason


@pytest.mark.verifies("cma_es_runs.5")
@pytest.mark.parametrize("entry", [0, 1])
def test_a_run_stops_where_a_fifth_of_a_step_does_not_change_an_entry(entry):
    """Floats near 1e6 are 1.2e-10 apart; the axes are diagonal, so they change the small entry."""
    mean = np.full(2, 1e-6)
    mean[entry] = 1e6
    for step, reason in ((2.8e-10, Stop.NO_EFFECT_ENTRY), (3.0e-10, None)):
        C = step**2 * np.array([[1.0, 0.5], [0.5, 1.0]])
        assert cma_es_runs.stop(run_with(state_with(mean=mean, sigma=1.0, C=C))) is reason


@pytest.mark.verifies("cma_es_runs.6")
def test_a_run_stops_on_a_plateau():
    """With D = 2 and P = 6 after 10 + 10 generations, with P = 7 after 10 + 9."""
    rising = [1.0, 2.0]
    for population, last in ((6, 20), (7, 19)):
        for length, reason in ((last - 1, None), (last, Stop.FLAT)):
            values = rising + [3.0] * length
            run = run_with(state_with(), largest=values, median=values, population=population)
            assert cma_es_runs.stop(run) is reason


def history(n, first, last):
    """Values of n generations: the medians of the first and the last 30 % are given."""
    values, share = np.full(n, 100.0), int(0.3 * n)
    values[: int(0.6 * share)], values[-int(0.6 * share) :] = first, last
    return values + 1e-6 * (np.arange(n) % 2)  # no plateau


@pytest.mark.verifies("cma_es_runs.7")
@pytest.mark.parametrize(("generation", "n"), [(131, 130), (2000, 400), (200_000, 20_000)])
def test_a_run_stops_if_best_and_median_have_stagnated(generation, n):
    """With D = 2 and P = 6 the shortest history has 120 + 10 generations."""
    state = state_with(generation=generation)
    same, better, worse = history(n, 1, 1), history(n, 1, 1.1), history(n, 1, 0.9)
    for largest, median, reason in (
        (same, same, Stop.STAGNATION),
        (worse, same, Stop.STAGNATION),
        (better, same, None),
        (same, better, None),
        (same[1:], same[1:], None),
    ):
        run = run_with(state, largest=largest, median=median)
        assert cma_es_runs.stop(run) is reason
    older = np.concatenate([np.full(50, -99.0), same])  # it does not count any more
    run = run_with(state, largest=older, median=older)
    assert cma_es_runs.stop(run) is Stop.STAGNATION


def test_points_that_were_not_drawn_are_moved_towards_the_mean():
    state = state_with(C=np.diag([4.0, 1.0]))  # sigma is 0.5, so the axes are 1 and 0.5
    x = np.array([[1.3, -2.1], [1.0 + 10.0, -2.0], [1.0, -2.0 - 10.0]])
    limit = math.sqrt(2) + 1
    truth = [[1.3, -2.1], [1.0 + limit, -2.0], [1.0, -2.0 - limit / 2]]
    found = cma_es_runs.shortened(state, x)
    assert_allclose(found, truth, rtol=1e-12)
    near = state.mean + 0.1 * rng(5).normal(size=(100, 2))
    assert_array_equal(cma_es_runs.shortened(state, near), near)
    for wrong, error in ((x[0], ValueError), (x[:, :1], ValueError), (x.tolist(), TypeError)):
        with pytest.raises(error, match="x must be"):
            cma_es_runs.shortened(state, wrong)


def hill(x):
    return -(x**2 @ [1.0, 25.0])


ENDS = {
    "hill": (hill, Stop.SMALL_STEPS),
    "slope": (lambda x: x[:, 0], Stop.GROWTH),
    "plateau": (lambda x: np.floor(-abs(x).sum(1)), Stop.FLAT),
    "noisy hill": (lambda x: hill(x) + 0.1 * np.sin(1e9 * x).sum(1), Stop.STAGNATION),
    "far": (lambda x: hill(x - 1e9) + 1e18, Stop.GROWTH),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_search_in_one_call_ends_with_its_reason(name):
    fitness, reason = ENDS[name]
    for seed in range(3):
        result = cma_es_runs.maximise(rng(seed), fitness, np.array([3.0, -1.0]), 1.0)
        assert result.reason is reason
        assert result.fitness == pytest.approx(fitness(result.best[None])[0], rel=1e-12)
    if name == "hill":
        assert abs(result.best).max() < 1e-10


def test_a_search_in_one_call_is_a_loop():
    result = cma_es_runs.maximise(rng(4), hill, np.array([3.0, -1.0]), 0.7, 5, generations=9)
    draw, state, best = rng(4), cma_es.init(np.array([3.0, -1.0]), 0.7), -math.inf
    for _ in range(9):
        x = cma_es.ask(draw, state, 5)
        state, best = cma_es.tell(state, x, hill(x)), max(best, *hill(x))
    assert result.reason is Stop.GENERATIONS and result.fitness == best
    for one, other in zip(result.state, state, strict=True):
        assert_array_equal(one, other)


@pytest.mark.verifies("cma_es_runs.8")
@pytest.mark.parametrize(("D", "P"), [(1, 4), (2, 6), (6, 9), (20, 12)])
def test_a_population_that_is_not_given_grows_with_the_logarithm_of_the_dimension(D, P):
    sizes = []

    def fitness(x):
        sizes.append(x.shape)
        x[:] = 0.0  # it may use its argument up
        return np.arange(float(len(x)))

    result = cma_es_runs.maximise(rng(), fitness, np.zeros(D), 1.0, generations=2)
    assert sizes == [(P, D)] * 2 and result.best.all()


@pytest.mark.parametrize(
    ("wrong", "error", "rule"),
    [
        ({"rng": None}, TypeError, "rng must be a Generator"),
        ({"fitness": 3.0}, TypeError, "fitness must be a function, got 3.0"),
        (
            {"fitness": lambda x: x},
            ValueError,
            r"F must be \[6\], one entry for each",
        ),
        ({"fitness": lambda x: np.full(6, np.nan)}, FloatingPointError, "got nan of member 0"),
        ({"mean": [0.0, 0.0]}, TypeError, "mean must be an array of floats, got list"),
        ({"mean": np.zeros(0)}, ValueError, r"mean must be \[D\], got \(0,\)"),
        ({"sigma": 0.0}, ValueError, "sigma must be positive, got 0.0"),
        ({"population": 1}, ValueError, "population must be at least 2, got 1"),
        ({"generations": 0}, ValueError, "generations must be at least 1, got 0"),
        ({"generations": 3.0}, TypeError, "generations must be a whole number, got 3.0"),
    ],
)
def test_a_search_is_refused_where_it_cannot_be(wrong, error, rule):
    right = {"rng": rng(), "fitness": hill, "mean": np.zeros(2), "sigma": 1.0}
    with pytest.raises(error, match=rule):
        cma_es_runs.maximise(**right | wrong)


@pytest.mark.parametrize("wrong", [None, (), "run"])
def test_a_run_is_a_run(wrong):
    for use in (cma_es_runs.stop, lambda x: cma_es_runs.advance(x, np.ones((2, 2)), np.ones(2))):
        with pytest.raises(TypeError, match="run must be of type Run, got"):
            use(wrong)
    with pytest.raises(TypeError, match="state must be of type State, got"):
        cma_es_runs.begin(wrong)
