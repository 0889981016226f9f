"""A memory-augmented network: RL^2 with an external memory.

The learner is rl2, with one difference: its policy is `external_memory.policy`, which writes to the
rows of an external memory and reads them by their addresses. The memory always has 8 rows, and each
address and each content has 16 entries.           [Santoro et al. 2016; Graves et al. 2014]

Santoro et al. train their network by supervised learning. Here the network is trained by
actor-critic. On the command line, mann has all options of rl2 except `cell`, because `partial` has
fixed this setting.
"""

from functools import partial

from metarl_min.learners.rl2 import rl2
from metarl_min.memory import external_memory

mann = partial(rl2, cell=external_memory.policy)
