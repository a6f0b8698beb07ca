"""The real reference image serves the model that it trained: images in, class probabilities out."""

import http.client
import io
import json
import signal
import tarfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import cifar10_files
import docker
import numpy as np
import numpy.typing as npt
import pytest
from command_line import CommandLine, finish, served
from docker.models.containers import Container
from PIL import Image

from tuner.engine.docker_engine import DockerEngine

pytestmark = pytest.mark.docker

IMAGE = "algodock/cifar10:cpu"
SMALL = {"network": "resnet8_narrow_v2", "batch_size": "20", "epochs": "4", "seed": "3"}
DEADLINE_SECONDS = 120
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
IMAGES, LABELS = cifar10_files.made_up_images(50, seed=7)


class Endpoint:
    """A container that serves. As in the cloud, the model folder is read-only; all else is, too, besides /dev/shm."""

    def __init__(self, client: docker.DockerClient, labels: Mapping[str, str], model: Path, **variables: str) -> None:
        self.inner_port = int(variables.get("SAGEMAKER_BIND_TO_PORT", "8080"))
        self.container: Container = client.containers.run(
            IMAGE,
            ["serve"],
            volumes={str(model): {"bind": "/opt/ml/model", "mode": "ro"}},
            environment=variables,
            ports={f"{self.inner_port}/tcp": ("127.0.0.1", None)},
            labels=dict(labels),
            security_opt=["no-new-privileges"],
            read_only=True,
            detach=True,
        )

    @property
    def log(self) -> str:
        """All that was printed."""
        received: bytes = self.container.logs()
        return received.decode()

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Status and body of an answer."""
        self.container.reload()
        port = int(self.container.ports[f"{self.inner_port}/tcp"][0]["HostPort"])
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)) as connection:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def wait_until_ready(self) -> "Endpoint":
        """Ping until all is well."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self._ping() != 200:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.1)
        return self

    def _ping(self) -> int:
        try:
            return self.ask("GET", "/ping")[0]
        except (OSError, http.client.HTTPException, LookupError):  # nobody listens yet
            assert "exited" != self.container.status, self.log
            return 0


@pytest.fixture(scope="module")
def client(engine: DockerEngine) -> Iterator[docker.DockerClient]:
    """The Docker SDK itself: what is proven here needs no tuner."""
    client = docker.from_env(timeout=DEADLINE_SECONDS)
    yield client
    client.close()


