"""Transform jobs from their first step to their end, on a fake engine with a real HTTP server."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from http_servers import Request, Response
from transform_home import IMAGE, TransformHome, in_turn

from contracts.jobs import JobStatus
from tuner.engine.fake_container import FakeContainer
from tuner.transform.progress import read_progress

SINGLE: dict[str, Any] = {"BatchStrategy": "SingleRecord"}


def refuse(*bodies: bytes, status: int = 400) -> Callable[[Request], Response]:
    """Gives back what it is sent, but for `bodies`."""

    def answer(request: Request) -> Response:
        return Response(status=status, body=b"bad row") if request.body in bodies else Response(body=request.body)

    return answer


def test_each_input_object_becomes_an_output_object(home: TransformHome) -> None:
    """Recursively, under its key and .out; what it is sent is what the job says."""
    home.write(a="1\n2\n3\n", b="4\n5")
    (home.source / "deep" / "er").mkdir(parents=True)
    (home.source / "deep" / "er" / "c.csv").write_text("6\n")

    job = home.transform(**SINGLE)

    assert JobStatus.COMPLETED == job.status
    assert {"a.csv.out": "1\n2\n3\n", "b.csv.out": "4\n5\n", "deep/er/c.csv.out": "6\n"} == home.outputs
    assert [b"1", b"2", b"3", b"4", b"5", b"6"] == home.bodies
    assert {"text/csv"} == {request.headers["Content-Type"] for request in home.server.asked}


def test_lines_go_together_where_the_strategy_is_several(home: TransformHome) -> None:
    """Which is the default; the answer is followed by a newline, whatever it ends in."""
    home.write(a="1\n2\n")

    home.transform()

    assert [b"1\n2\n"] == home.bodies
    assert {"a.csv.out": "1\n2\n\n"} == home.outputs


def test_answers_are_put_together_byte_for_byte_without_assembly(home: TransformHome) -> None:
    """AssembleWith None."""
    home.write(a="1\n2\n")

    home.transform(**SINGLE, TransformOutput={"AssembleWith": "None"})

    assert {"a.csv.out": "12"} == home.outputs


def test_the_order_of_the_input_is_kept_whatever_is_answered_first(home: TransformHome) -> None:
    """Four at once, of which the first is answered last."""
    lines = [str(number) for number in range(40)]
    home.write(a="\n".join(lines), b="x\ny\n")
    home.server.reply = in_turn(last=b"0", after={str(number).encode() for number in (1, 2, 3)})

    job = home.transform(**SINGLE, MaxConcurrentTransforms=4)

    assert JobStatus.COMPLETED == job.status
    assert lines == home.outputs["a.csv.out"].splitlines()
    assert "x\ny\n" == home.outputs["b.csv.out"]


def test_the_container_is_told_of_the_batch_and_of_what_the_caller_has_set(home: TransformHome) -> None:
    """The model's variables, then the job's; the service's spelling of the strategy."""
    home.write(a="1\n")

    home.transform(
        **SINGLE,
        environment={"LEVEL": "model", "NAME": "model"},
        Environment={"LEVEL": "job"},
        MaxPayloadInMB=2,
        MaxConcurrentTransforms=3,
    )

    (container,) = home.engine.removed
    assert {
        "AWS_REGION": "local",
        "NAME": "model",
        "LEVEL": "job",
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "2",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "3",
    } == container.spec.environment
    assert (("serve",), ["SIGTERM"]) == (container.spec.arguments, container.signals)


def test_what_the_caller_has_not_set_is_no_variable(home: TransformHome) -> None:
    """The container must be free to propose."""
    home.write(a="1\n")

    home.transform()

    (container,) = home.engine.removed
    assert {"AWS_REGION": "local", "SAGEMAKER_BATCH": "true"} == container.spec.environment


