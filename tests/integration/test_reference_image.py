"""The real reference image: it trains, stops, resumes and fails as the contract says. Data is made up and learnable."""

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cifar10_files
import docker
import pytest
import yaml
from docker.models.containers import Container

from contracts.paths import OptMlLayout
from tuner.engine.docker_engine import DockerEngine

pytestmark = pytest.mark.docker

IMAGE = "algodock/cifar10:cpu"
REPOSITORY = Path(__file__).resolve().parents[2]
TUNING_JOB = REPOSITORY / "examples" / "cifar10" / "tuning-job.yaml"
SUPPORT = Path(cifar10_files.__file__).parent

SMALL = {"network": "resnet8_narrow_v2", "batch_size": "20", "learning_rate": "0.05", "epochs": "4", "seed": "3"}
EPOCHS = 4
DEADLINE_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What is left of a container that has ended."""

    exit_code: int
    lines: Sequence[str]

    @property
    def metrics(self) -> Sequence[str]:
        """The lines of all epochs that must repeat; speed need not."""
        return [line for line in self.lines if line.startswith("[Epoch ") and "speed:" not in line]


class Job:
    """One training job's tree on the host, and containers of the image that see it at /opt/ml."""

    def __init__(self, client: docker.DockerClient, labels: Mapping[str, str], layout: OptMlLayout) -> None:
        self.layout = layout
        self._client, self._labels = client, dict(labels)
        for folder in (layout.config, layout.channel("training"), layout.model, layout.output):
            folder.mkdir(parents=True)
        layout.input_data_config.write_text('{"training": {"TrainingInputMode": "File"}}')
        cifar10_files.write_binary_channel(layout.channel("training"), training=400, validation=100)

    def start(self, hyperparameters: Mapping[str, str]) -> Container:
        """Start ``docker run IMAGE train``, on one processor, the channel and the config files read-only."""
        self.layout.hyperparameters.write_text(json.dumps({**SMALL, **hyperparameters}))
        return self._run(["train"], entrypoint=None, writable=("model", "output", "checkpoints"))

    def train(self, **hyperparameters: str) -> Ended:
        """Train to the end."""
        return ended(self.start(hyperparameters))

    def python(self, program: str) -> Ended:
        """Run a Python program in the image; it may write to the channel and import from tests/support."""
        container = self._run(["-c", program], entrypoint="python3", writable=("input/data",))
        return ended(container)

    def _run(self, command: Sequence[str], *, entrypoint: str | None, writable: Sequence[str]) -> Container:
        mounted = ("input/config", "input/data", "model", "output", "checkpoints")
        volumes = {
            str(self.layout.root / name): {"bind": f"/opt/ml/{name}", "mode": "rw" if name in writable else "ro"}
            for name in mounted
            if (self.layout.root / name).exists()
        }
        volumes[str(SUPPORT)] = {"bind": "/support", "mode": "ro"}
        return self._client.containers.run(
            IMAGE,
            command,
            entrypoint=entrypoint,
            volumes=volumes,
            labels=self._labels,
            network_mode="none",
            security_opt=["no-new-privileges"],
            nano_cpus=10**9,
            detach=True,
        )


def ended(container: Container) -> Ended:
    """Wait for the end; the container is removed by its label afterwards."""
    exit_code = container.wait(timeout=DEADLINE_SECONDS)["StatusCode"]
    return Ended(exit_code=exit_code, lines=container.logs().decode().splitlines())


