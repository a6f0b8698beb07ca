"""`algodock serve` and `algodock invoke` on the real engine, with images of a shell and busybox' HTTP server."""

import io
import json
import signal
import subprocess
import tarfile
import urllib.request
from pathlib import Path

import pytest
from command_line import CommandLine, finish, served, wait_for_event, wait_until, write_job
from shell_image import ShellAlgorithm

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL

pytestmark = pytest.mark.docker

#: One HTTP request from standard input to standard output. An invocation is answered with its own body; one whose
#: Accept is ``fail/STATUS`` with that status; one whose Accept is ``stream/...`` in two chunks.
ANSWER = r"""#!/bin/sh
read -r method path _
size=0; type=; accept=; cr=$(printf '\r')
while read -r name value && name=${name%"$cr"} && [ -n "$name" ]; do
  value=${value%"$cr"}
  case "$name" in
    [Cc]ontent-[Ll]ength:) size=$value ;;
    [Cc]ontent-[Tt]ype:) type=$value ;;
    [Aa]ccept:) accept=$value ;;
  esac
done
head -c "$size" > "/tmp/body.$$"
status=200
case "$path$accept" in
  /ping*) [ -e /opt/ml/model/sick ] && status=503 ;;
  *fail/*) status=${accept#fail/}; printf 'it was told to fail' > "/tmp/body.$$" ;;
  *stream/*)
    printf 'HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\none,\r\n3\r\ntwo\r\n'
    [ "$accept" = stream/broken ] || printf '0\r\n\r\n'
    exit ;;
esac
printf 'HTTP/1.1 %s X\r\nContent-Type: %s\r\nContent-Length: %s\r\nConnection: close\r\n\r\n' \
  "$status" "$type" "$(wc -c < "/tmp/body.$$")"
cat "/tmp/body.$$"
rm "/tmp/body.$$"
"""

#: What is in front of each program: ``train`` leaves a model; the answering script is put where the server finds it.
BEGINNING = f"""
if [ "$1" = train ]; then
  echo "validation: accuracy=0.75"
  echo trained > /opt/ml/model/weights
  exit 0
fi
[ "$1" = serve ] || exit 64
cat > /tmp/answer <<'END'
{ANSWER}
END
chmod +x /tmp/answer
"""

#: Serves until SIGTERM, on which it says so and ends well.
SERVES = f"""{BEGINNING}
trap 'echo goodbye; kill $!; exit 0' TERM
echo "model: $(cat /opt/ml/model/weights), region: $AWS_REGION, GREETING=$GREETING"
touch /opt/ml/model/new 2> /dev/null && echo "the model folder can be written"
nc -ll -p 8080 -e /tmp/answer &
while :; do wait $!; done
"""

#: Serves, and does not hear SIGTERM.
DEAF = f"""{BEGINNING}
trap '' TERM
exec nc -ll -p 8080 -e /tmp/answer
"""

#: Listens where nobody outside the container gets to.
ON_ITS_OWN_LOOPBACK = f"""{BEGINNING}
exec httpd -f -p 127.0.0.1:8080 -h /tmp
"""

ENTRY_POINT = 'ENTRYPOINT ["/usr/local/bin/train"]'


@pytest.fixture
def algodock(home: Path) -> CommandLine:
    """The command, with a home of its own; these images need no GPU, whatever the machine has."""
    return CommandLine(home, {"ALGODOCK_GPUS": ""})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model archive with one file."""
    return archive(tmp_path / "model.tar.gz", tarfile.TarInfo("weights"), b"trained")


def archive(path: Path, member: tarfile.TarInfo, content: bytes = b"") -> Path:
    """A ``.tar.gz`` with one member."""
    with tarfile.open(path, "w:gz") as tar:
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return path


def containers_of(engine: DockerEngine, home: Path) -> list[str]:
    """The ids of all containers of a home."""
    return [container.container_id for container in engine.containers({HOME_LABEL: str(home)})]


@pytest.mark.every_engine
def test_a_trained_model_is_served_invoked_and_stopped(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, engine: DockerEngine, tmp_path: Path
) -> None:
    """From job file to prediction; curl's way and ours; nothing is left on the engine or in the home."""
    request = {
        "TrainingJobName": "one",
        "AlgorithmSpecification": {"TrainingImage": shell_algorithm(SERVES, ENTRY_POINT)},
    }
    assert 0 == algodock.run("train", write_job(tmp_path / "job.yaml", request)).returncode
    (tmp_path / "x.csv").write_text("1,2,3\n")

    with served(algodock, "one", "-e", "GREETING=hello world") as (process, url):
        answered = algodock.run("invoke", str(tmp_path / "x.csv"))
        call = urllib.request.Request(f"{url}/invocations", data=b"\x00\xff", headers={"Content-Type": "a/b"})
        with urllib.request.urlopen(call, timeout=60) as response:
            by_hand = (response.status, response.headers["Content-Type"], response.read())
        process.send_signal(signal.SIGINT)
        ended = finish(process)

    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert (0, "1,2,3\n", "") == (answered.returncode, answered.stdout, answered.stderr)
    assert (200, "a/b", b"\x00\xff") == by_hand
    assert (0, "") == (ended.returncode, ended.stderr)
    assert {"event": "log", "line": "goodbye"} in lines
    assert [] == [line for line in lines if line["event"] == "killed"]
    assert [] == containers_of(engine, algodock.home)
    assert ["lock"] == [path.name for path in (algodock.home / "endpoints" / "one").iterdir()]


