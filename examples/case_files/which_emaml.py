# %% [markdown]
# # Which E-MAML code has the gradient of E-MAML?
#
# jonasrothfuss/ProMP#8: the scripts of MAML and E-MAML differ in one flag.
#
# The flag of ProMP is `exploration`. The code episodeyang/e-maml has a switch, `run_mode`. Both add
# the score term as a product of two means. Each code is measured on every data set of a bandit, and
# of an MDP of two states and T = 2 steps, with N inner episodes and one task.

# %%
import numpy as np

from metarl_min.gradients import libraries, library_estimators, library_verdicts
from metarl_min.gradients.ordered_data import measured_problems

NAMES = "ProMP exploration, one task", "ProMP exploration, raw", "e-maml, as started"
NAMES += ("e-maml, run_mode e-maml",)
entries = [entry for entry in libraries.all_libraries() if entry.name in NAMES]
measured = library_verdicts.measure_all(entries, measured_problems())

# %% [markdown]
# The table shows the bias for F_N, the mean return after adaptation, in percent of its gradient.
# The columns are the bandit with N = 1, 2, 4 and the MDP with N = 1, 2.

# %%
bias = {}
for name, cells in measured.items():
    worth = [library_verdicts.worth(cell) for cell in cells]
    bias[name] = [100 * x.bias_F_N for x in worth]
    numbers = "".join(f"{x:7.1f}" for x in bias[name])
    print(f"{name:28s}{numbers}   {library_verdicts.verdict(cells)}")
plain = bias["e-maml, as started"]
assert np.allclose(plain, [20.53, 20.06, 19.91, 35.90, 35.96], atol=0.01)
assert np.allclose(bias["ProMP exploration, one task"], plain, atol=1e-9)
assert np.allclose(bias["ProMP exploration, raw"], [0, 10.03, 14.93, 17.95, 26.97], atol=0.01)
assert np.allclose(bias["e-maml, run_mode e-maml"], [0, 10.03, 14.93, 13.62, 24.70], atol=0.01)

# %% [markdown]
# - As started, e-maml is plain MAML: the default of `run_mode` is "maml".
# - ProMP first centres the rewards over the meta-batch. With one task nothing is left of them. With
#   raw rewards, the score term is divided by N T.
# - With its other `run_mode`, e-maml divides the term too, and multiplies it by the mean
#   return-to-go. This is measured without a baseline. The default baseline is fitted to the same
#   episodes, with an intercept. So the mean advantage is zero, and the score term is zero too.
#
# ## The mend
# The score term must be the return times the sum of N T log-probabilities. The code has their mean,
# which is the sum divided by N T. The whole gradient of the code has the factor 1/T, so only N is
# missing: N times the return must stand in the place of the mean reward.


# %%
def n_returns(problem, phi):
    return problem.num_episodes * library_estimators.total_return(problem, phi)


raw = next(entry for entry in entries if entry.name == "ProMP exploration, raw")
mended = library_verdicts.measure_all([raw._replace(result=n_returns)], measured_problems())
cells = mended[raw.name]
assert library_verdicts.verdict(cells) == "emaml"
assert library_verdicts.addition(cells) == "nothing"
after = [library_verdicts.worth(cell) for cell in cells]
assert max(x.bias_F_N for x in after) < 1e-12
before = [library_verdicts.worth(cell).variance for cell in measured["e-maml, as started"]]
print(f"mended: bias 0, variance at N = 2 {after[-1].variance:.2f} against {before[-1]:.4f}")
assert np.isclose(after[-1].variance, 2.60, atol=5e-3) and np.isclose(before[-1], 0.0046, atol=5e-5)

# %%
print(
    f"Answer: neither, with the default settings. ProMP with one task and e-maml compute plain "
    f"MAML, which is {plain[-1]:.0f} % off on the MDP. With raw rewards ProMP is "
    f"{bias[raw.name][-1]:.0f} % off. With N times the return it computes E-MAML, with a variance "
    f"of {after[-1].variance:.2f}."
)
