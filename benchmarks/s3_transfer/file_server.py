"""Files of one folder as objects of S3, read only: so little of a server that a benchmark measures who asks it.

It knows ListObjectsV2, GET with and without Range, and HEAD, all of one bucket called ``benchmark``. Run as a program
it serves the folder that it is given and prints its address.
"""

import hashlib
import os
import re
import sys
from email.utils import formatdate
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

_PAGE = 1000
_IN_PARTS_BYTES = 8 << 20
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def do_HEAD(self) -> None:
        self._object(with_content=False)

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if "list-type" in address.query:
            self._list(parse_qs(address.query))
        else:
            self._object(with_content=True)

    def _list(self, query: dict[str, list[str]]) -> None:
        prefix, after = query.get("prefix", [""])[0], query.get("continuation-token", [""])[0]
        keys = [key for key in KEYS if key.startswith(prefix) and key > after]
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{(ROOT / key).stat().st_size}</Size>"
            f"<ETag>&quot;{etag(key)}&quot;</ETag><LastModified>2030-01-01T00:00:00.000Z</LastModified></Contents>"
            for key in keys[:_PAGE]
        )
        is_cut = len(keys) > _PAGE
        token = f"<NextContinuationToken>{escape(keys[_PAGE - 1])}</NextContinuationToken>" if is_cut else ""
        body = f"<ListBucketResult><IsTruncated>{str(is_cut).lower()}</IsTruncated>{token}{entries}</ListBucketResult>"
        self._head(200, len(body), {"Content-Type": "application/xml"})
        self.wfile.write(body.encode())

    def _object(self, *, with_content: bool) -> None:
        key = unquote(urlsplit(self.path).path).removeprefix("/benchmark/")
        size = (ROOT / key).stat().st_size
        headers = {"ETag": f'"{etag(key)}"', "Last-Modified": formatdate(0, usegmt=True)}
        start, end = 0, size
        if wanted := _RANGE.fullmatch(self.headers.get("Range") or ""):
            start, end = int(wanted[1]), min(int(wanted[2]) + 1, size)
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        self._head(206 if wanted else 200, end - start, headers)
        self.wfile.flush()
        if with_content:
            with (ROOT / key).open("rb") as file:
                while start < end:
                    start += os.sendfile(self.connection.fileno(), file.fileno(), start, end - start)

    def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@cache
def etag(key: str) -> str:
    """As S3 has it: of small objects the MD5; of large ones, which are put in parts, something else."""
    path = ROOT / key
    return hashlib.md5(path.read_bytes()).hexdigest() if path.stat().st_size < _IN_PARTS_BYTES else f"{'0' * 32}-9"


if __name__ == "__main__":
    ROOT = Path(sys.argv[1])
    KEYS = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file())
    for one in KEYS:
        etag(one)
    ThreadingHTTPServer.daemon_threads = True
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
