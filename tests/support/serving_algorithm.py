"""Trains and serves inside a test's image, with nothing but the standard library; it breaks the rule in ``$BREAKS``.

It keeps all rules of serving where that is empty. A row of numbers is answered with its products by the model's factor;
a 13 makes the model fail. Each row of an answer is a piece of its own, a moment after the one before.
"""

import http.server
import json
import os
import random
import signal
import socket
import sys
import threading
import time
import urllib.parse
from collections import deque
from pathlib import Path
from typing import Any, ClassVar

BREAKS = os.environ.get("BREAKS", "")
MODEL = Path("/opt/ml/model")
MOST_MODELS = 6
PAGE = 2
MOMENT = 0.02
UNLUCKY = 13.0
MANY = os.environ.get("SAGEMAKER_MULTI_MODEL") == "true"


def breaks(rule: str) -> bool:
    return BREAKS == rule


def log(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - its log


def end(code: int) -> None:
    os._exit(code)


class Refused(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def load(folder: Path) -> float:
    """The factor of the model in `folder`."""
    if breaks("SERVE-MODEL-RO") and folder == MODEL:
        (folder / "cache").write_text("x")
    if breaks("SERVE-MODEL-EXTRA") and len(list(folder.iterdir())) > 1:
        raise OSError("what are the other files?")
    return float(json.loads((folder / "model.json").read_text())["factor"])


def rows_of(body: bytes, content_type: str) -> list[list[float]]:
    name = content_type if breaks("SERVE-INVOKE-CT-IN") else content_type.split(";", maxsplit=1)[0].strip()
    if name not in ("application/json", "text/csv") and not breaks("SERVE-INVOKE-BAD-CT"):
        raise Refused(415, "send application/json or text/csv")
    if not body and breaks("SERVE-INVOKE-EMPTY"):
        end(1)
    try:
        if name == "text/csv":
            return [[float(cell) for cell in line.split(",")] for line in body.decode().splitlines()]
        return [[float(number) for number in row] for row in json.loads(body)["instances"]]
    except (ValueError, LookupError, TypeError) as error:
        if breaks("SERVE-INVOKE-BAD-BODY") and body:
            raise Refused(500, "Traceback " * 20) from error
        raise Refused(400, "the body is not what its type says") from error


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    models: ClassVar[dict[str, tuple[str, float]]] = {}
    lock = threading.RLock()
    counting = threading.Lock()
    under_way = 0
    pings = 0
    is_changing = False
    answer: Any = None
    born = time.monotonic()
    accepted: ClassVar[deque[float]] = deque(maxlen=12)

    def get_request(self) -> Any:
        taken = super().get_request()
        if breaks("SERVE-CONNECT-250MS"):
            self.accepted.append(time.monotonic())
            if len(self.accepted) == self.accepted.maxlen and self.accepted[-1] - self.accepted[0] < 0.5:
                self.accepted.clear()
                time.sleep(1.5)
        return taken


class Answering(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0" if breaks("SERVE-INVOKE-KEEPALIVE") else "HTTP/1.1"
    server: Server

    def log_message(self, *_: Any) -> None:
        """Errors are logged where they are made."""

    def do_GET(self) -> None:
        self.answered(self.get)

    def do_POST(self) -> None:
        self.answered(self.post)

    def do_DELETE(self) -> None:
        self.answered(self.delete)

    def answered(self, method: Any) -> None:
        with self.server.counting:
            Server.under_way += 1
        try:
            method()
        except Refused as refusal:
            log(f"{self.command} {self.path}: {refusal.status}")
            self.say(refusal.status, f"{refusal}\n".encode())
        finally:
            with self.server.counting:
                Server.under_way -= 1

    def say(self, status: int, body: bytes = b"", content_type: str = "text/plain") -> None:
        self.send_response(status)
        if not breaks("SERVE-INVOKE-CT-OUT"):
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    # GET

    def get(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/ping":
            self.ping()
        elif path == "/models" and MANY:
            self.list_models(urllib.parse.parse_qs(query).get("next_page_token", [""])[0])
        elif path.startswith("/models/") and MANY:
            name = path.split("/")[2]
            if name not in self.server.models and not breaks("SERVE-MME-GET-404"):
                raise Refused(404, "not loaded")
            self.say_json({"modelName": name, "modelUrl": self.server.models.get(name, ("",))[0]})
        elif path == "/invocations" and not breaks("SERVE-INVOKE-GET"):
            raise Refused(405, "POST it")
        elif path == "/invocations" or breaks("SERVE-404"):
            self.say(200, b"hello")
        else:
            raise Refused(404, "no such path")

    def ping(self) -> None:
        Server.pings += 1
        if breaks("SERVE-PING-2S") and Server.pings % 40 == 0:
            time.sleep(2.5)
        if breaks("SERVE-PING-LOAD"):
            with self.server.lock:
                pass
        unwell = breaks("SERVE-PING-200") or (breaks("SERVE-MME-PING-EMPTY") and MANY and not self.server.models)
        self.say(503 if unwell else 200, b"x" * 5000 if breaks("SERVE-PING-BODY") else b"")

    def list_models(self, token: str) -> None:
        after = "" if breaks("SERVE-MME-LIST-PAGE") else token
        names = sorted(name for name in self.server.models if name > after)
        if breaks("SERVE-MME-LOAD"):
            names = []
        keys = ("model_name", "model_url") if breaks("SERVE-MME-LIST") else ("modelName", "modelUrl")
        entries = [{keys[0]: name, keys[1]: self.server.models[name][0]} for name in names[:PAGE]]
        more = {"nextPageToken": names[PAGE - 1]} if len(names) > PAGE else {}
        self.say_json({"models": entries, **more})

    def say_json(self, document: Any) -> None:
        self.say(200, json.dumps(document).encode(), "application/json")

    # POST and DELETE

    def post(self) -> None:
        body = self.body()
        path = self.path
        if path == "/models" and MANY:
            self.load_model(json.loads(body))
        elif path.startswith("/models/") and path.endswith("/invoke") and MANY:
            self.invoke(body, self.factor_of(path.split("/")[2]))
        elif path == "/invocations":
            name = next(iter(self.server.models))
            self.invoke(body, self.server.models[name][1])
        else:
            raise Refused(404, "no such path")

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        if breaks("SERVE-INVOKE-CHUNKED"):
            raise Refused(411, "how long is it?")
        return body

    def load_model(self, asked: Any) -> None:
        name, url = asked["model_name"], asked["url"]
        with self.server.lock:
            if name in self.server.models and not breaks("SERVE-MME-LOAD-409"):
                raise Refused(409, "loaded already")
            if len(self.server.models) >= MOST_MODELS:
                if breaks("SERVE-MME-LOAD-507"):
                    end(137)
                raise Refused(507, "no memory for another model")
            self.change()
            self.server.models[name] = (url, load(Path(url)))
        self.say(200)

    def change(self) -> None:
        """Loading and unloading take a moment."""
        Server.is_changing = True
        time.sleep(0.5 if breaks("SERVE-MME-RACE") else 0.05)
        Server.is_changing = False

    def delete(self) -> None:
        name = self.path.split("/")[2]
        with self.server.lock:
            if name not in self.server.models and not breaks("SERVE-MME-UNLOAD-404"):
                raise Refused(404, "not loaded")
            self.change()
            if not breaks("SERVE-MME-UNLOAD"):
                self.server.models.pop(name, None)
        self.say(200)

    def factor_of(self, name: str) -> float:
        if breaks("SERVE-MME-RACE") and Server.is_changing:
            raise Refused(503, "busy with another model")
        if breaks("SERVE-MME-INVOKE") and self.server.models:
            return next(iter(self.server.models.values()))[1]
        if name not in self.server.models:
            raise Refused(500 if breaks("SERVE-MME-INVOKE-404") else 404, "not loaded")
        return self.server.models[name][1]

    def invoke(self, body: bytes, factor: float) -> None:
        self.refuse_what_is_odd(body)
        if breaks("SERVE-LOG"):
            log(f"got {body[-200:]!r}")
        if breaks("SERVE-PING-NOT-READY") and time.monotonic() - Server.born < 1.5:
            raise Refused(503, "loading")
        if breaks("SERVE-PING-BROKEN-MODEL"):
            factor = load(MODEL)
        accept = self.headers.get("Accept", "*/*")
        if "Accept" in self.headers and accept == "*/*" and breaks("SERVE-INVOKE-ACCEPT"):
            raise Refused(406, "say what you want")
        if accept not in ("*/*", "application/json", "text/csv"):
            raise Refused(500 if breaks("SERVE-INVOKE-BAD-ACCEPT") else 406, "no such answer")
        rows = rows_of(body, self.headers.get("Content-Type", "application/json"))
        self.predict(rows, factor, "text/csv" if accept == "text/csv" else "application/json")

    def refuse_what_is_odd(self, body: bytes) -> None:
        names = [name.lower() for name in self.headers]
        if breaks("SERVE-INVOKE-200"):
            raise Refused(400, "not today")
        if breaks("SERVE-INVOKE-60S"):
            time.sleep(12)
        if breaks("SERVE-INVOKE-6MB") and len(body) > 1 << 20:
            raise Refused(413, "too much")
        if breaks("SERVE-INVOKE-HEADERS") and "x-amzn-sagemaker-something-new" in names:
            raise Refused(400, "what is that?")
        if breaks("SERVE-INVOKE-CUSTOM-ATTR") and "x-amzn-sagemaker-custom-attributes" in names:
            raise Refused(400, "what is that?")

    def predict(self, rows: list[list[float]], factor: float, media_type: str) -> None:
        noise = random.random() if breaks("SERVE-INVOKE-DETERMINISTIC") else 0.0
        answer = [[number * factor + noise for number in row] for row in rows]
        if breaks("SERVE-PING-LOAD"):
            with self.server.lock:
                time.sleep(0.3)
        if breaks("SERVE-INVOKE-CONCURRENT"):
            Server.answer = answer
            time.sleep(0.05)
            answer = Server.answer
        self.stream(list(pieces_of(answer, media_type)), media_type, fails=any(UNLUCKY in row for row in rows))

    def stream(self, pieces: list[str], media_type: str, *, fails: bool) -> None:
        if fails and breaks("SERVE-INVOKE-5XX-ALIVE"):
            end(1)
        if breaks("SERVE-STREAM-CHUNKED") or self.protocol_version == "HTTP/1.0":
            time.sleep(0.3 if breaks("SERVE-STREAM-CHUNKED") else 0)
            self.say(200, "".join(pieces).encode(), media_type)
            return
        self.send_response(200)
        if not breaks("SERVE-INVOKE-CT-OUT"):
            self.send_header("Content-Type", media_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if len(pieces) > 100:
            pieces = ["".join(pieces)]
        for number, piece in enumerate(pieces):
            if fails and number == 1 and not breaks("SERVE-STREAM-ERROR"):
                log("the model failed: 13 is unlucky")
                self.close_connection = True
                return
            self.send_piece(piece.encode())
            time.sleep(MOMENT)
        self.send_piece(b"")

    def send_piece(self, piece: bytes) -> None:
        try:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.connection.settimeout(0.001)
            gone = self.connection.recv(1, socket.MSG_PEEK) == b""
        except TimeoutError:
            gone = False
        except OSError:
            gone = True
        finally:
            self.connection.settimeout(None)
        if gone:
            if breaks("SERVE-STREAM-ABORT"):
                end(1)
            self.close_connection = True


def pieces_of(answer: list[list[float]], media_type: str) -> Any:
    """One piece a row, and the brackets around them."""
    if media_type == "text/csv":
        yield from (",".join(map(str, row)) + "\n" for row in answer)
        return
    yield '{"predictions": ['
    for number, row in enumerate(answer):
        yield (", " if number else "") + json.dumps(row)
    yield "]}"


def stop(server: Server) -> None:
    """Accept no more, let what is under way finish, and end."""
    server.socket.close()
    while Server.under_way:
        time.sleep(0.01)
    end(3 if breaks("SERVE-TERM-CODE") else 0)


def serve() -> None:
    if breaks("SERVE-START-ARG"):
        log("usage: serve --model FILE")
        end(2)
    if breaks("SERVE-ENV-ONLY") and "AWS_REGION" not in os.environ:
        log("no region")
        end(1)
    if breaks("network") and not Path("/sys/class/net/eth0").exists():
        log("no network")
        end(1)
    if breaks("SERVE-START-TIME"):
        time.sleep(8.8)
    port = 8080 if breaks("SERVE-PORT-BIND") else int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    if not MANY and not breaks("SERVE-PING-BROKEN-MODEL"):
        load_the_only_model()
    Server.models.setdefault("", ("", 0.0)) if not MANY else None
    server = Server(("127.0.0.1" if breaks("SERVE-PORT-8080") else "0.0.0.0", port), Answering)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop, args=(server,)).start())
    if breaks("SERVE-TERM-30S"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if breaks("SERVE-TERM-INFLIGHT"):
        signal.signal(signal.SIGTERM, lambda *_: end(0))
    log("serving")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        time.sleep(1)


def load_the_only_model() -> None:
    try:
        Server.models[""] = ("", load(MODEL))
    except (OSError, ValueError, LookupError) as error:
        if not breaks("SERVE-MODEL-EMPTY"):
            log(f"{MODEL} holds no model of this algorithm: {type(error).__name__}: {error}")
        end(1)


def train() -> None:
    for epoch in (1, 2, 3):
        log(f"epoch {epoch}: accuracy=0.{epoch}")
    factor = '"two"' if breaks("TRAIN-MODEL-SERVEABLE") else "2.0"
    (MODEL / "model.json").write_text(f'{{"factor": {factor}}}')


if __name__ == "__main__":
    serve() if Path(sys.argv[0]).name == "serve" or "serve" in sys.argv[1:] else train()
