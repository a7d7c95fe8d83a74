// The ABI as types: every function, struct and constant is as the contract says, seen from C++17.
#include "treenail.h"
#include "treenail.h"

#include <cstddef>
#include <cstdio>
#include <type_traits>

using Channel = const tn_channel *;
using Listener = const tn_listener *;
using Poller = const tn_poller *;

template <typename Expected, typename Actual>
constexpr void same(Actual *) {
    static_assert(std::is_same_v<Expected, Actual>, "the header's type is not the contract's");
}

static void functions_of_status() {
    same<const char *(tn_status)>(tn_status_name);
    same<const char *()>(tn_last_error);
    same<tn_status(tn_status, const char *)>(tn_last_error_set);
    same<uint32_t()>(tn_version);
    same<const char *()>(tn_version_text);
}

static void functions_of_listeners() {
    same<tn_status(const char *, tn_listener **)>(tn_listener_open);
    same<tn_status(Listener, int32_t, tn_channel **)>(tn_listener_accept);
    same<tn_status(Listener, char *, size_t, size_t *)>(tn_listener_endpoint);
    same<tn_status(Listener, struct tn_listener_stats *)>(tn_listener_stats);
    same<tn_status(Listener, tn_fd *)>(tn_listener_fd);
    same<void(Listener)>(tn_listener_close);
    same<void(tn_listener *)>(tn_listener_free);
}

static void functions_of_channels() {
    same<tn_status(const char *, int32_t, tn_channel **)>(tn_channel_connect);
    same<tn_status(const char *, tn_channel **)>(tn_channel_connect_start);
    same<tn_status(const char *, int32_t, tn_channel **)>(tn_channel_create);
    same<tn_status(const char *, tn_channel **)>(tn_channel_create_start);
    same<tn_status(const char *, tn_channel **, tn_channel **)>(tn_channel_pair);
    same<tn_status(Channel, tn_fd *)>(tn_channel_fd);
    same<tn_status(Channel, tn_fd *)>(tn_channel_send_fd);
    same<tn_status(Channel)>(tn_channel_busy_poll);
    same<tn_status(Channel, tn_peer *)>(tn_channel_peer);
    same<tn_status(Channel, int32_t)>(tn_channel_flush);
    same<tn_status(Channel, tn_stats *)>(tn_channel_stats);
    same<void(Channel)>(tn_channel_close);
    same<void(tn_channel *)>(tn_channel_free);
}

static void functions_of_messages() {
    same<tn_status(Channel, const void *, size_t, int32_t)>(tn_channel_send);
    same<tn_status(Channel, uint32_t, const void *, size_t, int32_t)>(tn_channel_send_tagged);
    same<tn_status(Channel, uint32_t, const tn_slice *, size_t, int32_t)>(tn_channel_sendv);
    same<tn_status(Channel, const tn_slice *, size_t, int32_t, size_t *)>(tn_channel_send_many);
    same<tn_status(Channel, void *, size_t, int32_t, size_t *)>(tn_channel_recv);
    same<tn_status(Channel, void *, size_t, int32_t, tn_message *)>(tn_channel_recv_message);
    same<tn_status(Channel, int32_t, tn_message *)>(tn_channel_recv_view);
    same<tn_status(Channel, const tn_message *)>(tn_channel_release);
    same<tn_status(Channel, void *, size_t, tn_message *, size_t, int32_t, size_t *)>(
        tn_channel_recv_many);
    same<tn_status(Channel, size_t, int32_t, tn_loan *)>(tn_channel_loan);
    same<tn_status(Channel, const tn_loan *, uint32_t, size_t, int32_t)>(tn_channel_commit);
    same<tn_status(Channel, const tn_loan *)>(tn_channel_discard);
    same<tn_status(Channel, uint32_t, const void *, size_t, int32_t, tn_message *)>(
        tn_channel_request);
    same<tn_status(Channel, uint32_t, const void *, size_t, int32_t, uint32_t *)>(
        tn_channel_request_start);
    same<tn_status(Channel, uint32_t, const void *, size_t, int32_t, uint32_t *)>(
        tn_channel_request_begin);
    same<tn_status(Channel, uint32_t, int32_t, tn_message *)>(tn_channel_request_end);
    same<tn_status(Channel, uint32_t)>(tn_channel_request_cancel);
    same<tn_status(Channel, const tn_message *, const void *, size_t, int32_t)>(tn_channel_reply);
}

