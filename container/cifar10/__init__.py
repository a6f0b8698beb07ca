"""The reference algorithm: residual networks on CIFAR-10 with MXNet Gluon.

Read in this order: `training` (the loop), `dataset` (files to arrays), `learner` (a step of the network), `network`,
`settings`, `checkpoint` (what survives an interruption), `model` (what is left at the end), `prediction` (what callers
send). Only `dataset`, `recordio`, `checkpoint` and `prediction` do not import MXNet: they are tested where it is not
installed.
"""
