"""A web server for tests: files from memory, by range or not, counting what it gives."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit


class RangeServer:
    """Serves ``files`` (by way, without the first slash).

    Attributes
    ----------
    ranges : bool
        Whether it knows ranges.
    tag : str
        ETag of all files.
    failures : list of int
        Statuses that the next answers have, instead of the file.
    delay : float
        Before each answer, seconds.
    served, requests : int
        Bytes of bodies, and requests, so far.
    seen : list of str
        What was asked for, with queries and authorisation.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.ranges, self.tag, self.delay = True, '"1"', 0.0
        self.failures: list[int] = []
        self.served = self.requests = 0
        self.seen: list[str] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def reset(self) -> None:
        self.served = self.requests = 0
        self.seen.clear()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with outer._lock:
                    outer.requests += 1
                    outer.seen.append(f"{self.path} {self.headers.get('Authorization', '')}")
                    status = outer.failures.pop(0) if outer.failures else 0
                time.sleep(outer.delay)
                data = outer.files.get(unquote(urlsplit(self.path).path).lstrip("/"))
                if status or data is None:
                    self._answer(status or 404, b"", {})
                    return
                found = re.match(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
                if found and outer.ranges:
                    stop = min(int(found[2] or len(data)) + 1, len(data)) if found[1] else len(data)
                    start = int(found[1]) if found[1] else max(0, stop - int(found[2]))
                    place = {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"}
                    self._answer(206, data[start:stop], place)
                else:
                    self._answer(200, data, {})

            def do_HEAD(self) -> None:
                self.do_GET()

            def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                try:
                    self.send_response(status)
                    for name, value in ({"ETag": outer.tag} | headers).items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    if self.command != "HEAD":
                        for at in range(0, len(body), 65536):
                            self.wfile.write(body[at : at + 65536])
                            with outer._lock:
                                outer.served += len(body[at : at + 65536])
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def serving(path: Path) -> Iterator[str]:
    """Give the address of a file, as long as it is served."""
    server = RangeServer()
    server.files[path.name] = path.read_bytes()
    try:
        yield f"{server.url}/{quote(path.name)}"
    finally:
        server.files.clear()  # connections that are open outlive the server
        server.close()
