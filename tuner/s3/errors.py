"""Errors of this floor.

S3Error       what S3 was asked for cannot be had; the text names the address and says what to do
└── Damaged   what arrived is not what S3 has
CalledOff     whoever asked does not want it any more
"""

from tuner.errors import TunerError


class S3Error(TunerError):
    """What S3 was asked for cannot be had: the text names the address, why not, and what to do."""


class Damaged(S3Error):
    """What arrived is not what S3 has: the checksums differ."""


class CalledOff(Exception):
    """Something that takes long was told to stop."""
