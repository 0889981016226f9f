"""Learning by gradients that pass through learning.

returns          returns-to-go and baselines of sampled episodes
objectives       the objectives that inner and outer steps ascend, in the logits
adaptation       the inner loop of MAML, and the exact gradient through it
trials           a trial of a learner that adapts, and its settings
trial_gradients  the gradient of the return of a trial
controls         the best step size of an untrained start
trust_region     TRPO and the clipped surrogate, through the inner steps
outer_updates    how the meta-parameters move: ascent, trpo, clipped
enumeration      all data sets of a small problem, with their probabilities
estimators       published estimators of the meta-gradient
traced_trials    the other estimators of the gradient of a trial, and all of them by name
mistakes         frequent mistakes in an estimator, by name
meta_gradients   the exact mean, covariance and bias of an estimator, and a check of your own
monte_carlo      the same moments from sampled data sets
"""
