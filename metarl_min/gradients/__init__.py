"""Learning by gradients that pass through learning.

    returns          returns-to-go, baselines and advantages of sampled episodes
    objectives       the functions that inner and outer steps ascend
    adaptation       the inner loop of MAML and the exact gradient through it
    enumeration      all data sets of a small problem with their probabilities
    estimators       published estimators of the meta-gradient
    mistakes         frequent mistakes in a meta-gradient, by name
meta_gradients the exact mean and covariance of an estimator, and a check of your own
    trials           a trial on a fresh task: episodes with inner steps between them
    trial_gradients  the gradient of the return of a trial
    trust_region     TRPO and the clipped surrogate, through the inner loop
"""
