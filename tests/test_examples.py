"""Examples run, show what they claim, and the tables in the book are those that they print."""

import importlib.util
import re
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from metarl_min.mdps import policies

ROOT = Path(__file__).parent.parent
NUMBER = r"-?\d+\.\d+"


def load(name):
    spec = importlib.util.spec_from_file_location(Path(name).stem, ROOT / "examples" / name)
    module = importlib.util.module_from_spec(spec)
    folder = str(Path(spec.origin).parent)  # where a script finds what lies beside it
    sys.path[:] = [folder, *(x for x in sys.path if x != folder)]
    spec.loader.exec_module(module)
    return module


def measured_once(function):
    """The CPU milliseconds of one call. A benchmark measures many calls, which takes longer."""
    started = time.process_time()
    function()
    return (time.process_time() - started) * 1e3 + 1e-6


def block_of(page, name):
    """A block of a page of the book, between its two marks."""
    text = (ROOT / "examples" / "book" / page).read_text(encoding="utf-8")
    return re.search(rf"<!-- {name} -->\n```\n(.*?)```\n<!-- /{name} -->", text, re.S).group(1)


def pairs(line):
    """The (value, standard error) pairs of a line of a table."""
    return [(float(x), float(e)) for x, e in re.findall(rf"({NUMBER}) \+- +({NUMBER})", line)]


def close(published, measured, stderr, luck=0.03):
    """Within 5 standard errors, the luck of training (other machines, other bits) as a part of
    the value, and the last printed digit.
    """
    return abs(published - measured) <= 5 * stderr + luck * abs(published) + 0.0051


def test_what_a_start_is_worth_is_what_the_book_says(capsys):
    module = load("what_a_start_is_worth.py")
    module.NUM_TASKS = 10_000  # half of them: the errors are measured too
    table = module.main()
    lines = block_of("results.md", "start").splitlines()[1:]
    for line, (name, cells) in zip(lines, table.items(), strict=True):
        assert line.startswith(name)
        for (value, _), (measured, stderr) in zip(pairs(line), cells, strict=True):
            assert close(value, measured, stderr), line
    gains = [cells[2][0] / cells[2][1] for cells in table.values()]
    assert gains[0] > 15 and gains[2] > 15
    assert gains[1] < 8 and gains[3] < 8  # little is learned where tasks share little


def test_which_estimator_learns_best_is_measured_as_the_book_says():
    """One of its eighty runs, within the spread of its five seeds: all take minutes."""
    module = load("which_estimator_learns_best.py")
    lines = block_of("results.md", "estimators").splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(module.META_GRADIENTS)
    published = {line.split()[0]: pairs(line) for line in lines[1:]}
    mean, error = published["plain"][0]
    assert abs(module.score(("bandit", "plain", 0)) - mean) < 5 * 5**0.5 * error + 0.005


def test_the_book_shows_lines_of_the_table_of_libraries(capsys):
    measured = load("libraries.py").main()
    printed = capsys.readouterr().out.splitlines()
    lines = block_of("libraries.md", "libraries").splitlines()
    assert len(lines) > 10 and lines[0] == printed[0]
    assert all(line in printed for line in lines if line != "..")
    assert len(printed) == 2 * len(measured) + 3
    assert max(map(len, printed[: len(measured) + 1])) <= 100


def test_six_statements_of_the_theory_are_true_of_their_numbers(capsys):
    module = load("theory.py")
    growth, bias, hessians, differences, reptile, es, orthogonal = module.main()
    emaml, linearised, limit = growth
    above = np.array(emaml) - limit
    assert 0 < above[-1] < 2e-3 * limit
    assert np.allclose(above[:-1] / above[1:], 2, atol=0.07)  # the distance from it is O(1/N)
    assert np.allclose(linearised, linearised[-1], rtol=0.03)
    for scaled in bias:  # N times the bias tends to a constant
        assert np.abs(np.diff(scaled))[-1] < 0.6 * np.abs(np.diff(scaled))[-2] < 0.05 * scaled[0]
    assert [x["plain"] for x in hessians] == pytest.approx([0.299, 0.682], abs=5e-4)
    assert [x["lvc"] for x in hessians] == pytest.approx([0, 0.150], abs=5e-4)
    for name in ("dice", "loaded_dice", "linearised_score"):
        assert max(x[name] for x in hessians) < 1e-14
    assert differences[0] < 1e-15 and differences[1] > 0.1
    assert reptile == pytest.approx([0.5, 1.0, 1.5], abs=1e-5)
    assert es == pytest.approx(module.closed_forms_of_es(), rel=1e-12) and orthogonal < 1e-14
    assert capsys.readouterr().out.count("\n") == 11  # statement 3 has a line for each weight


