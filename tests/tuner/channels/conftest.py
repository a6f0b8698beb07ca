"""Fixtures for the tests of this folder."""

from s3_fixtures import bucket, called_off, proxy, s3_endpoint

__all__ = ["bucket", "called_off", "proxy", "s3_endpoint"]
