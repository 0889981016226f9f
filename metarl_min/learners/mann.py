"""A memory-augmented network: RL^2 with an external memory.

The learner is rl2, with one difference. Its policy is that of `external_memory`, which writes to
the rows of a memory and reads them by their content. The words of the command line are those of
rl2, without `cell`.                                    [Santoro et al. 2016; Graves et al. 2014]
"""

from functools import partial

from metarl_min.learners.rl2 import rl2
from metarl_min.memory import external_memory

mann = partial(rl2, cell=external_memory.policy)