def test_a_new_family_is_one_short_file_with_a_ceiling():
    ceiling, scores = load("own_family.py").main()
    # open door 0; if it was not there, door 3 (2 times in 3), then 1, then 2; it pays from then on
    by_hand = 0.4 * 12 + 0.6 * (2 / 3 * 11 + 1 / 3 * (10 + 9) / 2)
    assert ceiling.value == pytest.approx(by_hand, abs=1e-12)
    gain = scores["maml"].value - scores["control"].value
    assert gain > 5 * np.hypot(scores["maml"].stderr, scores["control"].stderr)
    assert scores["maml"].value < ceiling.value


def test_the_benchmark_measures_one_gradient_three_ways():
    module = load("benchmarks/meta_gradients.py")
    rng = np.random.default_rng(0)
    for task, horizon, gamma in ((module.bandits(rng), 1, 1.0), (module.grids(rng), 30, 0.95)):
        J = module.objectives.expected_return_objective(task, horizon, gamma)
        theta = {"logits": 0.1 * rng.standard_normal(task.shape)}
        found = [way(policies.tabular, theta, 2.0, 3, J)["logits"] for way in module.WAYS.values()]
        scale = np.abs(found[0]).max()
        assert scale > 0
        for other in found[1:]:
            assert np.abs(other - found[0]).max() < 1e-12 * scale


def test_the_exact_gradient_ends_in_a_local_optimum_without_an_entropy_bonus(capsys):
    module = load("local_optimum.py")
    log_pi = [policies.log_softmax(np.random.default_rng(t).normal(size=(4**t, 2)))
              for t in range(5)]  # fmt: skip
    J, reach, A = module.exact(log_pi)
    for t in range(5):
        assert reach[t].sum() == pytest.approx(1, abs=1e-12)
        assert np.allclose((np.exp(log_pi[t]) * A[t]).sum(-1), 0, atol=1e-12)
    step, t, h, a = 1e-6, 2, 5, 1  # a difference of J is the gradient that the example follows
    moved = [x.copy() for x in log_pi]
    moved[t][h, a] += step
    moved[t] = policies.log_softmax(moved[t])
    slope = (module.exact(moved)[0] - J) / step
    assert slope == pytest.approx(reach[t][h] * np.exp(log_pi[t][h, a]) * A[t][h, a], rel=1e-4)
    module.ITERATIONS = 200  # half of them: the optimum is the same
    without, bonus = module.main(seeds=[0])
    assert without < 0.91 and bonus > 0.99
    assert "0.0     0  0.8" in capsys.readouterr().out


def test_the_hidden_state_knows_the_posterior_and_the_policy_nears_the_optimal_one(tmp_path):
    module = load("looking_inside.py")
    known, kl, agreement = module.main(tmp_path / "inside.png", 300)
    assert known[0] > 0.99 and np.nanmin(known) > 0.8 and (kl > 0).all()
    untrained = module.measure(0)
    assert agreement[1:].mean() > untrained[2][1:].mean() + 0.05
    assert agreement[0] == untrained[2][0] == 1  # both arms are best
    assert (tmp_path / "inside.png").stat().st_size > 10_000


def test_the_memory_is_written_and_read(tmp_path, capsys):
    module = load("reading_and_writing.py")
    by_meeting = module.main(tmp_path / "memory.png", 10)
    assert by_meeting.shape == (4,) and abs(by_meeting[0] - 0.5) < 0.1
    assert "row written" in capsys.readouterr().out
    assert (tmp_path / "memory.png").stat().st_size > 10_000


def test_what_travels_does_not_depend_on_the_size_of_the_network():
    module = load("many_workers.py")
    with module.ProcessPoolExecutor(1) as pool:
        (small, _), (large, theta) = (
            module.bytes_per_generation(pool, module.es, hidden, 8) for hidden in (4, 64)
        )
    assert abs(small - large) < 50 and theta > 10 * large / 3
    assert module.model(1, 9.0, 0.25, 0.5) == 10.0


