"""The drawings that explain one thing in one lesson; `pictures` shows data.

tensors.py   broadcasting
layers.py    a convolution, the network, the chain rule
inside.py    receptive fields, the filters of the first layer
graphs.py    graphs of operations
descent.py   gradients, and the ways of optimizers
experiments.py   the result of an experiment
"""
