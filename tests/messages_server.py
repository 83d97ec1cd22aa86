"""A real HTTP server on loopback that speaks the Messages API, with answers that a test decides."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What the server sends back; `body` is sent as it is."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


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


class MessagesServer:
    """Serves `respond(body, number of the request)`; keeps what it was asked."""

    def __init__(
        self, respond: Callable[[dict[str, Any], int], Reply], *, compress: bool = False, port: int = 0
    ) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.counted: list[dict[str, Any]] = []
        lock = threading.Lock()
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
                with lock:
                    outer.requests.append(body)
                    outer.headers.append(dict(self.headers))
                    number = len(outer.requests)
                self._send(respond(body, number))

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
                self.wfile.write(data)

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> MessagesServer:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
