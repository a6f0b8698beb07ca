"""What the set-up asks of the Docker engine, through the SDK: the `docker` command need not be installed.

Usage, in a shell:

    python bootstrap/setup_engine.py version
    python bootstrap/setup_engine.py label IMAGE LABEL       print its value, perhaps empty; exit code 1 without IMAGE
    python bootstrap/setup_engine.py pull IMAGE TAG          pull IMAGE where its registry can be reached; call it TAG
    python bootstrap/setup_engine.py import TAG LABEL=VALUE  a root filesystem as tar on standard input becomes TAG
    python bootstrap/setup_engine.py copy ADDRESS IMAGE...   the engine at ADDRESS has the images as this one has
    python bootstrap/setup_engine.py remove IMAGE
"""

import argparse
import contextlib
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests

#: Seconds. A registry that nothing leads to must not hold up the set-up.
REGISTRY_TIMEOUT = 15
#: Seconds in which an engine that takes or gives an image has to say something.
COPY_TIMEOUT = 600
#: How much of an account is shown where it ends in an error.
LAST_LINES = 15
#: The lines of a build's account that are shown while it goes on: those of the steps that can take a while.
OUTLINE = re.compile(r"Step \S+ : (FROM|RUN|COPY)")
#: Where logs go.
SETUP_HOME = Path(__file__).resolve().parent.parent / ".setup"


def connect(timeout_seconds: float = 10) -> docker.DockerClient:
    """Reach the engine where the tuner will look for it: DOCKER_HOST, else the default socket.

    Raises `docker.errors.DockerException` where none answers.
    """
    return docker.from_env(timeout=timeout_seconds)


def version() -> str:
    """One line that says which engine answers."""
    client = connect()
    address = client.api.base_url.replace("http+docker://localhost", "its local socket")
    return f"version {client.version()['Version']} answers at {address}"


def label_of(image: str, label: str) -> str | None:
    """The value of an image's label, empty where the image has none of that name; None where there is no such image."""
    try:
        found = connect().images.get(image)
    except docker.errors.ImageNotFound:
        return None
    return str(found.labels.get(label, ""))


def follow(events: Iterable[dict[str, Any]], log: Path) -> None:
    """Keep the engine's whole account of a pull or a build in `log`, and print its outline.

    Raises `BuildError`, with the account's last lines, at the first error in it.
    """
    with log.open("w") as account:
        for event in events:
            if "progressDetail" in event:
                continue
            text = event.get("stream") or event.get("status", "") + event.get("error", "") + "\n"
            account.write(text)
            if OUTLINE.match(text):
                print(f"[setup]   {text.strip():.100}", flush=True)
            if "error" in event:
                account.flush()
                last_lines = "\n".join(log.read_text().splitlines()[-LAST_LINES:])
                raise docker.errors.BuildError(f"{last_lines}\nThe whole account is in {log}", iter([]))


def pull(image: str, tag: str) -> bool:
    """Pull `image` and tag it; False where its registry cannot be reached in a short time."""
    try:
        connect(REGISTRY_TIMEOUT).api.inspect_distribution(image)
    except (docker.errors.APIError, requests.exceptions.RequestException) as exc:
        print(f"{image} cannot be pulled: {getattr(exc, 'explanation', None) or exc}", file=sys.stderr)
        return False
    client = connect(600)
    print(f"[setup] pulling {image}", flush=True)
    follow(client.api.pull(image, stream=True, decode=True), SETUP_HOME / "pull.log")
    return bool(client.images.get(image).tag(tag))


def import_root(tag: str, label: str) -> None:
    """Make an image of the root filesystem whose tar comes on standard input."""
    answer = connect(600).api.import_image_from_stream(
        sys.stdin.buffer,
        repository=tag,
        changes=['CMD ["python3"]', "ENV LANG=C.UTF-8", f"LABEL {label}"],
    )
    outcome = json.loads(answer.strip().splitlines()[-1])
    if "error" in outcome:
        raise docker.errors.DockerException(outcome["error"])


def copy(address: str, images: Iterable[str]) -> None:
    """Give the engine at `address` the images that it has not, or has another of that name instead of."""
    here, there = connect(COPY_TIMEOUT), docker.DockerClient(base_url=address, timeout=COPY_TIMEOUT)
    for name in images:
        image = here.images.get(name)
        before = there.images.list(name)
        if image.id in [one.id for one in before]:
            continue
        for _ in there.api.load_image(image.save(named=name)):  # raises what the other engine has against it
            pass
        for old in before:
            # It has no name now; what still uses it keeps it.
            with contextlib.suppress(docker.errors.APIError):
                there.images.remove(old.id)
        print(f"[setup] {name} is copied to {address}", flush=True)


def main() -> int:
    """Run one of the verbs above; the exit code says how it went."""
    parser = argparse.ArgumentParser(prog=Path(__file__).name)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("version")
    labelled = verbs.add_parser("label")
    labelled.add_argument("image")
    labelled.add_argument("label")
    pulling = verbs.add_parser("pull")
    pulling.add_argument("image")
    pulling.add_argument("tag")
    importing = verbs.add_parser("import")
    importing.add_argument("tag")
    importing.add_argument("label")
    copying = verbs.add_parser("copy")
    copying.add_argument("address")
    copying.add_argument("images", nargs="+")
    verbs.add_parser("remove").add_argument("image")
    asked = parser.parse_args()
    try:
        match asked.verb:
            case "version":
                print(version())
            case "label":
                value = label_of(asked.image, asked.label)
                if value is None:
                    return 1
                print(value)
            case "pull":
                return 0 if pull(asked.image, asked.tag) else 1
            case "import":
                import_root(asked.tag, asked.label)
            case "copy":
                copy(asked.address, asked.images)
            case "remove":
                connect().images.remove(asked.image)
    except (docker.errors.DockerException, requests.exceptions.RequestException) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
