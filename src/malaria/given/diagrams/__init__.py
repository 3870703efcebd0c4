"""The drawings that explain one thing in one lesson; `pictures` shows data.

tensors.py   broadcasting
layers.py    a convolution, the network, the chain rule
graphs.py    graphs of operations
descent.py   gradients, and the ways of optimizers
"""
