"""`algodock invoke`, with a fake engine and a real HTTP server in this process."""

import io
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from commands_in_process import Run
from http_servers import Response
from serving_programs import Server, left_behind, serving

from tuner.cli.machine import Parts
from tuner.cli.main import main
from tuner.engine.fake import FakeEngine

SIX_MEBIBYTES = 6 * 1024 * 1024


@pytest.fixture
def endpoint(engine: FakeEngine, server: Server, home: Path) -> str:
    """A running endpoint that gives back what it is sent."""
    left_behind(engine, home, "echo", serving(server))
    engine.advance()
    return "echo"


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("x.csv", "text/csv"),
        ("x.json", "application/json"),
        ("x.jsonl", "application/jsonlines"),
        ("x.PNG", "image/png"),
        ("x.jpg", "image/jpeg"),
        ("x.npy", "application/x-npy"),
        ("x.unknown", "application/octet-stream"),
        ("x", "application/octet-stream"),
    ],
)
def test_a_files_name_says_what_it_is_sent_as(
    run: Run, endpoint: str, server: Server, tmp_path: Path, *, name: str, content_type: str
) -> None:
    """The only endpoint need not be named."""
    (tmp_path / name).write_bytes(b"1,2\n")
    outcome = run("invoke", tmp_path / name)

    assert (0, "1,2\n", "") == (outcome.code, outcome.out, outcome.err)
    assert [(content_type, "*/*")] == [(one.headers["Content-Type"], one.headers["Accept"]) for one in server.asked]


def test_the_callers_headers_win(run: Run, endpoint: str, server: Server, tmp_path: Path) -> None:
    """Content type, what is wanted back, custom attributes."""
    (tmp_path / "x.csv").write_bytes(b"1")
    options = ("--content-type", "text/plain", "--accept", "text/csv", "--custom-attributes", "trace=7")
    outcome = run("invoke", "--endpoint", endpoint, tmp_path / "x.csv", *options)

    (request,) = server.asked
    assert 0 == outcome.code
    assert ("text/plain", "text/csv", "trace=7") == tuple(
        request.headers[name] for name in ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes")
    )


class Terminal(io.TextIOWrapper):
    """An output that says it is a terminal, or not."""

    def __init__(self, *, is_terminal: bool) -> None:
        self.written = io.BytesIO()
        super().__init__(self.written)
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        """What it was told to say."""
        return self._is_terminal


def invoke_into(output: Terminal, parts: Parts, path: Path, *options: str) -> tuple[int, bytes]:
    """Run `algodock invoke`; return its exit code and what it wrote, byte by byte."""
    with redirect_stdout(output):
        code = main(["invoke", str(path), *options], parts)
    output.flush()
    return code, output.written.getvalue()


def test_bytes_come_out_as_they_came(parts: Parts, endpoint: str, tmp_path: Path) -> None:
    """No text of ours, no decoding, no line ending."""
    (tmp_path / "x.npy").write_bytes(bytes(range(256)))

    assert (0, bytes(range(256))) == invoke_into(Terminal(is_terminal=False), parts, tmp_path / "x.npy")