def test_a_container_finds_its_model_read_only_and_its_variables(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, model: Path
) -> None:
    """The log says what it found; it is printed as it comes."""
    image = shell_algorithm(SERVES, ENTRY_POINT)
    seen: list[str] = []
    with algodock.start("serve", str(model), "--image", image, "-e", "GREETING=a b") as process:
        wait_for_text(process, "-- In service after", seen)
        process.send_signal(signal.SIGTERM)
        ended = finish(process)
    said = [*seen, *ended.stdout.splitlines(keepends=True)]  # a line of the log may come after the first ping

    assert "model: trained, region: local, GREETING=a b\n" in said
    assert "the model folder can be written\n" not in said
    assert (0, True) == (ended.returncode, "goodbye\n" in said)


def wait_for_text(process: "subprocess.Popen[str]", beginning: str, seen: list[str]) -> None:
    """Read what a command prints into `seen`, until a line begins so."""
    assert process.stdout is not None
    for line in process.stdout:
        seen.append(line)
        if line.startswith(beginning):
            return
    assert process.stderr is not None
    raise AssertionError(f"ended without {beginning!r}\n{''.join(seen)}\n{process.stderr.read()}")


def test_a_streamed_answer_is_printed_and_one_that_breaks_off_is_an_error(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, model: Path, tmp_path: Path
) -> None:
    """What has come stays printed."""
    (tmp_path / "x.csv").write_text("1")
    command = ("invoke", "--stream", str(tmp_path / "x.csv"), "--accept")
    with served(algodock, str(model), "--image", shell_algorithm(SERVES, ENTRY_POINT)):
        whole, broken, failed = (
            algodock.run(*command, f"{kind}") for kind in ("stream/whole", "stream/broken", "fail/503")
        )

    assert (0, "one,two", "") == (whole.returncode, whole.stdout, whole.stderr)
    assert (1, "one,two", True) == (broken.returncode, broken.stdout, "ErrorCode: StreamBroken" in broken.stderr)
    assert (1, "", True) == (failed.returncode, failed.stdout, "OriginalStatusCode: 503" in failed.stderr)


def test_bytes_go_through_unchanged_and_errors_are_model_errors(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, model: Path, tmp_path: Path
) -> None:
    """Each answer of the container is what the caller of the service would get."""
    payload = tmp_path / "x.npy"
    payload.write_bytes(bytes(range(256)) * 100)
    image = shell_algorithm(SERVES, ENTRY_POINT)
    with served(algodock, str(model), "--image", image):
        with (tmp_path / "answer").open("wb") as output:
            command = ["invoke", "--endpoint", "model", str(payload)]
            code = algodock.start_into(output, *command).wait(timeout=120)
        client, server = (algodock.run("invoke", str(payload), "--accept", f"fail/{status}") for status in (415, 500))

    assert (0, payload.read_bytes()) == (code, (tmp_path / "answer").read_bytes())
    assert (1, 1, "") == (client.returncode, server.returncode, client.stdout)
    assert 'ModelError: Received client error (415) from primary container with message "it was told to fail".' in (
        client.stderr
    )
    assert "Received server error (500)" in server.stderr


def test_a_container_that_gets_sick_and_well_again_is_reported(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, model: Path
) -> None:
    """Pings go on in service."""
    symptom = algodock.home / "endpoints" / "model" / "model" / "sick"
    with served(algodock, str(model), "--image", shell_algorithm(SERVES, ENTRY_POINT)) as (process, _):
        symptom.touch()
        sick = wait_for_event(process, "unhealthy")
        symptom.unlink()
        well = wait_for_event(process, "healthy")

    assert "Unhealthy: /ping" in sick["text"]
    assert "Healthy again" in well["text"]