@pytest.fixture(scope="module")
def model(client: docker.DockerClient, run_labels: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder of a short training job."""
    root = tmp_path_factory.mktemp("trained")
    for name in ("config", "model"):
        (root / name).mkdir()
    (root / "config" / "hyperparameters.json").write_text(json.dumps(SMALL))
    cifar10_files.write_binary_channel(root / "training", training=400, validation=100)
    trained = client.containers.run(
        IMAGE,
        ["train"],
        volumes={
            str(root / "config"): {"bind": "/opt/ml/input/config", "mode": "ro"},
            str(root / "training"): {"bind": "/opt/ml/input/data/training", "mode": "ro"},
            str(root / "model"): {"bind": "/opt/ml/model", "mode": "rw"},
        },
        labels=dict(run_labels),
        nano_cpus=10**9,  # one thread: two that share a processor with others would wait for each other
        detach=True,
    )
    assert 0 == trained.wait(timeout=DEADLINE_SECONDS)["StatusCode"], trained.logs().decode()
    (root / "model" / "code").mkdir()  # what some models bring along, and what nobody here reads
    (root / "model" / "code" / "inference.py").write_text("raise SystemExit\n")
    return root / "model"


@pytest.fixture
def endpoint(client: docker.DockerClient, run_labels: Mapping[str, str], model: Path, engine: DockerEngine) -> Endpoint:
    """An endpoint that is ready."""
    return Endpoint(client, run_labels, model).wait_until_ready()


def npy(array: npt.NDArray[Any]) -> bytes:
    """An array as a file."""
    body = io.BytesIO()
    np.save(body, array)
    return body.getvalue()


def probabilities(endpoint: Endpoint, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """All of them at once, as NPY."""
    headers = {"Content_Type": "application/x-npy", "Accept": "application/x-npy"}
    status, answer = endpoint.ask("POST", "/invocations", npy(images), **headers)
    assert 200 == status, answer
    array: npt.NDArray[np.float32] = np.load(io.BytesIO(answer))
    return array


def test_a_png_is_answered_with_the_probability_of_each_class(endpoint: Endpoint) -> None:
    """They sum to 1, and the label is the likeliest."""
    status, body = endpoint.ask("POST", "/invocations", cifar10_files.png(IMAGES[0]), Content_Type="image/png")

    (prediction,) = json.loads(body)["predictions"]
    assert (200, CLASSES) == (status, list(prediction["probabilities"]))
    assert 1 == pytest.approx(sum(prediction["probabilities"].values()), abs=1e-5)
    assert prediction["predicted_label"] == max(CLASSES, key=prediction["probabilities"].__getitem__)


def test_a_photograph_of_any_size_is_answered(endpoint: Endpoint) -> None:
    """curl with a JPEG from the disk is what people try first."""
    photograph = io.BytesIO()
    Image.new("RGB", (640, 480), color=(90, 120, 200)).save(photograph, "JPEG")
    headers = {"Content_Type": "image/jpeg", "Accept": "text/csv"}

    status, body = endpoint.ask("POST", "/invocations", photograph.getvalue(), **headers)

    assert (200, 10) == (status, len(body.split(b",")))


def test_the_endpoint_is_as_good_as_training_said(endpoint: Endpoint) -> None:
    """Far better than one in ten on images it has not seen; alone or in a batch, each gets the same answer."""
    together = probabilities(endpoint, IMAGES)
    alone = np.concatenate([probabilities(endpoint, IMAGES[n : n + 1]) for n in range(5)])

    assert (50, 10) == together.shape
    assert (together.argmax(axis=1) == LABELS).mean() > 0.5
    assert np.allclose(together[:5], alone, atol=1e-5)


def test_every_other_form_of_the_same_images_gets_the_same_answer(endpoint: Endpoint) -> None:
    """JSON and CSV, for those who have no images but numbers."""
    expected = probabilities(endpoint, IMAGES[:2])
    rows = "\n".join(",".join(map(str, image.ravel())) for image in IMAGES[:2]).encode()
    bodies = {"application/json": json.dumps({"instances": IMAGES[:2].tolist()}).encode(), "text/csv": rows}

    for content_type, body in bodies.items():
        status, answer = endpoint.ask("POST", "/invocations", body, Content_Type=content_type, Accept="text/csv")
        found = [[float(field) for field in line.split(",")] for line in answer.decode().split("\n")]

        assert 200 == status
        assert np.allclose(expected, found, atol=1e-6)


def test_requests_at_once_get_their_own_answers(endpoint: Endpoint) -> None:
    """16 clients, each with an image of its own."""
    expected = probabilities(endpoint, IMAGES[:16])
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: probabilities(endpoint, IMAGES[n : n + 1])[0], list(range(16)) * 3))

    assert np.allclose(np.concatenate([expected] * 3), answers, atol=1e-5)


def test_bad_input_is_refused_and_the_endpoint_goes_on(endpoint: Endpoint) -> None:
    """Each type with a body that is none of it, cut off, or of the wrong shape; no known type; too much."""
    png = cifar10_files.png(IMAGES[0])
    for status, content_type, body in (
        (400, "image/png", b"no image"),
        (400, "image/png", png[:-40]),
        (400, "image/png", b""),
        (400, "image/jpeg", b"\xff\xd8\xff\xe0torn"),
        (400, "application/x-image", b"GIF89a"),
        (400, "application/x-npy", b"\x93NUMPY\x01\x00"),
        (400, "application/x-npy", npy(IMAGES[:1])[:-1]),
        (400, "application/x-npy", npy(IMAGES[:1].astype(float) / 7)),
        (400, "application/jsonlines", b"[1]\n{"),
        (400, "application/json", b"{"),
        (400, "application/json", b"[" * 100_000),
        (400, "application/json", b"\xff\xfe"),
        (400, "text/csv", b"1,2,3"),
        (400, "application/json", b'{"instances": [[0.5]]}'),
        (415, "text/html", b"<html>"),
        (415, "application/x-www-form-urlencoded", b"a=1"),
        (415, "text/csv; charset=klingon", b"1"),
        (413, "application/x-npy", bytes(6 * 1024 * 1024 + 1)),
    ):
        answered = endpoint.ask("POST", "/invocations", body, Content_Type=content_type)
        assert (status, 1) == (answered[0], answered[1].count(b"\n")), (content_type, answered)
    assert (404, 405) == (endpoint.ask("GET", "/models")[0], endpoint.ask("GET", "/invocations")[0])
    assert 1 == pytest.approx(float(probabilities(endpoint, IMAGES[:1]).sum()), abs=1e-5)
    assert "Worker (pid" not in endpoint.log


def test_six_mebibytes_of_images_are_answered(endpoint: Endpoint) -> None:
    """2047 images and the NPY header: the largest request that the cloud lets through."""
    many, _ = cifar10_files.made_up_images(2047)

    assert (2047, 10) == probabilities(endpoint, many).shape


def test_sigterm_ends_the_endpoint_with_code_0(endpoint: Endpoint) -> None:
    """Within the 30 seconds before SIGKILL, which would make it 137."""
    endpoint.container.stop(timeout=30)

    assert 0 == endpoint.container.wait(timeout=DEADLINE_SECONDS)["StatusCode"]
    assert "Traceback" not in endpoint.log


def test_a_container_without_a_model_ends_with_the_reason(
    client: docker.DockerClient, run_labels: Mapping[str, str], tmp_path: Path, engine: DockerEngine
) -> None:
    """An empty model folder, or one with a torn model in it."""
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "model.json").write_text('{"network": ')
    (tmp_path / "empty").mkdir()
    for name in ("empty", "torn"):
        container = Endpoint(client, run_labels, tmp_path / name).container

        assert 1 == container.wait(timeout=DEADLINE_SECONDS)["StatusCode"]
        assert "the model cannot be loaded: /opt/ml/model holds no model of this algorithm" in container.logs().decode()


def test_the_port_that_the_platform_names_is_listened_on(
    client: docker.DockerClient, run_labels: Mapping[str, str], model: Path, engine: DockerEngine
) -> None:
    """In pipelines, where containers share a host; the image's label says that it can."""
    label = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"
    variables = {"SAGEMAKER_BIND_TO_PORT": "9001", "SAGEMAKER_SAFE_PORT_RANGE": "9001-9100"}
    endpoint = Endpoint(client, run_labels, model, **variables).wait_until_ready()
    # The states and ports of all sockets, by the kernel; 0A is one that listens.
    _, sockets = endpoint.container.exec_run("cat /proc/net/tcp /proc/net/tcp6")
    listening = {
        int(row[1].split(":")[1], 16) for row in map(str.split, sockets.decode().splitlines()) if row[3] == "0A"
    }

    assert 200 == endpoint.ask("GET", "/execution-parameters")[0]
    assert "true" == client.images.get(IMAGE).labels[label]
    assert {9001} == listening  # no second port, so none out of the safe range


def test_many_models_are_served_from_one_container_with_too_little_memory_for_all(
    model: Path, home: Path, tmp_path: Path, client: docker.DockerClient, engine: DockerEngine
) -> None:
    """Loaded when asked for, unloaded for others; by `algodock invoke` and by the official client."""
    (tmp_path / "models").mkdir()
    for name in ("a", "b", "c"):
        with tarfile.open(tmp_path / "models" / f"{name}.tar.gz", "w:gz") as tar:
            tar.add(model, arcname=".")
    (tmp_path / "x.png").write_bytes(cifar10_files.png(IMAGES[0]))
    algodock = CommandLine(home, {"ALGODOCK_GPUS": ""})
    with served(algodock, str(tmp_path / "models"), "--multi-model", "--image", IMAGE, "--memory", "256m") as (
        process,
        url,
    ):
        command = ("invoke", str(tmp_path / "x.png"), "--accept", "text/csv", "--target-model")
        answers = [algodock.run(*command, f"{name}.tar.gz") for name in ("a", "b", "c")]
        by_boto3 = ask_with_boto3(url, "a.tar.gz", (tmp_path / "x.png").read_bytes())
        missing = algodock.run(*command, "d.tar.gz")
        process.send_signal(signal.SIGTERM)
        ended = finish(process)

    assert ([0] * 3, {by_boto3}) == ([one.returncode for one in answers], {one.stdout for one in answers})
    assert (2, True) == (missing.returncode, "There are: a.tar.gz, b.tar.gz, c.tar.gz." in missing.stderr)
    assert (0, True) == (ended.returncode, "there was no memory for" in ended.stdout)
    assert "true" == client.images.get(IMAGE).labels["com.amazonaws.sagemaker.capabilities.multi-models"]


def ask_with_boto3(url: str, target: str, image: bytes) -> str:
    """The probabilities that the official client gets."""
    credentials = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "region_name": "local"}
    runtime = boto3.client("sagemaker-runtime", endpoint_url=url, **credentials)
    answer = runtime.invoke_endpoint(
        EndpointName="models", TargetModel=target, Body=image, ContentType="image/png", Accept="text/csv"
    )
    received: bytes = answer["Body"].read()
    return received.decode()
