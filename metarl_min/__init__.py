"""Meta-reinforcement learning, small enough to read and exact enough to trust."""

__version__ = "0.1.0"
