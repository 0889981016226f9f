"""Learning that happens in a memory.

networks       recurrent cells and back-propagation through time
memory_policies  a recurrent cell with heads for actions and values
addressing     reading and writing rows by their content
external_memory  a network beside rows that are addressed by content
actor_critic   advantages over a trial, and the gradients of actor and critic
agents         a recurrent policy as a player of a trial
"""
