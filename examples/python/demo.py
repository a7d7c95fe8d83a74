"""What `cargo xtask demo` runs: a server that takes files and messages, and a client that sends,
checks and measures. The programs of the same name in other languages do the same.

    python3 examples/python/demo.py server shm:demo KEPT           # serves one client
    python3 examples/python/demo.py client shm:demo SENT RECEIVED  # sends, and fetches back

Tags say what a message is: see the constants.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import treenail

ECHO = 1  # comes back as it is
NUMBER = 2  # begins with its number, counted from 0; the server checks that none is missing
NUMBERS = 3  # ends the numbers; the answer is how many came in order
CHUNK = 4  # a piece of a file
FILE_END = 5  # ends the file; the answer says that the server has it all
FETCH = 6  # asks for the file back: CHUNKs, then FILE_END

SMALL, CHUNK_LEN, WARM_UP, ROUNDS, COUNT, REPEATS = 64, 65536, 500, 2000, 100_000, 8


def require(good: bool, what: str) -> None:
    if not good:
        sys.exit(f"demo: {what}")


def send_file(channel: treenail.Channel, file: memoryview) -> None:
    for at in range(0, len(file), CHUNK_LEN):
        channel.send(file[at : at + CHUNK_LEN], tag=CHUNK)
    channel.send(b"", tag=FILE_END)


class Service:
    def __init__(self) -> None:
        self.file = bytearray()
        self.whole = False
        self.numbers = 0

    def append(self, chunk: bytes) -> None:
        if self.whole:
            self.file.clear()
            self.whole = False
        self.file += chunk

    def take(self, channel: treenail.Channel, message: treenail.Message) -> None:
        if message.tag == NUMBER:
            self.numbers += int.from_bytes(message.data[:8], "little") == self.numbers
        elif message.tag == ECHO:
            channel.send(message.data, tag=ECHO)
        elif message.tag == CHUNK:
            self.append(message.data)
        elif message.tag == NUMBERS:
            channel.send(self.numbers.to_bytes(8, "little"), tag=NUMBERS)
            self.numbers = 0
        elif message.tag == FILE_END:
            self.whole = True
            channel.send(b"", tag=FILE_END)
        elif message.tag == FETCH:
            send_file(channel, memoryview(self.file))


def run_server(endpoint: str, kept: str) -> None:
    service = Service()
    with treenail.Listener(endpoint) as listener:
        print(f"listening at {endpoint}", flush=True)
        with listener.accept() as channel:
            try:
                while True:
                    service.take(channel, channel.recv_message())
            except treenail.Closed:
                Path(kept).write_bytes(service.file)


def measure_latency(channel: treenail.Channel) -> tuple[float, float]:
    """Round trips of small messages: the median and the 99th percentile, in microseconds."""
    times: list[float] = []
    for turn in range(WARM_UP + ROUNDS):
        sent = bytes([turn & 0xFF]) * SMALL
        start = perf_counter()
        channel.send(sent, tag=ECHO)
        back = channel.recv()
        times.append((perf_counter() - start) * 1e6)
        require(back == sent, "another echo came back")
    times = sorted(times[WARM_UP:])
    return times[ROUNDS // 2], times[ROUNDS * 99 // 100]


def measure_messages(channel: treenail.Channel) -> float:
    """Small messages one way, a second."""
    start = perf_counter()
    for number in range(COUNT):
        channel.send(number.to_bytes(SMALL, "little"), tag=NUMBER)
    channel.send(b"", tag=NUMBERS)
    answer = channel.recv()
    require(answer == COUNT.to_bytes(8, "little"), "messages are missing or out of order")
    return COUNT / (perf_counter() - start)


def measure_file(channel: treenail.Channel, file: bytes) -> float:
    """The file one way, several times: MiB a second."""
    start = perf_counter()
    for _ in range(REPEATS):
        send_file(channel, memoryview(file))
        channel.recv()
    return len(file) * REPEATS / (1 << 20) / (perf_counter() - start)


def fetch(channel: treenail.Channel) -> bytearray:
    channel.send(b"", tag=FETCH)
    file = bytearray()
    while True:
        with channel.recv_view() as message:
            if message.tag == FILE_END:
                return file
            file += message.data


def run_client(endpoint: str, sent: str, received: str) -> None:
    file = Path(sent).read_bytes()
    with treenail.connect(endpoint, timeout=5) as channel:
        shm = channel.peer().transport == treenail.TRANSPORT_SHM
        median, p99 = measure_latency(channel)
        messages = measure_messages(channel)
        mib = measure_file(channel, file)
        Path(received).write_bytes(fetch(channel))
    print(
        f"transport={'shm' if shm else 'local'} median_us={median:.2f} p99_us={p99:.2f} "
        f"messages_per_s={messages:.0f} mib_per_s={mib:.0f}"
    )


def main(role: str = "", endpoint: str = "", *paths: str) -> None:
    if role == "server" and len(paths) == 1:
        run_server(endpoint, *paths)
    elif role == "client" and len(paths) == 2:
        run_client(endpoint, *paths)
    else:
        print("usage: demo.py server ENDPOINT KEPT", file=sys.stderr)
        print("       demo.py client ENDPOINT SENT RECEIVED", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except treenail.Error as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
