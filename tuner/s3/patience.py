"""How often something that broke is tried again."""

import threading

from tuner.s3.errors import CalledOff
from tuner.s3.refusals import is_passing

#: In a row, without anything in between that went well; each pause is twice as long as the one before it.
_MOST_BREAKS = 9
#: Half of the first pause. Together they are 51 s, besides what boto3 tries again of its own accord.
PAUSE_SECONDS = 0.1


class Patience:
    """Waits a little longer after each break, and comes to an end."""

    def __init__(self, called_off: threading.Event, pause_seconds: float) -> None:
        self._called_off = called_off
        self._pause_seconds = pause_seconds
        self._breaks = 0

    def renew(self) -> None:
        """Something went well."""
        self._breaks = 0

    def wait_after(self, error: Exception) -> None:
        """Wait before the next try. Raises `error` where no further one is worth it, and CalledOff."""
        self._breaks += 1
        if self._breaks >= _MOST_BREAKS or not is_passing(error):
            raise error
        if self._called_off.wait(self._pause_seconds * 2**self._breaks):
            raise CalledOff from error