def test_a_container_s_proposal_is_heeded_and_written_down(home: TransformHome) -> None:
    """The line of the data-log is the service's."""
    home.write(a="1\n2\n")
    proposal = {"BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 1, "MaxConcurrentTransforms": 2}
    home.server.parameters = Response(body=json.dumps(proposal).encode())

    home.transform()

    assert 2 == len(home.bodies)
    line = home.folder().object_log.read_text()
    assert line.endswith(
        ":[sagemaker logs]: MaxConcurrentTransforms=2, MaxPayloadInMB=1, BatchStrategy=SINGLE_RECORD\n"
    )


def test_a_proposal_that_is_none_fails_the_job(home: TransformHome) -> None:
    """In the service's form, and nothing was sent."""
    home.write(a="1\n")
    home.server.parameters = Response(body=b"{")

    job = home.transform()

    assert JobStatus.FAILED == job.status
    assert job.failure_reason.startswith("AlgorithmError: /execution-parameters answered no JSON")
    assert ([], 0) == (home.bodies, len(home.engine.containers({})))


def test_one_bad_record_takes_its_object_and_no_other(home: TransformHome) -> None:
    """No output for it, not even a part; the job ends Failed, and both logs say why."""
    home.write(a="1\n2\n", b="3\noops\n4\n", c="5\n")
    home.server.reply = refuse(b"oops")

    job = home.transform(**SINGLE)

    assert JobStatus.FAILED == job.status
    assert {"a.csv.out": "1\n2\n", "c.csv.out": "5\n"} == home.outputs
    assert (
        "ClientError: See job logs for more information. 1 of 3 objects failed:"
        f" {home.source}/b.csv: Bad HTTP status received from algorithm: 400" == job.failure_reason
    )
    lines = [line.partition("[sagemaker logs]: ")[2] for line in home.folder().object_log.read_text().splitlines()]
    subject = f"{home.source}/b.csv: "
    assert [
        f"{subject}Bad HTTP status received from algorithm: 400",
        subject,
        f"{subject}Message:",
        f"{subject}bad row",
    ] == lines[1:]


def test_requests_are_tried_again_as_often_as_the_job_says(home: TransformHome) -> None:
    """A container that recovers costs nothing but time."""
    home.write(a="1\n")
    statuses = iter([503, 200])
    home.server.reply = lambda request: Response(status=next(statuses), body=b"fine")

    job = home.transform(ModelClientConfig={"InvocationsMaxRetries": 1})

    assert (JobStatus.COMPLETED, {"a.csv.out": "fine\n"}) == (job.status, home.outputs)


def test_a_record_that_is_too_large_fails_its_object(home: TransformHome) -> None:
    """What of it was answered before is not delivered."""
    home.write(a="1\n" + "x" * 1_048_577 + "\n", b="2\n")

    job = home.transform(**SINGLE, MaxPayloadInMB=1)

    assert "a record is larger than MaxPayloadInMB, 1 MB" in job.failure_reason
    assert {"b.csv.out": "2\n"} == home.outputs


def test_packed_objects_are_unpacked_before_they_are_split(home: TransformHome) -> None:
    """Their keys keep their endings; one that is damaged fails alone."""
    packed = gzip.compress(b"1\n2\n")
    (home.source / "a.csv.gz").write_bytes(packed)
    (home.source / "b.csv.gz").write_bytes(packed[:-4])

    job = home.transform(**SINGLE, TransformInput={"CompressionType": "Gzip"})

    assert {"a.csv.gz.out": "1\n2\n"} == home.outputs
    assert f"1 of 2 objects failed: {home.source}/b.csv.gz: it cannot be unpacked:" in job.failure_reason


@pytest.mark.parametrize("packed", [False, True])
def test_without_a_limit_whole_objects_are_sent_in_chunks(home: TransformHome, packed: bool) -> None:
    """MaxPayloadInMB 0, packed or not."""
    content = b"1,2\n" * 1000
    (home.source / "a").write_bytes(gzip.compress(content) if packed else content)

    job = home.transform(
        MaxPayloadInMB=0,
        TransformInput={"SplitType": "None", "CompressionType": "Gzip" if packed else "None"},
        TransformOutput={"AssembleWith": "None"},
    )

    assert (JobStatus.COMPLETED, {"a.out": content.decode()}) == (job.status, home.outputs)
    assert ["chunked"] == [request.headers.get("Transfer-Encoding") for request in home.server.asked]


def test_a_damaged_object_without_a_limit_fails_alone_too(home: TransformHome) -> None:
    """It is only noticed in the middle of the request."""
    (home.source / "a").write_bytes(gzip.compress(b"1,2\n" * 100_000)[:-9])
    (home.source / "b").write_bytes(gzip.compress(b"1"))

    job = home.transform(MaxPayloadInMB=0, TransformInput={"CompressionType": "Gzip", "SplitType": "None"})

    assert {"b.out": "1\n"} == home.outputs
    assert f"{home.source}/a: it cannot be unpacked" in job.failure_reason


def test_objects_of_a_manifest_are_those_that_it_lists(home: TransformHome) -> None:
    """With its keys."""
    home.write(a="1\n", b="2\n", c="3\n")
    manifest = home.source.parent / "list.manifest"
    manifest.write_text(json.dumps([{"prefix": f"file://{home.source}/"}, "c.csv", "a.csv"]))
    source = {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": f"file://{manifest}"}}

    job = home.transform(TransformInput={"DataSource": source})

    assert (JobStatus.COMPLETED, [b"3\n", b"1\n"]) == (job.status, home.bodies)
    assert ["a.csv.out", "c.csv.out"] == sorted(home.outputs)


def test_rows_are_joined_with_their_predictions(home: TransformHome) -> None:
    """The id stays here, the container sees the rest, and the output has id and prediction."""
    home.write(a="id1,1,2\nid2,3,4\n\nid3,5,6\n")
    home.server.reply = lambda request: Response(body=b"".join(b"p\n" for _ in request.body.splitlines()))
    filters = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}

    home.transform(DataProcessing=filters, TransformOutput={"Accept": "text/csv"})

    assert [b"1,2\n3,4\n5,6\n"] == home.bodies
    assert {"a.csv.out": "id1,p\nid2,p\nid3,p\n"} == home.outputs


def test_answers_that_do_not_match_the_rows_fail_the_object(home: TransformHome) -> None:
    """A prediction beside the wrong row is worse than none."""
    home.write(a="1\n2\n")
    home.server.reply = lambda request: Response(body=b"p")

    job = home.transform(DataProcessing={"JoinSource": "Input"}, TransformOutput={"Accept": "text/csv"})

    assert job.failure_reason.startswith("AlgorithmError: See job logs for more information. the object failed:")
    assert "answered 1 lines to a request of 2 records" in job.failure_reason
    assert {} == home.outputs


def test_several_hosts_share_the_objects(home: TransformHome) -> None:
    """Round robin; each has a container and a log of its own."""
    home.write(a="1\n", b="2\n", c="3\n")

    job = home.transform(TransformResources={"InstanceType": "local", "InstanceCount": 2})

    assert JobStatus.COMPLETED == job.status
    assert ["a.csv.out", "b.csv.out", "c.csv.out"] == list(home.outputs)
    assert ["algo-1", "algo-2"] == sorted(one.spec.labels["algodock.host"] for one in home.engine.removed)
    assert {1, 2} == {len([one for one in server.requests if one.body]) for server in home.server.servers}
    assert [True, True] == [home.folder().log(host).exists() for host in ("algo-1", "algo-2")]


def test_more_hosts_than_objects_start_no_idle_containers(home: TransformHome) -> None:
    """They would have nothing to do."""
    home.write(a="1\n")

    home.transform(TransformResources={"InstanceType": "local", "InstanceCount": 5})

    assert 1 == len(home.engine.removed)


def test_a_container_that_ends_fails_the_job_with_its_exit_code(home: TransformHome) -> None:
    """Before its first ping, or later."""

    def ends(run: FakeContainer) -> Iterator[None]:
        run.print("no model")
        yield
        run.end(3)

    home.write(a="1\n")
    home.engine.images[IMAGE] = ends

    job = home.transform()

    assert "AlgorithmError: Its container exited with code 3 before /ping answered 200." == job.failure_reason
    assert "no model\n" == home.folder().log().read_text()


def test_a_container_that_ends_in_the_middle_fails_the_job(home: TransformHome) -> None:
    """What was delivered before stays."""
    home.write(a="1\n", b="2\n", c="3\n")

    def die(request: Request) -> Response:
        if request.body == b"2\n":
            (summary,) = home.engine.containers({})
            home.engine.finish(summary.name, 137, oom_killed=True)
        return Response(body=request.body)

    home.server.reply = die

    job = home.transform()

    assert job.failure_reason.startswith("AlgorithmError: Its container exited with code 137, for it used more memory")
    assert "a.csv.out" in home.outputs


def test_a_model_that_cannot_be_unpacked_fails_the_job(home: TransformHome, tmp_path: Path) -> None:
    """Before a container starts."""
    home.write(a="1\n")
    (tmp_path / "model.tar.gz").write_bytes(b"no archive")

    home.create(model_uri=f"file://{tmp_path}/model.tar.gz")
    job = home.run()

    assert job.failure_reason.startswith("ClientError: the model cannot be unpacked:")
    assert [] == home.engine.removed


def test_an_input_that_has_gone_since_fails_the_job(home: TransformHome) -> None:
    """It was there when the job was made."""
    home.create()

    job = home.run()

    assert job.failure_reason.startswith("ClientError: there is no object in file://")


def test_an_output_that_cannot_be_written_fails_its_object(home: TransformHome) -> None:
    """A file stands where a folder has to be."""
    home.write(a="1\n")
    home.output.write_text("in the way")

    job = home.transform()

    assert "its output cannot be written" in job.failure_reason
    assert "in the way" == home.output.read_text()


def test_gpus_are_leased_for_the_job_and_shared_among_its_hosts(home_with_gpus: TransformHome) -> None:
    """And given back at its end."""
    home_with_gpus.write(a="1\n", b="2\n")
    resources = {"InstanceType": "ml.g5.xlarge", "InstanceCount": 2}

    home_with_gpus.create(TransformResources=resources, gpu_count=2)
    home_with_gpus.run()

    assert {("gpu-1",), ("gpu-2",)} == {tuple(one.spec.gpu_ids) for one in home_with_gpus.engine.removed}
    assert ("gpu-1", "gpu-2") == home_with_gpus.store.lease_gpus("other", ("gpu-1", "gpu-2"), 2)


def test_a_job_waits_for_its_gpus(home_with_gpus: TransformHome) -> None:
    """Nothing is started meanwhile."""
    home_with_gpus.write(a="1\n")
    home_with_gpus.store.lease_gpus("training", ("gpu-1", "gpu-2"), 2)
    home_with_gpus.create(TransformResources={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1}, gpu_count=1)

    home_with_gpus.step()

    assert (JobStatus.IN_PROGRESS, 0) == (home_with_gpus.job().status, len(home_with_gpus.engine.containers({})))


def test_progress_is_told_while_it_is_made(home: TransformHome) -> None:
    """In objects and bytes, for whoever follows."""
    home.write(a="1\n2\n", b="3\n")
    gate = threading.Event()

    def wait_for_b(request: Request) -> Response:
        if request.body == b"3":
            assert gate.wait(60)
        return Response(body=request.body)

    home.server.reply = wait_for_b
    home.create(**SINGLE)
    home.step_until(lambda: read_progress(home.folder().progress).delivered == 1)
    halfway = read_progress(home.folder().progress)
    gate.set()
    home.run()

    assert (2, 1, 0, 6) == (halfway.objects, halfway.delivered, halfway.failed, halfway.bytes)
    end = read_progress(home.folder().progress)
    assert (2, 0, 6) == (end.delivered, end.failed, end.bytes_read)
