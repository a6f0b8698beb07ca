"""``serve`` as the platform sees it: a process with real gunicorn workers, a port, signals and an exit code."""

import http.client
import re
import resource
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import fake_serving
import pytest
from serve_process import CSV, DEADLINE_SECONDS, Server, Start, wait_for

from container.errors import InvalidServingRequest
from container.serve import read_settings, visible_gpus

SLOW = str(fake_serving.Doubles.SLOW).encode()


def test_a_request_is_answered(server: Server) -> None:
    """The ordinary case, by the application that test_app.py tells all about."""
    assert (200, b"2.0,4.0") == server.predict(b"1,2\n")
    assert 404 == server.ask("GET", "/models")[0]


def test_many_requests_go_over_one_connection(server: Server) -> None:
    """SageMaker keeps connections."""
    with closing(server.connect()) as connection:
        connection.connect()
        kept = connection.sock
        for number in range(100):
            connection.request("POST", "/invocations", str(number).encode() + b"\n", CSV)

            assert f"{number * 2.0}" == connection.getresponse().read().decode()
        assert kept is connection.sock


def test_a_chunked_body_is_read(server: Server) -> None:
    """Transform jobs without a payload limit send chunks."""
    with closing(server.connect()) as connection:
        connection.request("POST", "/invocations", iter([b"1,", b"2\n", b"3,4"]), CSV, encode_chunked=True)

        assert b"2.0,4.0\n6.0,8.0" == connection.getresponse().read()


def test_a_body_of_six_mebibytes_is_answered_and_one_more_byte_refused(server: Server) -> None:
    """What InvokeEndpoint takes; a client that is still sending reads the refusal all the same."""
    body = b"1\n" * (6 * 1024 * 1024 // 2)

    status, answer = server.predict(body)

    assert (200, 3 * 1024 * 1024) == (status, answer.count(b"2.0"))
    assert (413, b"Request Entity Too Large\n") == server.predict(body + b"1")


def test_a_client_that_asks_first_is_told_to_go_on(server: Server) -> None:
    """curl does, with bodies of a megabyte and more."""
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 3\r\n"
    with closing(server.slow_client(head + b"Expect: 100-continue\r\n\r\n")) as client:
        first = client.recv(100)
        client.sendall(b"1,2")
        then = client.recv(10_000)

    assert (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK") == (first, then[:15])
    assert 1 == (first + then).count(b"HTTP/1.1 100")


def test_requests_at_once_are_all_answered_and_none_is_mixed_up(server: Server) -> None:
    """16 clients, many requests each."""

    def ask_often(client: int) -> list[bytes]:
        return [server.predict(f"{client},{number}".encode())[1] for number in range(20)]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask_often, range(200, 216)))

    assert answers == [[f"{client * 2.0},{n * 2.0}".encode() for n in range(20)] for client in range(200, 216)]


def test_pings_are_answered_while_every_thread_waits_for_the_model(start: Start) -> None:
    """More slow requests than the worker has threads, and a hundred pings before the last of them is done."""
    server = start(workers=1).wait_until_ready()
    with ThreadPoolExecutor(12) as pool:
        slow = [pool.submit(server.predict, SLOW) for _ in range(12)]
        pings = [server.ping() for _ in range(100)]
        still_waiting = sum(not one.done() for one in slow)

        assert [(200, b"202.0")] * 12 == [one.result() for one in slow]
    assert [200] * 100 == pings
    assert still_waiting > 0


def test_a_thousand_slow_clients_keep_nobody_out(start: Start) -> None:
    """Some send nothing, some half of the headers, some half of the body; none holds a thread."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, most), most))
    server = start(workers=1).wait_until_ready()
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 100\r\n\r\n"
    clients = [server.slow_client(head[: (0, 40, len(head))[number % 3]]) for number in range(1000)]
    try:
        assert [200] * 10 == [server.ping() for _ in range(10)]
        assert (200, b"2.0") == server.predict(b"1")

        clients[2].sendall(b"3" + b" " * 99)  # and a slow one is answered once its request is whole

        assert clients[2].recv(15).startswith(b"HTTP/1.1 200 OK")
    finally:
        for client in clients:
            client.close()


def test_what_is_no_http_is_refused_and_the_server_stays(server: Server) -> None:
    """By gunicorn's own parser, which gets every byte as it came."""
    for garbage in (
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ):
        with closing(server.slow_client(garbage)) as client:
            assert b"HTTP/1.1 400 Bad Request" == client.recv(24)
    assert 200 == server.ping()


