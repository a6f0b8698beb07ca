"""Whether a space has anything in it, and what is to be tried first: found out before anything starts. Pure."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tuner.errors import InfeasibleSpace
from tuner.search.first_configurations import complete
from tuner.search.space import SearchSpace

#: Points drawn to see which constraint leaves nothing.
_DRAWS = 50_000


def impossible(
    space: SearchSpace, first: Sequence[Mapping[str, str]] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What cannot be: where in the search file, and why. Nothing where the search can begin.

    `first` are its FirstConfigurations. The same space always gives the same answer.
    """
    generator = np.random.default_rng(0)
    try:
        space.draw(1, generator)
    except InfeasibleSpace as error:
        points = generator.random((_DRAWS, len(space.ranges)))
        alone = [place for place, one in enumerate(space.constraints) if not space.kept(one, points).any()]
        for place in alone:
            yield (
                ("Constraints", place),
                f"{space.constraints[place].text!r} is kept by hardly any configuration of the ranges, or by none",
            )
        if not alone:
            yield ("Constraints",), str(error)
        return
    for number, part in enumerate(first):
        try:
            complete(space, part, generator)
        except InfeasibleSpace as error:
            yield ("FirstConfigurations", number), str(error)