@pytest.mark.parametrize(
    ("script", "options", "said"),
    [
        pytest.param(
            "echo 'loading'; echo 'no such file: weights.h5' >&2; exit 3",
            (),
            ["exited with code 3 before /ping answered 200", "    no such file: weights.h5"],
            id="exits at its start",
        ),
        pytest.param(
            ON_ITS_OWN_LOOPBACK,
            ("--startup-timeout", "4"),
            ["did not pass the ping health check within 4 s", "Does it listen on 0.0.0.0:8080?"],
            id="listens on its own loopback",
        ),
        pytest.param(
            "echo waiting; while :; do sleep 0.2; done",
            ("--startup-timeout", "3"),
            ["did not pass the ping health check within 3 s", "    waiting"],
            id="never listens",
        ),
    ],
)
def test_a_container_that_does_not_come_into_service_is_exit_code_1(
    algodock: CommandLine,
    shell_algorithm: ShellAlgorithm,
    model: Path,
    engine: DockerEngine,
    *,
    script: str,
    options: tuple[str, ...],
    said: list[str],
) -> None:
    """With the reason and the end of its log; it is removed."""
    outcome = algodock.run("serve", str(model), "--image", shell_algorithm(script, ENTRY_POINT), *options)

    assert 1 == outcome.returncode, outcome.stderr
    assert [] == [text for text in said if text not in outcome.stderr]
    assert [] == containers_of(engine, algodock.home)


def test_an_image_without_serve_is_told_what_it_lacks(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, model: Path, engine: DockerEngine
) -> None:
    """No entry point, and no executable of that name."""
    outcome = algodock.run("serve", str(model), "--image", shell_algorithm("exit 0"))

    assert 1 == outcome.returncode
    assert 'entry point "serve" cannot be run' in outcome.stderr
    assert [] == containers_of(engine, algodock.home)


def test_a_deaf_container_is_killed_by_the_second_ctrl_c(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, model: Path, engine: DockerEngine
) -> None:
    """It would have had 30 seconds; who waits need not."""
    image = shell_algorithm(DEAF, ENTRY_POINT)
    with served(algodock, str(model), "--image", image) as (process, _):
        process.send_signal(signal.SIGINT)
        wait_for_event(process, "stopping")
        process.send_signal(signal.SIGINT)
        ended = finish(process)

    assert (0, "") == (ended.returncode, ended.stderr)
    assert [] == containers_of(engine, algodock.home)


def test_what_a_killed_serve_leaves_is_replaced_or_swept_away(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, model: Path, engine: DockerEngine, tmp_path: Path
) -> None:
    """Its endpoint still answers; the next of its name takes over; `down` removes it."""
    (tmp_path / "x.csv").write_text("1\n")
    command = (str(model), "--image", shell_algorithm(SERVES, ENTRY_POINT))
    with served(algodock, *command) as (process, _):
        refused = algodock.run("serve", *command)
        process.kill()
        process.wait()
    orphans = containers_of(engine, algodock.home)
    answered = algodock.run("invoke", str(tmp_path / "x.csv"))
    with served(algodock, *command) as (process, _):
        successors = containers_of(engine, algodock.home)
        process.kill()
        process.wait()
    swept = algodock.run("down", "--yes")

    assert (2, True) == (refused.returncode, "already existing endpoint model" in refused.stderr)
    assert (0, "1\n") == (answered.returncode, answered.stdout)
    assert (1, 1) == (len(orphans), len(successors))
    assert orphans != successors
    assert (0, []) == (swept.returncode, containers_of(engine, algodock.home))


def test_a_chosen_port_is_used_and_a_taken_one_is_named(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, model: Path, engine: DockerEngine
) -> None:
    """For scripts that want to know it beforehand."""
    image = shell_algorithm(SERVES, ENTRY_POINT)
    with served(algodock, str(model), "--image", image) as (_, url):
        port = url.rpartition(":")[2]
        refused = algodock.run("serve", str(model), "--image", image, "--name", "other", "--port", port)

    assert 3 == refused.returncode
    assert port in refused.stderr
    wait_until(lambda: len(containers_of(engine, algodock.home)) == 1, "only the first is left")


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        ("../../../evil", tarfile.REGTYPE, ""),
        ("/tmp/algodock-evil", tarfile.REGTYPE, ""),
        ("weights", tarfile.SYMTYPE, "/etc/passwd"),
        ("weights", tarfile.CHRTYPE, ""),
    ],
)
def test_a_malicious_archive_is_refused_before_anything_runs(
    algodock: CommandLine,
    shell_image: str,
    engine: DockerEngine,
    tmp_path: Path,
    *,
    name: str,
    kind: bytes,
    target: str,
) -> None:
    """Exit code 2, the member named, nothing written."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    path = archive(tmp_path / "evil.tar.gz", member)
    outcome = algodock.run("serve", str(path), "--image", shell_image)

    assert (2, True) == (outcome.returncode, repr(name) in outcome.stderr)
    assert [] == containers_of(engine, algodock.home)
    assert not any(path.exists() for path in (tmp_path / "evil", algodock.home / "evil", Path("/tmp/algodock-evil")))
