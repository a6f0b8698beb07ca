"""Manifests where they lie, and what the addresses in them lead to: files of this host, or objects in S3."""

import os
from pathlib import Path

from contracts.errors import InvalidManifest
from contracts.manifests import Manifest, parse_manifest
from tuner.channels.addresses import is_local, local_text
from tuner.errors import ChannelError, NotSupported
from tuner.s3.addresses import S3Address, is_s3


def parsed_manifest(content: bytes, where: object) -> Manifest:
    """The manifest in `content`, which was read from `where`; raises ChannelError where it is none, or leads astray."""
    try:
        manifest = parse_manifest(content.decode())
    except (InvalidManifest, UnicodeDecodeError) as error:
        raise ChannelError(f"the manifest {where} {error}") from error
    if astray := [key for key in manifest.keys if not set(key.split("/")).isdisjoint({"", ".", ".."})]:
        raise ChannelError(
            f"the manifest {where} has the key {astray[0]!r}, which is no place below its prefix: keys have no empty"
            " step, no . and no .., and the prefix of a folder ends in /"
        )
    return manifest


def resolve(uri: str, beside: Path | S3Address) -> Path | S3Address:
    """What an address in the manifest `beside` names: a relative one is taken from the manifest's folder.

    Raises NotSupported for an address elsewhere, ChannelError for a file of this host in a manifest that is not on it:
    who may write to a bucket must not choose which files of this host a container sees. S3Error for a wrong address.
    """
    return S3Address.parse(uri) if is_s3(uri) else Path(resolved_text(uri, beside))


def resolved_text(uri: str, beside: Path | S3Address) -> str:
    """The path that an address of this host in the manifest `beside` names, with its last slash where it has one."""
    if not is_local(uri):
        raise NotSupported(f"{beside} names {uri}: reading from there is not in this version, use file:// or s3://")
    if isinstance(beside, S3Address):
        raise ChannelError(f"{beside} names {uri}: a manifest in S3 leads to objects in S3 only")
    return os.path.join(beside.parent, local_text(uri))  # noqa: PTH118 - a Path would lose the last slash
