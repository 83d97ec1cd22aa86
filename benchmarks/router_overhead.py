"""What the router adds to a bare SDK call, and what the decision log takes: `python -m benchmarks.router_overhead`.

Bare and routed calls alternate, over one kept connection each, against one server on loopback; every routed call
renders its prompt, makes its key, validates its answer and writes its line.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pytest_modelroute import Router
from pytest_modelroute.cassettes.client import live_client
from pytest_modelroute.evaluation.answers import Usage
from pytest_modelroute.routing.decision_log import DecisionLog, read_decisions
from pytest_modelroute.routing.decisions import CallOutcome, Decision, Excerpt

from .project import PROMPT, SCHEMA, message

CALLS = int(os.environ.get("CALLS", "2000"))
LINES = int(os.environ.get("LINES", "40000"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))

REGISTRY = """\
version: 1
tiers:
  - {name: small, model: bench-small, base_url: "URL", price: {input: 1.0, output: 5.0}}
default_tier: small
defaults:
  request: {max_tokens: 64, extra_body: {temperature: 0}}
log: {path: calls.jsonl}
tasks:
  classify:
    tier: small
    prompt: prompt.yaml
    output: {format: json, schema: schema.json, confidence: /confidence}
    score: {kind: fields, fields: [label]}
"""

ANSWER = message().encode()

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER)

SERVER = "from benchmarks.router_overhead import serve; serve()"
WRITER = "import sys; from benchmarks.router_overhead import write; write(sys.argv[1], int(sys.argv[2]))"

DECISION = Decision(
    time="2026-11-22T08:00:00.123Z",
    call="0123456789abcdef" * 2,
    shadow=False,
    task="classify",
    known=True,
    tier="small",
    model="bench-small",
    escalated_from=None,
    trigger=None,
    confidence=0.9,
    outcome=CallOutcome.ANSWERED,
    error=None,
    usage=Usage(80, 12),
    usd=0.00014,
    latency_ms=412,
    key="v1:" + "0" * 64,
    input=Excerpt("sha256:" + "0" * 64),
    output=Excerpt("sha256:" + "1" * 64),
    first=None,
)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.wfile.write(HEAD + ANSWER)

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


def serve() -> None:
    """One answer to everything, in a process of its own, until standard input ends."""
    import threading

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


def write(path: str, lines: int) -> None:
    """Append so many lines, once told to begin; print the seconds and CPU seconds that it took."""
    log = DecisionLog(Path(path))
    log.write(DECISION)
    print("ready", flush=True)
    sys.stdin.readline()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(lines):
        log.write(DECISION)
    print(time.perf_counter() - wall, time.process_time() - cpu)
    log.close()
    assert log.failures == 0


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in range(ROUNDS):
            overhead(folder)
        for processes in (1, 4):
            for _ in range(ROUNDS):
                log_speed(folder, processes)


def overhead(folder: Path) -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
    (folder / "modelroute.yaml").write_text(REGISTRY.replace("URL", url))
    (folder / "prompt.yaml").write_text(PROMPT)
    (folder / "schema.json").write_text(json.dumps(SCHEMA))
    texts = [f"My order {number} has not arrived and I would like to know what happens now." for number in range(CALLS)]
    with Router.from_file(folder / "modelroute.yaml") as router:
        client = live_client(router.registry.tier("small"), 60.0)
        bare: list[float] = []
        routed: list[float] = []
        bare_cpu: list[float] = []
        routed_cpu: list[float] = []
        for number, text in enumerate(texts):
            messages = [
                {"role": "user", "content": "Where is my parcel?"},
                {"role": "assistant", "content": '{"label": "shipping", "confidence": 0.9}'},
                {"role": "user", "content": text},
            ]
            system = "Classify the message of a customer. Answer with JSON."
            for each in ("bare", "routed") if number % 2 else ("routed", "bare"):
                begun, cpu = time.perf_counter(), time.thread_time()
                if each == "bare":
                    client.messages.create(
                        model="bench-small",
                        max_tokens=64,
                        system=system,
                        messages=messages,  # type: ignore[arg-type]
                        extra_body={"temperature": 0},
                    )
                    bare.append(time.perf_counter() - begun)
                    bare_cpu.append(time.thread_time() - cpu)
                else:
                    router.call("classify", text=text)
                    routed.append(time.perf_counter() - begun)
                    routed_cpu.append(time.thread_time() - cpu)
        client.close()
    server.communicate()
    warm = CALLS // 20
    for kind, here, there in (("time", bare, routed), ("CPU", bare_cpu, routed_cpu)):
        told = []
        for share in (0.5, 0.95):
            before, after = quantile(here[warm:], share), quantile(there[warm:], share)
            told.append(f"p{share * 100:.0f} {before:.2f} -> {after:.2f} ms ({after - before:+.2f})")
        print(f"{kind} of a bare -> a routed call: {', '.join(told)}")


def log_speed(folder: Path, processes: int) -> None:
    path = folder / "decisions.jsonl"
    path.unlink(missing_ok=True)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(LINES // processes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    begun = time.perf_counter()
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    told = [writer.communicate()[0].split() for writer in writers]
    seconds = max(float(wall) for wall, _ in told)
    cpu = sum(float(used) for _, used in told)
    assert time.perf_counter() - begun >= seconds
    begun = time.perf_counter()
    decisions, skipped = read_decisions(path)
    reading = time.perf_counter() - begun
    written = LINES // processes * processes
    assert (len(decisions), skipped) == (written + processes, 0)
    print(
        f"decision log, {processes} process{'es' * (processes > 1)}: {written / seconds:,.0f} lines a second,"
        f" {cpu / written * 1e6:.0f} us of CPU a line; read back at {written / reading:,.0f} a second"
    )


def quantile(seconds: list[float], share: float) -> float:
    """Milliseconds."""
    return statistics.quantiles(seconds, n=100, method="inclusive")[round(share * 100) - 1] * 1000


if __name__ == "__main__":
    main()
