"""Learning from the fitness of neighbours.

fitness            checks of fitness values, directions and members
search_gradients   estimates of the gradient of a smoothed fitness
genetic_operators  selection of parents, crossover and mutation
players            parameters that play a trial, for a whole population at once
workers            worker processes that end with their parent, and separate jobs
executors          slices of a population on many workers
generations        one generation of a search on many workers
covariances        limits of condition number, length of steps and scale
cma_es             a normal distribution that learns the shape of the fitness
cma_es_runs        the best point of a run of CMA-ES, reasons to stop, and a loop

These functions are used inside, and trust their arguments: `of_directions`, `finite_gradient`,
`num_members`, `batched_over_population`, `end_with_parent`, `stop`, `kill`, `perform_all`,
`require_effect`, `open_executor`, `close`, `gather`, `digest`, `evaluate_slice`, `returns`,
`compose`, `decompose`, `shorten`, `shorten_rare`, `rescale`, `rank_weights`, `paths` and
`covariance`.
"""
