"""A folder that takes files, and a client that sends them, checked by hash.

    python3 examples/python/files.py server shm:files inbox
    python3 examples/python/files.py client shm:files picture.jpg notes.txt

The programs of the same name in other languages take the same arguments, and any client may send to
any server. An empty reply to an OFFER or an END says yes; any other says why not.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Sequence
from contextlib import closing
from io import FileIO, TextIOWrapper
from threading import Thread

import treenail
from incoming import CHUNK, CHUNK_LEN, END, OFFER, SIZE, Refused, Session, report, say

BAR_LEN = 40


def run_server(endpoint: str, folder: str) -> None:
    """A thread for each client; chat.py serves many in one."""
    if not os.path.isdir(folder):
        sys.exit(f"files: {folder}: not a folder")
    with treenail.Listener(endpoint) as listener:
        say(f"listening at {endpoint}")
        for channel in listener:
            Thread(target=serve, args=(channel, folder), daemon=True).start()


def serve(channel: treenail.Channel, folder: str) -> None:
    """Serves one client until it goes. It copies messages out of the channel: the peer could still
    change what a view shows, between the hash and the file."""
    with channel, closing(Session(folder)) as session:
        try:
            while True:
                message = channel.recv_message()
                answer = session.take(message)
                if answer is not None:
                    channel.reply(message, answer)
        except treenail.Closed:
            pass
        except treenail.Error as error:
            say(f"files: a client ended: {error}", sys.stderr)


class Progress:
    """A progress bar, which is redrawn when the percentage changes, and removed at the end."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.size = name, size
        self.shown = -1

    def show(self, done: int) -> None:
        percent = 100 * done // self.size
        if percent == self.shown or not sys.stderr.isatty():
            return
        self.shown = percent
        bar = ("#" * (percent * BAR_LEN // 100)).ljust(BAR_LEN, "-")
        end = "\r\033[K" if done == self.size else ""
        print(f"\r[{bar}] {percent:3} %  {self.name}", end=end, file=sys.stderr, flush=True)


def open_to_send(path: str) -> tuple[FileIO, int]:
    """A regular file, with its size."""
    file = open(path, "rb", buffering=0)
    facts = os.fstat(file.fileno())
    if not stat.S_ISREG(facts.st_mode):
        file.close()
        raise OSError(0, "not a regular file")
    return file, facts.st_size


def ask(channel: treenail.Channel, path: str, tag: int, data: bytes) -> None:
    """A request about the file at `path`. Refused: the answer was no."""
    why = channel.request(data, tag=tag)
    if why:
        raise Refused(f"{path} was refused: {os.fsdecode(why)}")


def send_file(channel: treenail.Channel, path: str) -> None:
    try:
        file, size = open_to_send(path)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from error
    name = os.path.basename(path)
    with file:
        ask(channel, path, OFFER, SIZE.pack(size) + os.fsencode(name))
        digest = send_chunks(channel, file, name, size)
        ask(channel, path, END, digest)
    report("sent", name, size, digest)


def send_chunks(channel: treenail.Channel, file: FileIO, name: str, size: int) -> bytes:
    """Reads the file into loans: on shm its bytes go straight from the system into the ring."""
    progress, sha256, sent = Progress(name, size), hashlib.sha256(), 0
    while sent < size:
        with channel.loan(min(CHUNK_LEN, size - sent), tag=CHUNK) as loan:
            length = file.readinto(loan.data)
            if not length:
                loan.discard()  # the file has shrunk: the server will say so
                break
            sha256.update(loan.data[:length])
            loan.commit(length)
        sent += length
        progress.show(sent)
    return sha256.digest()


def run_client(endpoint: str, paths: Sequence[str]) -> int:
    """Sends one file after the other; one that is refused doesn't hold up the next."""
    code = 0
    with treenail.connect(endpoint, timeout=5) as channel:
        for path in paths:
            try:
                send_file(channel, path)
            except Refused as why:
                say(f"files: {why}", sys.stderr)
                code = 1
    return code


def print_names_as_they_are() -> None:
    """Names are bytes, which need not be UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")


def main(role: str = "", endpoint: str = "", *paths: str) -> None:
    print_names_as_they_are()
    if role == "server" and len(paths) == 1:
        run_server(endpoint, *paths)
    elif role == "client" and paths:
        sys.exit(run_client(endpoint, paths))
    else:
        print("usage: files.py server ENDPOINT FOLDER", file=sys.stderr)
        print("       files.py client ENDPOINT FILE...", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except treenail.Error as error:
        sys.exit(f"files: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