static void functions_of_pollers() {
    same<tn_status(tn_poller **)>(tn_poller_new);
    same<tn_status(Poller, Channel, uint64_t)>(tn_poller_add_channel);
    same<tn_status(Poller, Channel, uint64_t)>(tn_poller_add_channel_send);
    same<tn_status(Poller, Listener, uint64_t)>(tn_poller_add_listener);
    same<tn_status(Poller, tn_fd, uint64_t)>(tn_poller_add_fd);
    same<tn_status(Poller, uint64_t)>(tn_poller_remove);
    same<tn_status(Poller, int32_t, uint64_t *, size_t, size_t *)>(tn_poller_wait);
    same<tn_status(Poller)>(tn_poller_wake);
    same<tn_status(Poller, tn_fd *)>(tn_poller_fd);
    same<void(tn_poller *)>(tn_poller_free);
}

// What a field is and where it lies; the numbers are those of 64-bit systems.
#define FIELD(type, field, kind, offset)                                         \
    static_assert(std::is_same_v<decltype(type::field), kind>, #type "." #field); \
    static_assert(sizeof(void *) != 8 || offsetof(type, field) == offset, #type "." #field)

FIELD(tn_slice, data, const void *, 0);
FIELD(tn_slice, len, size_t, 8);
FIELD(tn_message, data, const void *, 0);
FIELD(tn_message, len, size_t, 8);
FIELD(tn_message, tag, uint32_t, 16);
FIELD(tn_message, id, uint32_t, 20);
FIELD(tn_message, flags, uint32_t, 24);
FIELD(tn_message, missed, uint32_t, 28);
FIELD(tn_message, private_, uint64_t, 32);
FIELD(tn_message, reserved, uint64_t[4], 40);
FIELD(tn_loan, data, void *, 0);
FIELD(tn_loan, len, size_t, 8);
FIELD(tn_loan, private_, uint64_t, 16);
FIELD(tn_loan, reserved, uint64_t[2], 24);
FIELD(tn_peer, struct_size, uint32_t, 0);
FIELD(tn_peer, transport, uint32_t, 4);
FIELD(tn_peer, pid, int64_t, 8);
FIELD(tn_peer, uid, uint32_t, 16);
FIELD(tn_peer, gid, uint32_t, 20);
FIELD(tn_peer, address, char[256], 24);
FIELD(tn_peer, fallback, char[128], 280);
using ListenerStats = struct tn_listener_stats;
FIELD(ListenerStats, struct_size, uint32_t, 0);
FIELD(ListenerStats, reserved, uint32_t, 4);
FIELD(ListenerStats, accepted, uint64_t, 8);
FIELD(ListenerStats, refused_user, uint64_t, 16);
FIELD(ListenerStats, refused_full, uint64_t, 24);
FIELD(ListenerStats, refused_protocol, uint64_t, 32);
FIELD(ListenerStats, timed_out, uint64_t, 40);
FIELD(ListenerStats, pending, uint64_t, 48);
FIELD(ListenerStats, channels, uint64_t, 56);
FIELD(ListenerStats, lost, uint64_t, 64);
FIELD(tn_stats, struct_size, uint32_t, 0);
FIELD(tn_stats, reserved, uint32_t, 4);
FIELD(tn_stats, messages_sent, uint64_t, 8);
FIELD(tn_stats, messages_received, uint64_t, 16);
FIELD(tn_stats, bytes_sent, uint64_t, 24);
FIELD(tn_stats, bytes_received, uint64_t, 32);
FIELD(tn_stats, send_waits, uint64_t, 40);
FIELD(tn_stats, recv_waits, uint64_t, 48);
FIELD(tn_stats, wakeups_sent, uint64_t, 56);
FIELD(tn_stats, pending_bytes, uint64_t, 64);
FIELD(tn_stats, ring_bytes, uint64_t, 72);
FIELD(tn_stats, ring_used, uint64_t, 80);
FIELD(tn_stats, ring_used_max, uint64_t, 88);
FIELD(tn_stats, late_replies, uint64_t, 96);
static_assert(sizeof(void *) != 8 || sizeof(tn_slice) == 16, "tn_slice");
static_assert(sizeof(void *) != 8 || sizeof(tn_message) == 72, "tn_message");
static_assert(sizeof(void *) != 8 || sizeof(tn_loan) == 40, "tn_loan");
static_assert(std::is_same_v<tn_fd, int>, "tn_fd");
static_assert(sizeof(tn_status) == 4 && TN_INTERNAL == -14 && TN_OWNER_DIED == 1, "tn_status");
static_assert(TN_NOWAIT == 0 && TN_FOREVER == -1, "timeouts");
static_assert(-TN_FOREVER == 1, "a negative constant needs its parentheses");

int main() {
    functions_of_status();
    functions_of_listeners();
    functions_of_channels();
    functions_of_messages();
    functions_of_pollers();
    std::puts("the types are the contract's");
}
