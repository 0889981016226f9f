"""Reptile: move the start towards where adaptation ends, and differentiate nothing.

    (1)  theta <- theta + beta mean over tasks of (phi_K - theta) / alpha
               =  theta + beta mean over tasks of sum_{k<K} grad J(phi_k)
                                                     [Nichol et al. 2018, alg. 2 and eq. 28]
    (2)  E[g] = K AvgGrad + K (K - 1) / 2 alpha AvgGradInner + O(alpha^2) for Reptile,
         AvgGrad + (K - 1) alpha AvgGradInner + O(alpha^2) for first-order MAML whose outer data
         are the last of K batches                          [Nichol et al. 2018, eqs. 33-35]

The direction (1) is that of the sum of the K inner gradients: with K = 1 it is the average policy
gradient, and nothing is learned about adapting. Nichol et al. write beta (phi_K - theta), which is
(1) with beta / alpha for beta. In (2) AvgGrad = E[g_i] and, with one batch i for each inner step,
AvgGradInner = E[H_i g_j] = 1/2 E[grad (g_i . g_j)], i != j: the part that aligns the gradients of
two batches of a task (the signs are those of ascent).
"""

from functools import partial

from metarl_min.learners.maml import maml

reptile = partial(maml, estimator="reptile")  # eq. (1)
