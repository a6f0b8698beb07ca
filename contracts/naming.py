"""What the names of hyperparameters usually mean.

Most algorithms call the same things by the same words, and what a thing is tells on which scale it acts. This is prior
knowledge, never more: a search that is told a scale keeps to it, and one that is not learns it from what it sees.
"""

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+")


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: Words of names whose value lies between 0 and 1.
FRACTIONS = _set_of("dropout subsample colsample fraction ratio probability prob momentum beta beta1 beta2")
#: Words of names whose value acts by its distance from 1.
NEAR_ONE = _set_of("momentum beta beta1 beta2")
#: Words of names whose value acts by its order of magnitude, also where an example of it is a whole number.
MAGNITUDES = _set_of(
    """lr rate eta alpha lambda decay wd l1 l2 gamma penalty reg regularization regularisation epsilon eps tol tolerance
    weight"""
)


def words_of(name: str) -> frozenset[str]:
    """The words of a hyperparameter's name, in small letters: ``weightDecay`` and ``weight_decay`` are the same."""
    return frozenset(word.lower() for word in _WORD.findall(name))
