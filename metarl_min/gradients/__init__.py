"""Learning by gradients that pass through learning.

returns            returns-to-go and baselines of sampled episodes
objectives         the objectives that inner and outer steps ascend, in the logits
adaptation         the inner loop of MAML, and the exact gradient through it
trials             a trial of a learner that adapts, and its settings
trial_gradients    the gradient of the return of a trial
controls           the best step size of an untrained start
trust_region       TRPO and the clipped surrogate, through the inner steps
outer_updates      the updates of the meta-parameters: ascent, trpo, clipped
enumeration        all data sets of a small problem, with their probabilities
estimator_weights  the weights of sampled actions in an inner step, and their derivatives
estimators         published estimators of the meta-gradient
traced_trials      gradients of a trial with these weights, and a table of all by name
mistakes           frequent mistakes in an estimator, by name
meta_gradients     the exact mean, covariance and bias of an estimator, and a check of your own
monte_carlo        the same moments from sampled data sets
"""