def test_a_dask_cluster_gives_the_same_bits_after_a_worker_was_killed():
    pytest.importorskip("distributed")
    script = ROOT / "examples" / "many_workers.py"
    done = subprocess.run(
        [sys.executable, str(script), "dask"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (
        "a worker was killed" in done.stdout
        and "the same bits as in one process: True" in done.stdout
    )


def test_right_gradients_of_rounded_functions_are_never_called_wrong(capsys):
    load("benchmarks/derivative_checks.py").main(3, 200)
    lines = capsys.readouterr().out.splitlines()
    assert all(re.match(r".{15} +\d+ / +0 / +\d+ +0 / +3 / +0 +0 / +3 ", x) for x in lines[2:-1])
    assert re.fullmatch(r"200 entries: -?\d+\.\d MB .*, \d+ calls in .*", lines[-1])


def test_the_benchmark_of_learning_runs_the_lines_that_it_is_asked_for(capsys):
    module = load("benchmarks/learning.py")
    medians = module.main(1, "2 pulls=10", iterations=1)
    assert len(medians) == 7 and all(np.isfinite(list(medians.values())))
    assert capsys.readouterr().out.count("\n") == 7


def test_the_benchmark_of_inner_step_sizes_measures_those_around_the_default(capsys):
    results = load("benchmarks/adaptation_defaults.py").main(1, "correlated")
    assert [alpha for _, alpha in results] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert capsys.readouterr().out.count("\n") == 5


def test_the_benchmark_of_the_recurrent_learners_runs(capsys):
    module = load("benchmarks/recurrent.py")
    module.cpu_ms = measured_once
    found = module.main(T=4)
    assert found["gradient, GRU, traced"] > found["trial, raw"] == 1
    assert "bytes of one trial" in capsys.readouterr().out


def test_an_evolved_rule_is_printed_beside_what_it_resembles(capsys):
    scores = load("evolved_formula.py").main(60)
    assert scores["evolved rule"] > scores["Thompson sampling"]
    out = capsys.readouterr().out
    assert out.startswith("evolved:  ") and "Q = (1.00 + rewards) / (2.00 + n)" in out


def test_a_search_that_learns_its_shape_needs_fewer_generations(capsys):
    es, cma_es = load("evolved_by_shape.py").main((12,), 3)[12]
    assert np.median(cma_es) > np.median(es) and capsys.readouterr().out.count("\n") == 2


def test_the_benchmark_of_evolution_runs(capsys):
    module = load("benchmarks/evolution.py")
    module.cpu_ms = measured_once
    assert len(module.main()) == 5
    assert "raw forward" in capsys.readouterr().out


def chance_to_stay(episodes, high):
    """The chance to stay after a hint against the last action, by a walk of the hints."""

    def takes(sign, n):
        return Fraction(1, 2) if n == 0 else Fraction(sign * n > 0)

    walk, happens, again = {0: Fraction(1)}, 0, 0
    for _ in range(episodes - 1):
        after = {}
        for n, p in walk.items():
            for hint, q in ((1, high), (-1, 1 - high)):
                after[n + hint] = after.get(n + hint, 0) + p * q
                against = p * q * takes(-hint, n)
                happens, again = happens + against, again + against * takes(-hint, n + hint)
        walk = after
    return float(again / happens)


def test_only_the_bayes_optimal_player_of_the_two_step_task_looks_at_the_transition(capsys):
    module = load("two_step_stays.py")
    (best, value), (counted, counted_value) = module.main().values()
    leaves = chance_to_stay(module.EPISODES, Fraction(9, 10))
    assert np.allclose(best, [[1, leaves], [leaves, 1]], atol=1e-12)
    assert (counted[:, 0] > 0.99999).all() and counted[0, 1] < counted[1, 1] < 0.6
    family = module.two_step(episodes=module.EPISODES)
    assert abs(value - module.bayes_optimal.solve(family).value) < 1e-12
    assert module.EPISODES / 2 < counted_value < value - 0.2
    assert "common              1.0000      0.2831" in capsys.readouterr().out
