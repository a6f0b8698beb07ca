"""One BLAS thread: many make small matrices slower, and round sums differently, so that another point may win.

The same history must give the same suggestion, whatever machine it is asked on.
"""

from contextlib import AbstractContextManager

import scipy.linalg  # noqa: F401 - the libraries that are limited are those that are loaded when the controller is made
from threadpoolctl import ThreadpoolController

_CONTROLLER = ThreadpoolController()


def one_thread() -> AbstractContextManager[object]:
    """A context in which numpy and scipy compute with one thread."""
    context: AbstractContextManager[object] = _CONTROLLER.limit(limits=1, user_api="blas")
    return context
