"""Learning that happens in a memory.

protocol            a policy with a memory, as functions of its parameters
cells               recurrent cells and back-propagation through time
recurrent_policies  a recurrent cell with heads for logits and values
actor_critic        advantages over a trial, and the gradients in logits and values
recurrent_agents    a recurrent policy that plays a trial
recurrent_training  the ascents on one batch of trials
addressing          finding rows by their addresses, reading and writing
external_memory     a recurrent policy that reads and writes an external memory

The functions of `addressing`, the functions of `cells` and these functions are used inside, and
trust their arguments: `interface_pullback`, `memory_pullback`, `memory_gradient`, `heads`,
`gru_gradient`, `require_outputs`, `require_parameters` and `ascend`.
"""
