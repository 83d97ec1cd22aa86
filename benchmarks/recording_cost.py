"""Time, CPU and memory of recording against a server with a fixed latency: `python -m benchmarks.recording_cost`."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from .measuring import measured
from .project import message, write_project

ROUNDS = int(os.environ.get("ROUNDS", "3"))
LATENCY = 0.2
CONCURRENCY = 40
CALLS = 400
MANY_CALLS = 10_000
PLUGIN = ("-p", "pytest_modelroute.plugin.hooks", "--modelroute")

MESSAGE = message().encode()
TOKENS = b'{"input_tokens": 80}'


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
            )
            await reader.readexactly(length)
            counting = b"/count_tokens" in head.split(b"\r\n")[0]
            body = TOKENS if counting else MESSAGE
            await asyncio.sleep(0 if counting else LATENCY)
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _serve(port: Connection) -> None:
    async def main() -> None:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def main() -> None:
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(there,), daemon=True)
    server.start()
    port = here.recv()
    with tempfile.TemporaryDirectory() as name:
        few, many = Path(name) / "few", Path(name) / "many"
        for folder, cases in ((few, CALLS), (many, MANY_CALLS)):
            write_project(folder, cases)
            registry = folder / "modelroute.yaml"
            text = registry.read_text().replace("127.0.0.1:9,", f"127.0.0.1:{port},")
            # One answer serves all cases: what it is worth is not measured here.
            registry.write_text(text.replace("fields: [label]}", "fields: [label]}\n    gate: {max_error: 0.9}"))
        runs = [_compared(few) for _ in range(ROUNDS)]
        seconds = statistics.median(recorded[0] - idle[0] for recorded, idle in runs)
        ideal = CALLS / CONCURRENCY * LATENCY
        print(
            f"{CALLS} calls of {LATENCY:.1f} s, {CONCURRENCY} at once: {seconds:.2f} s more than with nothing to record"
        )
        print(f"  the ideal is {ideal:.1f} s: {seconds / ideal:.2f} times that")
        few_cpu = statistics.median(recorded[1] for recorded, _ in runs)
        wall, cpu, memory = _record(many)
        print(f"{MANY_CALLS:,} calls: {wall:.0f} s, {cpu:.0f} s CPU, {memory / 1024:.0f} MB at most")
        print(f"  CPU a further call, replayed and judged: {(cpu - few_cpu) / (MANY_CALLS - CALLS) * 1000:.2f} ms")
    server.terminate()


def _compared(folder: Path) -> tuple[tuple[float, float, int], tuple[float, float, int]]:
    recorded = _record(folder)
    return recorded, _timed(folder, "--modelroute-record=new_episodes")


def _record(folder: Path) -> tuple[float, float, int]:
    shutil.rmtree(folder / "cassettes")
    return _timed(folder, "--modelroute-record=new_episodes", f"--modelroute-concurrency={CONCURRENCY}")


def _timed(folder: Path, *arguments: str) -> tuple[float, float, int]:
    start = time.perf_counter()
    cpu, memory = measured(folder, *PLUGIN, *arguments)
    return time.perf_counter() - start, cpu, memory


if __name__ == "__main__":
    main()
