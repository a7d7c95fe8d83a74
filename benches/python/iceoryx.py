"""iceoryx2's wheel: publish-subscribe of bytes, a service a direction, receivers that poll."""

import ctypes

import iceoryx2 as iox2

Bytes = iox2.Slice[ctypes.c_uint8]
SLOTS = 1024  # as for small messages in benches/peers/iceoryx2.c


class Side:
    def __init__(self, name, size, options):
        self._name, self._size = name, size

    def open(self, near):
        iox2.set_log_level(iox2.LogLevel.Error)
        self._node = iox2.NodeBuilder.new().create(iox2.ServiceType.Ipc)
        out, into = ("far", "near") if near else ("near", "far")
        publisher = (
            self._service(out)
            .publisher_builder()
            .initial_max_slice_len(self._size)
            .backpressure_strategy(iox2.BackpressureStrategy.RetryUntilDelivered)
            .create()
        )
        subscriber = self._service(into).subscriber_builder().create()
        self.send, self.recv = sender(publisher), receiver(subscriber, self._size)

    def _service(self, direction):
        return (
            self._node.service_builder(iox2.ServiceName.new(f"{self._name}/{direction}"))
            .publish_subscribe(Bytes)
            .enable_safe_overflow(False)
            .history_size(0)
            .subscriber_max_buffer_size(SLOTS)
            .max_publishers(1)
            .max_subscribers(1)
            .open_or_create()
        )

    def close(self):
        del self.send, self.recv, self._node


def sender(publisher):
    def send(data):
        sample = publisher.loan_slice_uninit(len(data))
        ctypes.memmove(sample.payload_ptr, data, len(data))
        sample.assume_init().send()

    return send


def receiver(subscriber, size):
    """Of the ways to get at a sample's bytes this is the quickest by far."""
    receive, string_at = subscriber.receive, ctypes.string_at

    def recv():
        while (sample := receive()) is None:
            pass
        return string_at(sample.payload_ptr, size)

    return recv
