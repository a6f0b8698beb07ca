"""Transform jobs whose input and output are in S3: a real server, real boto3."""

import json
from typing import Any

from http_servers import Response
from s3_server import Bucket
from transform_home import TransformHome

from contracts.jobs import JobStatus


def in_s3(bucket: Bucket, prefix: str, kind: str = "S3Prefix", **members: Any) -> dict[str, Any]:
    """Members of a request that reads and writes `bucket`."""
    source = {"S3DataSource": {"S3DataType": kind, "S3Uri": f"s3://{bucket.name}/{prefix}"}}
    given = {"DataSource": source, **members.pop("TransformInput", {})}
    return {"TransformInput": given, "TransformOutput": {"S3OutputPath": f"s3://{bucket.name}/out"}, **members}


def test_a_prefix_becomes_objects_below_the_output(home: TransformHome, bucket: Bucket) -> None:
    """Relative to the prefix; markers of folders are no objects."""
    bucket.put({"rows/a.csv": b"1\n2\n", "rows/deep/b.csv": b"3\n", "rows/": b"", "other/c.csv": b"4\n"})

    job = home.transform(**in_s3(bucket, "rows/"), BatchStrategy="SingleRecord")

    assert JobStatus.COMPLETED == job.status
    assert {"a.csv.out": b"1\n2\n", "deep/b.csv.out": b"3\n"} == delivered(bucket)


def test_a_manifest_in_s3_names_the_objects(home: TransformHome, bucket: Bucket) -> None:
    """And no others are sent."""
    manifest = [{"prefix": f"s3://{bucket.name}/rows/"}, "b.csv"]
    bucket.put({"rows/a.csv": b"1\n", "rows/b.csv": b"2\n", "list": json.dumps(manifest).encode()})

    home.transform(**in_s3(bucket, "list", "ManifestFile"))

    assert ([b"2\n"], ["b.csv.out"]) == (home.bodies, list(delivered(bucket)))


def test_a_large_object_is_sent_as_it_comes(home: TransformHome, bucket: Bucket) -> None:
    """In chunks, and nothing of it is kept on this host."""
    content = bytes(range(256)) * 20_000
    bucket.put({"rows/a": content})
    home.server.reply = lambda request: Response(body=str(len(request.body)).encode())

    home.transform(**in_s3(bucket, "rows", TransformInput={"SplitType": "None"}), MaxPayloadInMB=0)

    assert {"a.out": b"5120000\n"} == delivered(bucket)


def test_an_object_that_cannot_be_processed_leaves_none(home: TransformHome, bucket: Bucket) -> None:
    """Its name in the log is bucket and key, as the service gives it."""
    bucket.put({"rows/a.csv": b"oops\n", "rows/b.csv": b"2\n"})
    home.server.reply = lambda request: Response(status=400 if request.body == b"oops\n" else 200)

    job = home.transform(**in_s3(bucket, "rows/"))

    assert f"1 of 2 objects failed: {bucket.name}/rows/a.csv: Bad HTTP status" in job.failure_reason
    assert ["b.csv.out"] == list(delivered(bucket))


def test_stopping_deletes_what_was_delivered(home: TransformHome, bucket: Bucket) -> None:
    """And nothing else."""
    bucket.put({"rows/a.csv": b"1\n", "out/mine": b"mine"})
    home.create(**in_s3(bucket, "rows/"))
    home.step_until(lambda: "a.csv.out" in delivered(bucket))
    home.runner.close()
    home.stop()

    assert JobStatus.STOPPED == home.run().status
    assert {"mine": b"mine"} == delivered(bucket)


def test_a_bucket_that_is_not_there_fails_the_job(home: TransformHome, bucket: Bucket) -> None:
    """Before a container starts."""
    members = in_s3(bucket, "rows/")
    members["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] = "s3://no-such-bucket/rows"

    job = home.transform(**members)

    assert job.failure_reason.startswith("ClientError: the input cannot be read: ")
    assert [] == home.engine.removed


def test_an_output_that_cannot_be_written_fails_its_object(home: TransformHome, bucket: Bucket) -> None:
    """The input is still read to its end."""
    bucket.put({"rows/a.csv": b"1\n"})
    members = in_s3(bucket, "rows/")
    members["TransformOutput"]["S3OutputPath"] = "s3://no-such-bucket/out"

    job = home.transform(**members)

    assert "its output cannot be written: s3://no-such-bucket/out/a.csv.out" in job.failure_reason


def delivered(bucket: Bucket) -> dict[str, bytes]:
    """What is below ``out/``, by the rest of its key."""
    listed = bucket.client.list_objects_v2(Bucket=bucket.name, Prefix="out/").get("Contents", ())
    return {
        one["Key"].removeprefix("out/"): bucket.client.get_object(Bucket=bucket.name, Key=one["Key"])["Body"].read()
        for one in listed
    }
