"""The tightest loop over docker-py: create, start, wait, remove, by so many threads. To be started as a process."""

import sys
import uuid
from concurrent.futures import ThreadPoolExecutor

import docker


def run_one(api: docker.APIClient, image: str) -> None:
    """One container, from nothing to nothing."""
    container = api.create_container(image, command=["train"], name=f"bare-{uuid.uuid4().hex}")["Id"]
    api.start(container)
    api.wait(container)
    api.remove_container(container)


def main(image: str, containers: int, threads: int) -> None:
    """Run them all."""
    api = docker.APIClient()
    with ThreadPoolExecutor(threads) as executor:
        list(executor.map(lambda _: run_one(api, image), range(containers)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
