"""An image that is needed is found here, or pulled."""

from collections.abc import Callable

from tuner.engine.protocol import Engine
from tuner.errors import ImageNotFound


def provide_image(engine: Engine, reference: str, say: Callable[[str], None]) -> None:
    """Pull an image that the engine does not have, telling `say` how it goes; raises ImageNotFound, EngineRejected."""
    try:
        engine.image(reference)
    except ImageNotFound:
        say(f"The image {reference} is not on this machine. Pulling it ...")
        engine.pull(reference, say)
