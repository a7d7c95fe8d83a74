"""peer.py: one side of a pair of tests/languages/matrix/mod.rs, in Python. What it does is told there.

    peer.py listen|connect ENDPOINT small|big|requests|survive|die [COUNT]
"""

import os
import signal
import sys
import threading

import treenail

PATIENCE = 20
LONG_LEN, LONG_MORE, PERIOD = 10 * 65536, 1000, 251
SMALL_COUNT, BIG_COUNT = 1000, 10
ASKERS, ASKED_EACH, STARTED = 2, 150, 50
ASKED = ASKERS * ASKED_EACH
REQUESTS = ASKED + STARTED

PATTERN = bytes(range(PERIOD)) * ((LONG_LEN + LONG_MORE) // PERIOD + 2)


def fail(failure):
    """A thread that fails takes all of the program along."""
    threading.__excepthook__(failure)
    os._exit(1)


class Side:
    def __init__(self, channel, connects, long_every):
        self.channel = channel
        self.connects = connects
        self.long_every = long_every  # 0: no message is long; 2: every other is
        self.buffer = bytearray(LONG_LEN + LONG_MORE)

    def mine(self, k):
        return 2 * k + self.connects

    def theirs(self, k):
        return 2 * k + 1 - self.connects

    def payload(self, number):
        is_long = self.long_every and number // 2 % self.long_every == 0
        length = LONG_LEN + number % LONG_MORE if is_long else number * 37 % 301
        return PATTERN[number % PERIOD :][:length]

    def check_payload(self, data, number):
        assert bytes(data) == self.payload(number), f"message {number} is spoilt"

    def send_number(self, number):
        """Every other message by a loan."""
        data = self.payload(number)
        if number & 2:
            self.channel.send(data, timeout=PATIENCE, tag=number)
        else:
            with self.channel.loan(len(data), timeout=PATIENCE, tag=number) as loan:
                loan[:] = data

    def receive_number(self, number):
        """Every other message by a view."""
        if number & 2:
            self.check_message(self.channel.recv_message(timeout=PATIENCE), number)
        else:
            with self.channel.recv_view(timeout=PATIENCE) as view:
                self.check_message(view, number)

    def check_message(self, message, number):
        assert (message.tag, message.flags) == (number, 0)
        self.check_payload(message.data, number)

    def part(self):
        """The listener tells when it has all, and the connector closes then."""
        if self.connects:
            assert self.channel.recv(timeout=PATIENCE) == b"done"
            return
        self.channel.send(b"done", timeout=PATIENCE)
        for message in self.channel:
            raise AssertionError(f"{message!r} came, and no close")

    def exchange(self, count):
        def send():
            for k in range(count):
                self.send_number(self.mine(k))

        sender = start(send)
        for k in range(count):
            self.receive_number(self.theirs(k))
        sender.join()
        self.part()
        print(f"sent and received {count} messages")

    def ask(self, first):
        for number in map(self.mine, range(first, first + ASKED_EACH)):
            payload = self.payload(number)
            with self.channel.request_view(payload, timeout=PATIENCE, tag=number) as reply:
                assert reply.is_reply and reply.tag == number
                self.check_payload(reply, number + 1)

    def ask_and_answer(self):
        askers = [start(self.ask, i * ASKED_EACH) for i in range(ASKERS)]
        started, served = {}, 0
        for number in map(self.mine, range(ASKED, REQUESTS)):
            request = self.channel.request_start(self.payload(number), timeout=PATIENCE, tag=number)
            started[request] = number
        for _ in range(REQUESTS + STARTED):
            message = self.channel.recv_message(timeout=PATIENCE)
            if message.is_request:
                self.check_payload(message.data, message.tag)
                self.channel.reply(message, self.payload(message.tag + 1), timeout=PATIENCE)
                served += 1
            else:
                assert message.is_reply and started.pop(message.id) == message.tag
                self.check_payload(message.data, message.tag + 1)
        assert served == REQUESTS
        for asker in askers:
            asker.join()
        self.part()
        print(f"asked and answered {served} requests")

    def send_until_lost(self):
        try:
            self.send_for_ever()
        except treenail.PeerLost:
            pass

    def survive(self, count):
        """Sends and receives until the peer is lost, which dies by our hand after so many."""
        peer, sender, k = self.channel.peer().pid, start(self.send_until_lost), 0
        try:
            while True:
                self.receive_number(self.theirs(k))
                k += 1
                if k == count:
                    os.kill(peer, signal.SIGKILL)
        except treenail.PeerLost:
            pass
        sender.join()
        assert k >= count
        print(f"lost the peer after {k} messages")

    def send_for_ever(self):
        k = 0
        while True:
            self.send_number(self.mine(k))
            k += 1

    def be_killed(self):
        start(self.send_for_ever)
        k = 0
        while True:
            self.receive_number(self.theirs(k))
            k += 1


def start(act, *arguments):
    thread = threading.Thread(target=act, args=arguments, daemon=True)
    thread.start()
    return thread


def play(channel, connects, scenario, count):
    long_every = {"big": 1, "survive": 2, "die": 2}.get(scenario, 0)
    side = Side(channel, connects, long_every)
    if scenario == "small":
        side.exchange(SMALL_COUNT)
    elif scenario == "big":
        side.exchange(BIG_COUNT)
    elif scenario == "requests":
        side.ask_and_answer()
    elif scenario == "survive":
        side.survive(count)
    elif scenario == "die":
        side.be_killed()
    else:
        raise ValueError(f"there is no scenario {scenario}")


def main(role, endpoint, scenario, count):
    threading.excepthook = fail
    if role == "connect":
        with treenail.connect(endpoint, timeout=PATIENCE) as channel:
            play(channel, True, scenario, int(count))
    else:
        with treenail.Listener(endpoint) as listener, listener.accept(timeout=PATIENCE) as channel:
            play(channel, False, scenario, int(count))


if __name__ == "__main__":
    main(*sys.argv[1:])
