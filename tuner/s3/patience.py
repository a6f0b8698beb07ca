"""How often something that broke is tried again."""

import threading

from tuner.s3.errors import CalledOff
from tuner.s3.refusals import is_passing

#: In a row, without anything in between that went well; and the first pause, in seconds. Together 12 s, besides what
#: boto3 tries again of its own accord.
_MOST_BREAKS = 6
_PAUSE_SECONDS = 0.2


class Patience:
    """Waits a little longer after each break, and comes to an end."""

    def __init__(self, called_off: threading.Event) -> None:
        self._called_off = called_off
        self._breaks = 0

    def renew(self) -> None:
        """Something went well."""
        self._breaks = 0

    def wait_after(self, error: Exception) -> None:
        """Wait before the next try. Raises `error` where no further one is worth it, and CalledOff."""
        self._breaks += 1
        if self._breaks >= _MOST_BREAKS or not is_passing(error):
            raise error
        if self._called_off.wait(_PAUSE_SECONDS * 2**self._breaks):
            raise CalledOff from error
