"""Memory of the reference image over many requests: it has to stay flat.

    .venv/bin/python benchmarks/serving/memory.py MODEL_FOLDER [--requests 100000] [--clients 8]

Small PNG and NPY requests in turn, over connections that are kept, to the real image on the real engine; one in a
hundred is malformed. At 1 %, 10 %, 50 % and 100 % of the requests it prints what the container's processes hold.
"""

import argparse
import http.client
import io
import itertools
import threading
import time
from pathlib import Path

import docker
import numpy as np
from compare import READY_SECONDS, Contender, cifar10_files, serving

_SHARES = (0.01, 0.1, 0.5, 1.0)


def bodies() -> tuple[tuple[int, str, bytes], ...]:
    """Status, Content-Type and body of the requests that are sent in turn."""
    images, _ = cifar10_files.made_up_images(4)
    array = io.BytesIO()
    np.save(array, images[:1])
    good = [(200, "image/png", cifar10_files.png(image)) for image in images]
    good += [(200, "application/x-npy", array.getvalue())] * 4
    return (*(good * 12), *good[:3], (400, "image/png", b"no image"))


def ask(contender: Contender, requests: "itertools.count[int]", until: int) -> None:
    """Send requests, one after the other, until all clients together have sent so many."""
    connection = http.client.HTTPConnection("127.0.0.1", contender.port, timeout=READY_SECONDS)
    sent = bodies()
    while (number := next(requests)) < until:
        status, content_type, body = sent[number % len(sent)]
        connection.request("POST", "/invocations", body, {"Content-Type": content_type})
        answer = connection.getresponse()
        answer.read()
        if answer.status != status:
            raise SystemExit(f"{answer.status} instead of {status}")
    connection.close()


def main() -> None:
    """Measure, and print a line at each mark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=8)
    asked = parser.parse_args()
    started = time.monotonic()
    with serving(docker.from_env(), asked.model.resolve(), bare=False) as reference:
        done = 0
        for share in _SHARES:
            until = int(asked.requests * share)
            requests = itertools.count(done)
            threads = [threading.Thread(target=ask, args=(reference, requests, until)) for _ in range(asked.clients)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            done = until
            print(f"{done:7} requests  {reference.memory():6.1f} MB  {time.monotonic() - started:6.0f} s", flush=True)


if __name__ == "__main__":
    main()
