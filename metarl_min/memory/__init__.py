"""Learning that happens in a memory.

cells               recurrent cells and back-propagation through time
recurrent_policies  a recurrent cell with heads for actions and values
addressing          reading and writing rows by their content
external_memory     a network beside rows that are addressed by content
actor_critic        advantages over a trial, and the gradients of actor and critic
recurrent_agents    a recurrent policy as a player of a trial
"""
