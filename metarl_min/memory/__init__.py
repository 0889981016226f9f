"""Learning that happens in a memory: the parameters stay fixed while a new task is learned.

protocol            the functions of a policy with a memory
cells               recurrent cells and back-propagation through time
lstm_cells          the LSTM and back-propagation through time
recurrent_policies  a recurrent cell with heads for logits and values
actor_critic        advantages over a trial, and the gradients in logits and values
recurrent_agents    a recurrent policy that plays a trial
recurrent_training  the ascents on one batch of trials
addressing          reading and writing the rows of a memory by their addresses
external_memory     a recurrent policy that reads and writes an external memory
trial_steps         trials that are played step by step
trial_pictures      pictures of a trial, as text and as an image
gymnasium_environments  families of tasks as environments of Gymnasium
predicting_agents   agents that play policies of other libraries

Only the package calls the functions of `addressing`, the functions of `cells`, the functions of
`lstm_cells` and these functions, and they trust their arguments: `interface_pullback`,
`memory_pullback`, `memory_gradient`, `heads`, `gru_gradient`, `lstm_gradient`, `require_outputs`,
`require_parameters`, `ascend`, `empty_memory`, `begin_episode` and `observe`.
"""
