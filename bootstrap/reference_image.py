"""Build the reference image when something that goes into it has changed.

Usage, in a shell:

    python bootstrap/reference_image.py algodock/cifar10:gpu [--build-arg NAME=VALUE ...]

The image carries a hash of all its inputs as the label `algodock.inputs`; where it is the one that the checkout gives
now, nothing is done. That is both quicker and surer than asking the builder: its cache goes by time stamps of a context
that has to be sent to it first.
"""

import argparse
import contextlib
import hashlib
import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import docker.errors
import requests
from setup_engine import SETUP_HOME, connect, follow, label_of

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = "Dockerfile.gpu"
LABEL = "algodock.inputs"


def inputs() -> Iterator[Path]:
    """Every file that goes into the image, in a fixed order; the folders are those that .dockerignore lets through."""
    yield ROOT / DOCKERFILE
    yield ROOT / ".dockerignore"
    for folder in ("container", "contracts"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                yield path


def fingerprint(build_args: dict[str, str]) -> str:
    """A hash that changes exactly when the image would: of names, contents, modes, arguments and the base image."""
    digest = hashlib.sha256()
    for path in inputs():
        executable = os.access(path, os.X_OK)
        digest.update(f"{path.relative_to(ROOT)} {executable} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    for name, value in sorted(build_args.items()):
        digest.update(f"{name}={value}\n".encode())
    if "BASE_IMAGE" in build_args:
        with contextlib.suppress(docker.errors.ImageNotFound):  # then the build will pull it
            digest.update(str(connect().images.get(build_args["BASE_IMAGE"]).id).encode())
    return digest.hexdigest()


def build(tag: str, build_args: dict[str, str], inputs_hash: str) -> None:
    """Build the image and print what the builder says. Raises `docker.errors.BuildError` where a step fails."""
    client = connect(timeout_seconds=1800)
    before = client.images.list(tag)
    follow(
        client.api.build(
            path=str(ROOT),
            dockerfile=DOCKERFILE,
            tag=tag,
            rm=True,
            forcerm=True,
            decode=True,
            buildargs=build_args,
            labels={LABEL: inputs_hash},
        ),
        SETUP_HOME / "build.log",
    )
    for image in before:
        # It has no name now. What it shares with the new one stays, and so does all of it where a container uses it.
        with contextlib.suppress(docker.errors.APIError):
            client.images.remove(image.id)
    size = client.images.get(tag).attrs["Size"] / 1e6
    print(f"[setup] reference image: {tag} is built, {size:.0f} MB")


def main() -> int:
    """Compare, and build where it is needed; the exit code says how it went."""
    parser = argparse.ArgumentParser(prog=Path(__file__).name)
    parser.add_argument("tag")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    build_args: dict[str, str] = dict(pair.split("=", 1) for pair in asked.build_arg)
    build_args["VERSION"] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    if mirror := os.environ.get("PIP_INDEX_URL"):
        build_args["PIP_INDEX_URL"] = mirror
    try:
        inputs_hash = fingerprint(build_args)
        if label_of(asked.tag, LABEL) == inputs_hash:
            print(f"[setup] reference image: {asked.tag} is up to date")
            return 0
        print(f"[setup] reference image: building {asked.tag} from {DOCKERFILE}", flush=True)
        SETUP_HOME.mkdir(exist_ok=True)
        build(asked.tag, build_args, inputs_hash)
    except (docker.errors.DockerException, requests.exceptions.RequestException) as exc:
        print(f"[setup] {asked.tag}: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
