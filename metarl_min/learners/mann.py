"""A memory-augmented network: RL^2 whose memory is rows addressed by content.

What it sees, what it ascends and when are those of `recurrent`; only the network is another, that
of `external_memory`. What has to be bound (this cue, that arm) has a row of its own there.
                                                          [Santoro et al. 2016; Graves et al. 2014]
"""

from functools import partial

from metarl_min.learners.rl2 import rl2

mann = partial(rl2, cell="memory")
