"""A real HTTP server on loopback that speaks the Messages API, with answers that a test decides."""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What the server sends back; `body` is sent as it is.

    `delay` are seconds before it is sent. With `cut` it ends in the middle of the body; with `reset` nothing
    is sent and the connection is reset.
    """

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False
    reset: bool = False


def message(text: str, **changes: Any) -> Reply:
    """A 200 with one text block."""
    body = {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "test-model",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
        **changes,
    }
    return Reply(json.dumps(body).encode())


def overloaded(status: int = 529) -> Reply:
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    return Reply(json.dumps(body).encode(), status, {"retry-after": "0"})


ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    529: "overloaded_error",
}


def refused(status: int, text: str, **headers: str) -> Reply:
    """An error in the provider's own shape, with an id of its own for each request."""
    error = {"type": ERROR_TYPES[status], "message": text}
    body = {"type": "error", "error": error, "request_id": f"req_{next(_NUMBERS)}"}
    return Reply(json.dumps(body).encode(), status, {name.replace("_", "-"): each for name, each in headers.items()})


_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Arrival:
    """A request as it came: `in_flight` counts those of its model that are on their way, itself included."""

    at: float
    model: str
    in_flight: int


class _QuietServer(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed, or a connection that a reply reset."""
        if not isinstance(sys.exception(), (OSError, ValueError)):
            super().handle_error(request, client_address)


class MessagesServer:
    """Serves `respond(body, number of the request)`; keeps what it was asked."""

    def __init__(
        self, respond: Callable[[dict[str, Any], int], Reply], *, compress: bool = False, port: int = 0
    ) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.counted: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.arrivals: list[Arrival] = []
        self.answered: list[tuple[float, dict[str, Any]]] = []
        self._closing = threading.Event()
        lock = threading.Lock()
        in_flight: dict[str, int] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if self.path.endswith("/count_tokens"):
                    outer.counted.append(body)
                    tokens = len(json.dumps(body["messages"])) // 4
                    self._send(Reply(json.dumps({"input_tokens": tokens}).encode()))
                    return
                model = str(body.get("model"))
                with lock:
                    outer.requests.append(body)
                    outer.headers.append(dict(self.headers))
                    outer.paths.append(self.path)
                    in_flight[model] = in_flight.get(model, 0) + 1
                    outer.arrivals.append(Arrival(time.monotonic(), model, in_flight[model]))
                    number = len(outer.requests)
                try:
                    reply = respond(body, number)
                    outer._closing.wait(reply.delay)
                finally:
                    with lock:  # before it is sent: the client's next call may be here first
                        in_flight[model] -= 1
                if reply.reset:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.close_connection = True
                    self.connection.close()
                    return
                self._send(reply)
                outer.answered.append((time.monotonic(), body))

            def _send(self, reply: Reply) -> None:
                data = gzip.compress(reply.body) if compress else reply.body
                self.send_response(reply.status)
                headers = {
                    "content-type": "application/json",
                    "request-id": "req_secret_01",
                    "anthropic-organization-id": "org-secret-01",
                    "set-cookie": "session=secret-cookie",
                    **({"content-encoding": "gzip"} if compress else {}),
                    **reply.headers,
                }
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: len(data) // 2] if reply.cut else data)
                self.close_connection = self.close_connection or reply.cut

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        self._server = _QuietServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> MessagesServer:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