def wait_for_line(container: Container, text: str) -> None:
    """Read the log until it holds `text`. Polled: a followed log of the SDK leaves its socket open."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while text.encode() not in (received := container.logs()):
        assert time.monotonic() < deadline, f"no line with {text!r}: {received.decode()}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def client(engine: DockerEngine) -> Iterator[docker.DockerClient]:
    """The Docker SDK itself: what is proven here needs no tuner."""
    client = docker.from_env(timeout=DEADLINE_SECONDS)
    try:
        client.images.get(IMAGE)
    except docker.errors.ImageNotFound:
        pytest.fail(f"{IMAGE} is not there: make image")
    yield client
    client.close()


@pytest.fixture
def job(client: docker.DockerClient, run_labels: Mapping[str, str], tmp_path: Path, engine: DockerEngine) -> Job:
    """A training job of its own."""
    return Job(client, run_labels, OptMlLayout(tmp_path / "ml"))


@pytest.fixture(scope="module")
def trained_job(
    client: docker.DockerClient, run_labels: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Job:
    """A training job that several tests look at."""
    return Job(client, run_labels, OptMlLayout(tmp_path_factory.mktemp("trained") / "ml"))


@pytest.fixture(scope="module")
def trained(trained_job: Job) -> Ended:
    """The end of `trained_job`, which trained four epochs without interruption."""
    return trained_job.train()


def test_training_on_binary_batches_learns_and_leaves_a_model(trained: Ended, trained_job: Job) -> None:
    """The classes have colours of their own, so a few seconds are enough to be far better than chance."""
    description = json.loads((trained_job.layout.model / "model.json").read_text())

    assert 0 == trained.exit_code, trained.lines
    assert description["validation_accuracy"] > 0.5
    assert EPOCHS == description["epochs_trained"]
    names = {path.name for path in trained_job.layout.model.iterdir()}
    assert {"model.json", "model-symbol.json", "model-0000.params"} == names
    assert not trained_job.layout.failure.exists()


def test_each_metric_of_the_example_is_printed_once_per_epoch(trained: Ended) -> None:
    """The regular expressions are read from the job file that people start from."""
    request = yaml.safe_load(TUNING_JOB.read_text())
    definitions = request["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"]

    found = {d["Name"]: [v for line in trained.lines for v in re.findall(d["Regex"], line)] for d in definitions}

    assert "validation:accuracy" in found
    assert dict.fromkeys(found, EPOCHS) == {name: len(values) for name, values in found.items()}
    assert all(float(value) >= 0 for values in found.values() for value in values)


def test_one_processor_means_one_thread(trained: Ended) -> None:
    """The quota of ``docker run --cpus 1`` counts, not the processors of the machine."""
    assert any("on cpu(0), 1 CPU threads" in line for line in trained.lines)


def test_the_same_seed_prints_the_same_digits(trained: Ended, job: Job) -> None:
    """And another seed prints others."""
    again, other = job.train(), job.train(seed="4")

    assert 2 * EPOCHS == len(trained.metrics)
    assert trained.metrics == again.metrics
    assert trained.metrics != other.metrics


def test_the_model_is_loaded_again_in_a_fresh_container(trained: Ended, trained_job: Job) -> None:
    """Its predictions are as good as training said."""
    after = trained_job.python(
        "from pathlib import Path; from container.cifar10 import dataset, model\n"
        "classifier = model.load(Path('/opt/ml/model'))\n"
        "files = list(Path('/opt/ml/input/data/training').rglob('test_batch.bin'))\n"
        "images = dataset.read_binary_files(files)\n"
        "probabilities = classifier.predict(images.images)\n"
        "right = (probabilities.argmax(axis=1) == images.labels).mean()\n"
        "print(right == classifier.description.validation_accuracy, abs(probabilities.sum(axis=1) - 1).max() < 1e-5)"
    )

    assert ["True True"] == list(after.lines)


def test_training_on_record_files_that_mxnet_wrote(job: Job) -> None:
    """The image reads RecordIO with code of its own; here MXNet's own writer is the judge of it."""
    written = job.python(
        "import sys; sys.path.insert(0, '/support'); import cifar10_files as files, mxnet as mx\n"
        "for name, count in (('train', 400), ('test', 100)):\n"
        "    writer = mx.recordio.MXRecordIO(f'/opt/ml/input/data/training/{name}.rec', 'w')\n"
        "    for image, label in zip(*files.made_up_images(count)):\n"
        "        header = mx.recordio.IRHeader(0, float(label), 0, 0)\n"
        "        writer.write(mx.recordio.pack(header, files.png(image)))\n"
        "    writer.close()"
    )
    assert 0 == written.exit_code, written.lines

    after = job.train(epochs="3", training_images="300", validation_images="50")

    assert 0 == after.exit_code, after.lines
    assert any("images: 300 to train, 50 to validate" in line for line in after.lines)
    assert float(re.findall(r"validation: accuracy=([0-9.]+)", after.lines[-2])[0]) > 0.3