def test_clients_that_vanish_do_no_harm(server: Server) -> None:
    """In the middle of a request, or before the answer."""
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 3\r\n\r\n"
    for beginning in (*(b"", head[:30], head, head + b"1,2") * 20, head + SLOW):
        server.slow_client(beginning).close()

    assert (200, b"2.0") == server.predict(b"1")
    assert "Traceback" not in server.log


def test_a_model_that_raises_leaves_the_server_up(server: Server) -> None:
    """500 for the one, 200 for the next, in the same process."""
    status, _ = server.predict(str(fake_serving.Doubles.RAISES).encode())

    assert (500, 200) == (status, server.predict(b"1")[0])
    assert "Worker (pid" not in server.log


def test_a_worker_that_a_request_kills_is_replaced(start: Start) -> None:
    """Out of memory, say: the one who asked gets no answer, the next one does."""
    server = start(workers=1).wait_until_ready()
    with pytest.raises((OSError, http.client.HTTPException)):
        server.predict(str(fake_serving.Doubles.DIES).encode())

    assert (200, b"2.0") == server.predict(b"1")
    assert "was sent SIGKILL" in server.log


def test_nobody_waits_for_a_worker_that_is_being_replaced(start: Start) -> None:
    """New connections go to those that have their model, however long a model takes to load."""
    server = start("LoadsSlowlyLater", workers=2).wait_until_ready()
    wait_for(lambda: server.log.count("the model is there") == 2, server)
    (server.model / "slow").touch()
    with pytest.raises((OSError, http.client.HTTPException)):
        server.predict(str(fake_serving.Doubles.DIES).encode())
    wait_for(lambda: server.log.count("Booting worker") == 3, server)
    answers = [server.predict(b"1") for _ in range(40)]
    is_waiting = server.log.count("the model is there") == 2
    (server.model / "go").touch()

    assert ([(200, b"2.0")] * 40, True) == (answers, is_waiting)


def test_nothing_that_was_sent_is_in_the_log(server: Server) -> None:
    """Neither of good requests nor of bad ones."""
    for body in (b"987654321", b"987654321,x", str(fake_serving.Doubles.RAISES).encode()):
        server.predict(body)

    assert "987654321" not in server.log
    assert "102" not in re.sub(r"\[.*?\]|:\d+|line \d+", "", server.log)
    assert "POST '/invocations': 400 BAD REQUEST" in server.log


def test_sigterm_ends_an_idle_server_with_code_0(server: Server) -> None:
    """Also when a client keeps its connection open."""
    with closing(server.connect()) as connection:
        connection.request("GET", "/ping")
        connection.getresponse().read()

        assert 0 == server.stop()
    assert "Traceback" not in server.log


