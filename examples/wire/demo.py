"""The client of `cargo xtask demo` without the library; examples/c/demo.c says what the tags mean.

    python3 examples/wire/demo.py client shm:demo SENT RECEIVED
"""

import struct
import sys
from pathlib import Path
from time import perf_counter

import wire

ECHO, NUMBER, NUMBERS, CHUNK, FILE_END, FETCH = 1, 2, 3, 4, 5, 6
SMALL, CHUNK_LEN, WARM_UP, ROUNDS, COUNT, REPEATS = 64, 65536, 500, 2000, 100_000, 8


def require(good: bool, what: str) -> None:
    if not good:
        sys.exit(f"demo: {what}")


def measure_latency(channel: wire.Channel) -> tuple[float, float]:
    """Round trips of small messages: the median and the 99th percentile, in microseconds."""
    times: list[float] = []
    for turn in range(WARM_UP + ROUNDS):
        sent = bytes([turn & 0xFF]) * SMALL
        start = perf_counter()
        channel.send(sent, ECHO)
        back, *_ = channel.recv()
        times.append((perf_counter() - start) * 1e6)
        require(back == sent, "another echo came back")
    times = sorted(times[WARM_UP:])
    return times[ROUNDS // 2], times[ROUNDS * 99 // 100]


def measure_messages(channel: wire.Channel) -> float:
    """Small messages one way, a second."""
    start = perf_counter()
    for number in range(COUNT):
        channel.send(number.to_bytes(8, "little") + bytes(SMALL - 8), NUMBER)
    channel.send(b"", NUMBERS)
    answer, *_ = channel.recv()
    require(answer == struct.pack("<Q", COUNT), "messages are missing or out of order")
    return COUNT / (perf_counter() - start)


def measure_file(channel: wire.Channel, file: bytes) -> float:
    """The file one way, several times: MiB a second."""
    start = perf_counter()
    for _ in range(REPEATS):
        for at in range(0, len(file), CHUNK_LEN):
            channel.send(file[at : at + CHUNK_LEN], CHUNK)
        channel.send(b"", FILE_END)
        channel.recv()
    return len(file) * REPEATS / (1 << 20) / (perf_counter() - start)


def fetch(channel: wire.Channel) -> bytes:
    channel.send(b"", FETCH)
    chunks: list[bytes] = []
    while True:
        payload, tag, _, _ = channel.recv()
        if tag == FILE_END:
            return b"".join(chunks)
        chunks.append(payload)


def run_client(endpoint: str, sent: str, received: str) -> None:
    file = Path(sent).read_bytes()
    channel = wire.Channel.connect(endpoint)
    median, p99 = measure_latency(channel)
    messages = measure_messages(channel)
    mib = measure_file(channel, file)
    Path(received).write_bytes(fetch(channel))
    channel.close()
    print(
        f"transport=local median_us={median:.2f} p99_us={p99:.2f} "
        f"messages_per_s={messages:.0f} mib_per_s={mib:.0f}"
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["client", endpoint, sent, received]:
            run_client(endpoint, sent, received)
        case _:
            sys.exit("usage: demo.py client ENDPOINT SENT RECEIVED")