def test_a_stopped_job_goes_on_where_it_was_and_prints_what_it_would_have(trained: Ended, job: Job) -> None:
    """SIGTERM in the middle of an epoch: checkpoint and model in time, exit code 0; then the very same digits."""
    job.layout.checkpoints.mkdir()
    container = job.start({"epochs": "1000"})
    wait_for_line(container, "[Epoch 2] validation")
    asked = time.monotonic()
    container.stop(timeout=DEADLINE_SECONDS)
    seconds = time.monotonic() - asked
    first = ended(container)
    resumed = job.train()

    assert (0, 0) == (first.exit_code, resumed.exit_code), [*first.lines, *resumed.lines]
    assert seconds < 10
    assert any(line.startswith("saved checkpoint-") for line in first.lines)
    assert any(line.startswith("resumed from checkpoint-") for line in resumed.lines)
    assert trained.metrics == [*first.metrics, *resumed.metrics]


def test_a_killed_job_goes_on_after_its_last_whole_epoch(trained: Ended, job: Job) -> None:
    """SIGKILL without a warning, as when a spot instance is taken away; and the newest checkpoint is torn as well."""
    job.layout.checkpoints.mkdir()
    container = job.start({"epochs": "1000"})
    wait_for_line(container, "[Epoch 3] validation")
    container.kill()
    container.wait(timeout=DEADLINE_SECONDS)
    newest = max(job.layout.checkpoints.glob("*.npz"))
    newest.write_bytes(newest.read_bytes()[:-100])
    resumed = job.train()

    assert 0 == resumed.exit_code, resumed.lines
    assert any(f"{newest.name} is ignored: it cannot be read" in line for line in resumed.lines)
    assert list(trained.metrics[-len(resumed.metrics) :]) == list(resumed.metrics)


def test_a_checkpoint_of_another_network_is_passed_over(job: Job) -> None:
    """Its parameters would not fit; training begins anew and says why."""
    job.layout.checkpoints.mkdir()
    job.train(epochs="1", training_images="40")

    other = job.train(epochs="1", training_images="40", network="resnet8_v2")

    assert 0 == other.exit_code, other.lines
    assert any("is ignored: it was made with another network" in line for line in other.lines)
    assert not any("resumed" in line for line in other.lines)


def test_a_stop_while_the_images_are_being_read_is_heeded(job: Job) -> None:
    """Nothing has been learnt yet, but there is a model to be loaded and the exit code is 0."""
    container = job.start({"epochs": "1000"})
    wait_for_line(container, "hyperparameters: ")
    container.stop(timeout=DEADLINE_SECONDS)
    after = ended(container)

    assert 0 == after.exit_code, after.lines
    assert any(line.startswith("stopped on request") for line in after.lines)
    assert (job.layout.model / "model-0000.params").exists()


def test_a_loss_that_is_no_number_fails_within_the_first_epoch(job: Job) -> None:
    """With the reason in the failure file, and no epoch of nonsense in the log."""
    after = job.train(learning_rate="1e30", epochs="1000")

    failure = job.layout.failure.read_text()
    assert 1 == after.exit_code
    assert re.match(r"loss became (nan|inf) in epoch 1, after \d+ batches: learning_rate=1e\+30 is too large", failure)
    assert "Traceback" not in failure
    assert [] == after.metrics


def test_an_empty_channel_fails_with_what_is_expected(job: Job) -> None:
    """The user learns which files the image wants and where it looked."""
    for path in sorted(job.layout.channel("training").rglob("*.bin")):
        path.write_bytes(b"")

    after = job.train()

    assert 1 == after.exit_code
    assert job.layout.failure.read_text().startswith(
        "/opt/ml/input/data/training has nothing but empty files and folders; expected train.rec and test.rec"
    )


def test_every_network_gives_ten_numbers_an_image(job: Job) -> None:
    """Also the large ones, which no test trains."""
    after = job.python(
        "import mxnet as mx; from container.cifar10.network import NETWORK_NAMES, build_network\n"
        "for name in NETWORK_NAMES:\n"
        "    network = build_network(name, 10)\n"
        "    network.initialize()\n"
        "    assert network(mx.nd.zeros((2, 3, 32, 32))).shape == (2, 10), name\n"
        "print('all', len(NETWORK_NAMES))"
    )

    assert ["all 6"] == [line for line in after.lines if line.startswith("all")], after.lines


