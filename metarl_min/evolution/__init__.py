"""Search by fitness: many perturbed copies of the parameters are evaluated, without gradients.

fitness            checks of fitness values, directions and members
search_gradients   estimates of the gradient of a smoothed fitness
hessian_estimates  estimates of the Hessian of a smoothed fitness, and their bias
genetic_operators  selection of parents, crossover and mutation
players            parameters that play a trial, for a whole population at once
workers            worker processes that end when their parent ends, and separate jobs
executors          slices of a population on many workers
generations        one generation of a search on many workers
covariances        limits of a covariance and of the steps that are drawn with it
cma_es             a normal distribution that learns the shape of the fitness
cma_es_runs        the best point of a run of CMA-ES, reasons to stop, and a loop

Only the package calls these functions, and they trust their arguments: `of_directions`,
`finite_gradient`, `num_members`, `batched_over_population`, `end_with_parent`, `stop`, `kill`,
`perform_all`, `explained`, `require_effect`, `open_executor`, `close`, `gather`, `digest`,
`evaluate_slice`, `returns`, `compose`, `decompose`, `shorten`, `shorten_rare`, `rescale`,
`rank_weights`, `paths` and `covariance`.
"""