def test_a_terminal_is_spared_what_is_no_text(
    parts: Parts, endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Text gets the line ending that it lacks; bytes are told of."""
    (tmp_path / "x.csv").write_bytes("1,schön".encode())
    (tmp_path / "x.npy").write_bytes(bytes(range(256)))

    assert (0, "1,schön\n".encode()) == invoke_into(Terminal(is_terminal=True), parts, tmp_path / "x.csv")
    assert (0, b"") == invoke_into(Terminal(is_terminal=True), parts, tmp_path / "x.npy")
    assert "The answer is 256 bytes of application/x-npy" in capsys.readouterr().err


def test_a_streamed_answer_comes_out_as_it_came(parts: Parts, endpoint: str, tmp_path: Path) -> None:
    """Byte by byte."""
    (tmp_path / "x.npy").write_bytes(bytes(range(256)) * 1000)

    assert (0, bytes(range(256)) * 1000) == invoke_into(
        Terminal(is_terminal=False), parts, tmp_path / "x.npy", "--stream"
    )


def test_a_terminal_is_spared_what_is_no_text_of_a_stream(
    parts: Parts, endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the first piece on that is none."""
    (tmp_path / "x.csv").write_bytes("1,schön".encode())
    (tmp_path / "x.npy").write_bytes(bytes(range(256)))

    assert (0, "1,schön\n".encode()) == invoke_into(Terminal(is_terminal=True), parts, tmp_path / "x.csv", "--stream")
    assert (0, b"") == invoke_into(Terminal(is_terminal=True), parts, tmp_path / "x.npy", "--stream")
    assert "256 bytes that are no text are not shown" in capsys.readouterr().err


def test_an_answer_that_breaks_off_is_a_model_stream_error(
    run: Run, endpoint: str, server: Server, tmp_path: Path
) -> None:
    """What has come is printed; the error is in the service's words; exit code 1."""
    server.answer = lambda _: Response(body=b"1,2", headers={"Content-Length": "9", "Connection": "close"})
    (tmp_path / "x.csv").touch()
    outcome = run("invoke", tmp_path / "x.csv", "--stream")

    assert (1, "1,2") == (outcome.code, outcome.out)
    assert (
        "ModelStreamError: The answer ended 6 bytes before the length that it announced.\nErrorCode: StreamBroken\n"
    ) == outcome.err


def test_an_error_before_the_first_piece_is_a_model_error(
    run: Run, endpoint: str, server: Server, tmp_path: Path
) -> None:
    """As without a stream."""
    server.answer = lambda _: Response(status=500, body=b"no layers")
    (tmp_path / "x.csv").touch()
    outcome = run("invoke", tmp_path / "x.csv", "--stream")

    assert (1, "", True) == (outcome.code, outcome.out, "OriginalStatusCode: 500" in outcome.err)


def test_a_dash_is_standard_input(run: Run, endpoint: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes, whatever they are."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"1\r\n\x00")))
    outcome = run("invoke", "-", "--content-type", "text/csv")

    assert 0 == outcome.code
    assert [(b"1\r\n\x00", "text/csv")] == [(one.body, one.headers["Content-Type"]) for one in server.asked]


def test_an_error_of_the_container_is_a_model_error_and_exit_code_1(
    run: Run, endpoint: str, server: Server, tmp_path: Path
) -> None:
    """With the container's status and message; nothing on standard output."""
    server.answer = lambda request: Response(status=415, body=b"only text/csv")
    (tmp_path / "x.png").touch()
    outcome = run("invoke", tmp_path / "x.png")

    assert (1, "") == (outcome.code, outcome.out)
    assert (
        'ModelError: Received client error (415) from primary container with message "only text/csv".\n'
        "OriginalStatusCode: 415\n"
    ) == outcome.err


def test_a_request_larger_than_six_mebibytes_is_refused(
    run: Run, endpoint: str, server: Server, tmp_path: Path
) -> None:
    """Before it is sent."""
    (tmp_path / "x.csv").write_bytes(b"1" * (SIX_MEBIBYTES + 1))
    outcome = run("invoke", tmp_path / "x.csv")

    assert (2, []) == (outcome.code, server.asked)
    assert "Member must have length less than or equal to 6291456" in outcome.err


def test_without_an_endpoint_the_way_to_one_is_told(run: Run, tmp_path: Path) -> None:
    """Exit code 2, as for an unknown job."""
    (tmp_path / "x.csv").touch()
    outcome = run("invoke", tmp_path / "x.csv")

    assert (2, True) == (outcome.code, "`algodock serve NAME` serves the model of a job" in outcome.err)


def test_an_unknown_endpoint_is_told_from_those_that_run(run: Run, endpoint: str, tmp_path: Path) -> None:
    """By their names."""
    (tmp_path / "x.csv").touch()
    outcome = run("invoke", "--endpoint", "other", tmp_path / "x.csv")

    assert (2, True) == (outcome.code, f"called other; there are: {endpoint}." in outcome.err)


def test_a_file_that_is_not_there_is_wrong_usage(run: Run, endpoint: str) -> None:
    """Said before anything is sent."""
    outcome = run("invoke", "nowhere.csv")

    assert (2, True) == (outcome.code, "nowhere.csv" in outcome.err)