def test_several_devices_share_a_batch(job: Job) -> None:
    """Two CPU devices stand in for two GPUs: same code, and the same loss for a batch that nobody learns from."""
    after = job.python(
        "import sys; sys.path.insert(0, '/support'); import cifar10_files as files, mxnet as mx, numpy as np\n"
        "from container.cifar10.learner import Learner; from container.cifar10.settings import SPECS, Settings\n"
        "settings = Settings(**{spec.name: spec.default for spec in SPECS} | {'network': 'resnet8_narrow_v2'})\n"
        "images, labels = files.made_up_images(31)\n"
        "one, two = Learner(settings, [mx.cpu(0)]), Learner(settings, [mx.cpu(0), mx.cpu(1)])\n"
        "a, b = one.judge(images, labels).read(), two.judge(images, labels).read()\n"
        "assert a[0] == b[0] == 31 and a[2] == b[2] and abs(a[1] - b[1]) < 1e-3, (a, b)\n"
        "two.judge(images[:1], labels[:1]).read()\n"
        "losses = [two.step(images, labels).read()[1] for _ in range(20)]\n"
        "assert losses[-1] < losses[0], losses\n"
        "one.restore(two.state())\n"
        "again = Learner(settings, [mx.cpu(0), mx.cpu(1)]); again.restore(two.state())\n"
        "assert again.step(images, labels).read() == two.step(images, labels).read()\n"
        "print('shared')"
    )

    assert "shared" == after.lines[-1], after.lines


def test_the_outside_is_not_in_the_image(client: docker.DockerClient, job: Job) -> None:
    """`tuner` and `container` never meet; the entry point is in exec form, so that signals reach Python."""
    after = job.python("import container, contracts, tuner")

    assert "ModuleNotFoundError: No module named 'tuner'" == after.lines[-1]
    assert ["python3", "-m", "container"] == client.images.get(IMAGE).attrs["Config"]["Entrypoint"]


def test_the_commands_of_the_page_work(job: Job, tmp_path: Path) -> None:
    """docs/reference-algorithm.md: train by hand, without any platform; then load the model, and serve it."""
    cifar10_files.write_binary_channel(tmp_path / "data" / "cifar10", training=1000, validation=500)
    page = (REPOSITORY / "docs" / "reference-algorithm.md").read_text(encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    page = page.replace("-p 8080:", f"-p 127.0.0.1:{port}:").replace("localhost:8080", f"127.0.0.1:{port}")
    page = page.replace("try-serving", f"try-serving-{port}")
    (tmp_path / "cat.png").write_bytes(cifar10_files.png(cifar10_files.made_up_images(1)[0][0]))

    trained, loaded, served = (
        subprocess.run(["bash", "-ec", block], cwd=tmp_path, capture_output=True, text=True, check=False)
        for block in re.findall(r"```bash\n(.*?)```", page, flags=re.DOTALL)
    )

    assert 0 == trained.returncode, trained.stderr
    assert "[Epoch 1] validation: accuracy=" in trained.stdout
    assert loaded.stdout.startswith("ModelDescription(network='resnet8_narrow_v2'"), loaded.stderr
    assert '{"predictions": [{"predicted_label": "' in served.stdout, served.stderr


def test_the_page_tells_all_hyperparameters_and_networks(job: Job) -> None:
    """With their defaults, and every network by its name."""
    page = (REPOSITORY / "docs" / "reference-algorithm.md").read_text(encoding="utf-8")
    after = job.python(
        "from container.cifar10.settings import SPECS; from container.cifar10.network import NETWORK_NAMES\n"
        "for spec in SPECS:\n"
        "    default = f'`{spec.default}`' if spec.kind == 'str' else spec.default\n"
        "    print(f'| `{spec.name}` | {default} |')\n"
        "for name in NETWORK_NAMES: print(f'| `{name}` |')"
    )

    assert len(after.lines) > 10
    assert [] == [row for row in after.lines if row not in page]