def test_a_request_under_way_is_finished_after_sigterm(server: Server) -> None:
    """The platform waits for 30 seconds."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.predict, SLOW)
        wait_for(lambda: "slow" in server.log, server)
        code = server.stop()

        assert ((200, b"202.0"), 0) == (answer.result(), code)


def test_ctrl_c_ends_the_server_at_once(server: Server) -> None:
    """In a terminal nobody wants to wait."""
    assert 0 == server.stop(signal.SIGINT)


def test_a_ping_while_the_model_is_loaded_is_answered_503(start: Start) -> None:
    """And invocations wait for the model instead of failing."""
    server = start("LoadsWhenTold")
    wait_for(lambda: server.ping() is not None, server)
    before = server.ping()
    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(server.predict, b"1")
        (server.model / "go").touch()

        assert (200, b"2.0") == early.result()
    server.wait_until_ready()
    assert 503 == before


def test_sigterm_while_the_model_is_loaded_is_heeded(start: Start) -> None:
    """A load that hangs is not waited for."""
    server = start("LoadsWhenTold")
    wait_for(lambda: server.ping() is not None, server)

    assert 0 == server.stop()


@pytest.mark.parametrize(
    ("algorithm", "reason"),
    [
        ("ReadsItsModel", "the model cannot be loaded: .*/ml/model holds no model of this algorithm\n"),
        ("HasABug", "the model cannot be loaded: ZeroDivisionError: no layers\nTraceback (.|\n)*fake_serving.py"),
        ("RunsOutOfMemory", "was sent SIGKILL! Perhaps out of memory"),
        ("LoadsNothing", "fake_serving:LoadsNothing: what load returned has no predict"),
        ("Missing", "ALGODOCK_ALGORITHM='fake_serving:Missing' names no algorithm"),
    ],
)
def test_a_model_that_cannot_be_loaded_ends_the_server_with_the_reason(
    start: Start, algorithm: str, reason: str
) -> None:
    """Not a loop of new workers: the platform sees the container end, and people see why."""
    server = start(algorithm)

    assert 1 == server.process.wait(DEADLINE_SECONDS)
    assert re.search(reason, server.log), server.log
    assert server.log.count("Booting worker") <= 2
    assert "Reason: a worker ended before its model was loaded" in server.log


def test_a_setting_that_makes_no_sense_ends_the_server_with_its_name(start: Start) -> None:
    """One line, no traceback."""
    server = start(SAGEMAKER_MODEL_SERVER_WORKERS="many")

    assert 1 == server.process.wait(DEADLINE_SECONDS)
    assert "SAGEMAKER_MODEL_SERVER_WORKERS='many' is no whole number\n" == server.log


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SAGEMAKER_BIND_TO_PORT", "http"),
        ("SAGEMAKER_BIND_TO_PORT", "70000"),
        ("SAGEMAKER_MODEL_SERVER_WORKERS", "0"),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "-1"),
        ("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/html"),
    ],
)
def test_a_variable_that_makes_no_sense_is_named(name: str, text: str) -> None:
    """With its value."""
    with pytest.raises(InvalidServingRequest, match=f"{name}='{text}'"):
        read_settings({name: text}, cpus=2, gpus=())


def test_there_is_a_worker_for_each_processor_or_each_gpu() -> None:
    """Unless whoever starts the container says otherwise."""
    chosen = {"SAGEMAKER_MODEL_SERVER_WORKERS": "5"}

    assert 4 == read_settings({}, cpus=4, gpus=()).workers
    assert 2 == read_settings({}, cpus=16, gpus=("0", "1")).workers
    assert 5 == read_settings(chosen, cpus=16, gpus=("0", "1")).workers


@pytest.mark.parametrize(
    ("cpus", "megabytes", "expected"), [(2, "6", (2, 6)), (64, "6", (16, 6)), (64, "100", (1, 100)), (4, "0", (4, 0))]
)
def test_a_transform_job_keeps_all_workers_busy_within_the_platform_s_limit(
    cpus: int, megabytes: str, expected: tuple[int, int]
) -> None:
    """100 megabytes may be under way at most."""
    parameters = read_settings({"SAGEMAKER_MAX_PAYLOAD_IN_MB": megabytes}, cpus=cpus, gpus=()).execution_parameters

    assert expected == (parameters.max_concurrent_transforms, parameters.max_payload_mb)


def test_the_gpus_of_a_container_are_counted_by_their_device_files(tmp_path: Path) -> None:
    """Of those, CUDA_VISIBLE_DEVICES may choose some, or none."""
    for name in ("nvidia0", "nvidia3", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()

    assert ["0", "1"] == visible_gpus({}, tmp_path)
    assert ["1"] == visible_gpus({"CUDA_VISIBLE_DEVICES": " 1"}, tmp_path)
    assert [] == visible_gpus({"CUDA_VISIBLE_DEVICES": "-1"}, tmp_path)
    assert [] == visible_gpus({"CUDA_VISIBLE_DEVICES": "0"}, tmp_path / "nowhere")
