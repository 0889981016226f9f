"""Learning from the fitness of neighbours.

search_gradients  estimates of the gradient of a smoothed fitness
cma_es            a normal distribution that learns the shape of the fitness
players           parameters that play a trial, a population at once
executors         slices of a population on many workers
generations       one generation of a search on many workers
"""
