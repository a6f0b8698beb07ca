"""Whether the bytes that came over a connection are a whole HTTP request yet. Pure: no socket, no clock.

It decides only when a request is handed to a thread; what the request means is the server's parser's business, which
gets the very same bytes. So whatever looks wrong here counts as whole: the parser will refuse it.
"""

import re

#: A header section longer than this is handed over as it is, and refused there.
MOST_HEADER_BYTES = 64 * 1024

_END_OF_HEADERS = b"\r\n\r\n"
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,15})[ \t]*\r$", re.IGNORECASE | re.MULTILINE)
_CHUNKED = re.compile(rb"^transfer-encoding:[ \t]*chunked[ \t]*\r$", re.IGNORECASE | re.MULTILINE)
_EXPECT = re.compile(rb"^expect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE | re.MULTILINE)
_CHUNK_SIZE = re.compile(rb"([0-9a-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n", re.IGNORECASE)


class Gathering:
    """The beginning of a request, as far as it has come.

    A body larger than `most_body_bytes` (None: no limit) is not waited for: it is going to be refused.
    """

    def __init__(self, most_body_bytes: int | None) -> None:
        self._most_body_bytes = most_body_bytes
        self._bytes = bytearray()
        self._body_start = 0  # 0 until the headers are whole
        self._end: int | None = None  # where the request ends, once that is known
        self._chunk_start = 0
        self.is_whole = False

    def __len__(self) -> int:
        """How many bytes have come."""
        return len(self._bytes)

    def add(self, received: bytes) -> None:
        """Take in what came next."""
        searched = max(0, len(self._bytes) - len(_END_OF_HEADERS))
        self._bytes += received
        if not self._body_start:
            self._find_headers(searched)
        if self._body_start and self._end is None:
            self._follow_chunks()
        self.is_whole = self.is_whole or (self._end is not None and len(self._bytes) >= self._end)

    def take_expectation(self) -> bool:
        """Whether the client waits for ``100 Continue`` before it sends the body; said once, then forgotten.

        Taken out of the request as well, as otherwise the server would say it a second time.
        """
        if self.is_whole or not self._body_start:
            return False
        found = _EXPECT.search(self._bytes, 0, self._body_start)
        if found is None:
            return False
        length = found.end() - found.start()
        del self._bytes[found.start() : found.end()]
        self._body_start -= length
        self._chunk_start -= length
        self._end = None if self._end is None else self._end - length
        return True

    def take(self) -> bytes:
        """All that has come."""
        return bytes(self._bytes)

    def _find_headers(self, searched: int) -> None:
        end = self._bytes.find(_END_OF_HEADERS, searched)
        if end < 0:
            self.is_whole = len(self._bytes) > MOST_HEADER_BYTES
            return
        self._body_start = self._chunk_start = end + len(_END_OF_HEADERS)
        headers = self._bytes[: self._body_start]
        lengths, is_chunked = _LENGTH.findall(headers), _CHUNKED.search(headers) is not None
        if is_chunked and not lengths:
            return
        length = int(lengths[0]) if len(lengths) == 1 and not is_chunked else 0
        self._end = self._body_start if self._is_too_large(length) else self._body_start + length

    def _follow_chunks(self) -> None:
        while (size := _CHUNK_SIZE.match(self._bytes, self._chunk_start)) is not None:
            length = int(size[1], 16)
            if length == 0:  # trailers, or at once the empty line
                end = self._bytes.find(_END_OF_HEADERS, size.end() - 2)
                self._end = None if end < 0 else end + len(_END_OF_HEADERS)
                break
            self._chunk_start = size.end() + length + 2
        unread = self._bytes[self._chunk_start : self._chunk_start + 64]
        if _looks_wrong(unread) or self._is_too_large(len(self._bytes) - self._body_start):
            self._end = len(self._bytes)

    def _is_too_large(self, body_bytes: int) -> bool:
        return self._most_body_bytes is not None and body_bytes > self._most_body_bytes


def _looks_wrong(unread: bytearray) -> bool:
    """Whether these bytes, at the place of a chunk's size, cannot become one."""
    line, separator, _ = unread.partition(b"\r\n")
    digits = line.partition(b";")[0].strip()
    return (bool(separator) and not digits) or any(byte not in b"0123456789abcdefABCDEF" for byte in digits)
