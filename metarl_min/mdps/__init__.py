"""One finite MDP: its arrays, the value of a policy in it, and sampled episodes.

mdp            the three arrays of a finite MDP, and the optimum of a known task
mdp_tables     MDPs from the tables of other libraries
environment_tables  MDPs of environments of Gymnasium that have a table
policies       the softmax, the record of a policy, and the policy of a table of logits
networks       the policy of a network with one hidden layer
prepared_mdps  the record of a checked MDP with its horizon and discount
linear_recursions  the recursions of values, forward and backward in time
values         the exact return of a policy, its gradient and its Hessian
optimum        the best policy of a known task, also without a horizon
episodes       the record of sampled episodes
noises         the noise of rewards around their means
rollouts       sampled episodes of a memoryless policy, many tasks at once
agents         players with a memory, and how they play a trial
priors         distributions over MDPs, as records

The functions of `linear_recursions` and these functions are used inside the package, and trust
their arguments: `over_actions`, `sum_over_actions`, `log_softmax_curvature`,
`log_softmax_derivatives`, `forward_pass`, `check_noise`, `broadcast`, `prepare_with_policy`,
`matrix_and_rewards`, `next_values`, `prepared_return`, `prepared_gradient`, `prepared_derivatives`,
`sum_of_steps`, `sampled_episodes`, `sampled_returns`, `first_states`, `arrive`, `take_step`,
`visit_index` and `visit_sums`.
"""
