/* treenail.h: message channels between programs on one machine, and shared memory with a lock.
 * This file is the manual.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 * Generated from src/ffi by `cargo xtask header`; do not edit.
 *
 * CAVEATS
 *   Crash   If a sender dies, its unfinished message is dropped. What it had sent is received, and
 *           then TN_PEER_LOST comes. A killed listener leaves its socket file, and the next
 *           listener takes it over.
 *           If the owner of a segment's lock dies, the next one gets the lock, with TN_OWNER_DIED:
 *           the data may be half-written. A process that is stopped (SIGSTOP, a debugger) is alive:
 *           if it has the lock, or is next to get it, it holds up the others.
 *           pthread_cancel of a thread that is inside a call ends the program.
 *   Fork    Handles belong to the process that made them. In a forked child every call on one is
 *           TN_INVALID, except that freeing it is fine. A raw clone() bypasses this check: its
 *           child must not use the handles, nor keep their descriptors open.
 *   Rights  A listener admits the same user and root. A connector talks to listeners of the same
 *           user and of root; a connector of root talks to everybody's. peer_uid= changes both.
 *           For other users, an endpoint also needs a path with a slash and mode=.
 *           Whoever may write a segment is trusted with it, also with truncating it, which ends
 *           the programs that use it; by default only the same user and root may.
 *   Host    Both sides are on one host: shared memory and local sockets end there.
 *   Views   A view's bytes can still be changed by the peer: copy before you validate, or say
 *           views=copy.
 *
 * RULES THAT HOLD EVERYWHERE
 *   Every handle may be used from all threads at once. close ends a handle and wakes whoever
 *   waits; free destroys it, and is its last use. Calls return tn_status: below 0 is a failure,
 *   and tn_last_error() says what happened, in this thread. Outputs come last and are written
 *   only on success, except where a function says otherwise; an output may overlap nothing else
 *   that the same call reads or writes. NULL for a handle or an output is TN_INVALID; free(NULL)
 *   is fine. A pointer whose length is 0 is ignored. No call raises SIGPIPE or returns early for a
 *   signal. Timeouts are milliseconds; 0 (TN_NOWAIT) never waits, and -1 (TN_FOREVER) waits for
 *   ever. The library starts no threads and makes no callbacks.
 *
 * ENDPOINTS: scheme:address?key=value&key=value
 *   shm:NAME    shared memory, arranged over a local socket; frames travel through that socket
 *               where either side can't share memory (tn_channel_peer tells)
 *   local:NAME  a local socket
 *   fd:NUMBER   a Unix stream socket that this process was given, connected or listening, which
 *               the call takes over: it closes the descriptor with the handle, or if it fails
 *               later. A descriptor that it refuses (TN_INVALID, TN_UNSUPPORTED) stays as it is.
 *               Of the two ends of a socketpair one connects and the other creates; two alike
 *               are TN_PROTOCOL. 0, 1 and 2 are refused.
 *   fd:systemd  the first descriptor that systemd has passed (LISTEN_FDS, LISTEN_PID); TN_NOT_FOUND
 *               if there is none
 *   A NAME is 1 to 64 of A-Z a-z 0-9 . _ - and doesn't start with a dot. Its socket is NAME.sock
 *   in $TREENAIL_DIR alone if that is set, else in /run/user/UID/treenail or /tmp/treenail-UID:
 *   a listener binds in the first of them that exists, and a connector tries both. An address
 *   with a slash is a path; * is a name that the listener chooses and tn_listener_endpoint tells.
 *   The first ? ends the address; bytes may be written %XX. Sizes are written 4096, 64KiB, 1MiB.
 *
 *   ring          4KiB to 1GiB; default 256KiB
 *   ring_max      4KiB to 1GiB; default 16MiB
 *   inbox         0 to 1TiB; default 64MiB
 *   views         copy or direct; default direct, or copy where peer_uid admits other users
 *   max_message   1 to 4294967295; default 64MiB
 *   spin          auto, 0, forever or microseconds up to 1000000; default auto
 *   mode          an octal file mode, 0000 to 0777; default 0600
 *   group         a group's name or number; default the process' own
 *   backlog       1 to 65535; default 128
 *   max_channels  1 to 1000000; default 4096
 *   handshake_ms  1 to 3600000; default 5000
 *   retry         0 or 1; default 0
 *   early         0 or 1; default 1
 *   shm           required, auto or off; default auto
 *   peer_uid      any or a user's number; default the same user or root
 *   raw           0 or 1; default 0
 *
 *   ring is the bytes of a ring. A listener sets it for both directions; a connector asks for it in
 *   the direction in which it sends. ring_max limits what a listener grants. inbox limits the
 *   messages that are kept while a request waits for its reply, and max_message the messages that
 *   are accepted from the peer. mode, group, backlog and max_channels belong to the listening
 *   socket. retry=1: connecting keeps trying while nobody listens. shm=required: the channel never
 *   falls back to the socket; shm=off: it never leaves it. raw=1 (not for shm:): bytes as they
 *   come, without HELLO and frames, to talk with programs that know nothing of treenail. An
 *   option that has no meaning for a scheme or side is accepted there, so that one string serves
 *   both sides.
 *
 * SEGMENTS AND SEMAPHORES: NAME?key=value&key=value
 *   A NAME is the same segment from every program and working directory of one user: the
 *   object treenail.UID.NAME in /dev/shm ($TREENAIL_SHM_PREFIX replaces "treenail." if it is set).
 *   It begins with 20 KiB or more of the library's own. The last handle that goes removes the
 *   segment. If the last holder is killed, its object stays, but nobody can open it: the next one
 *   that makes that NAME replaces it, or tn_sweep removes it.
 *   native:/NAME opens the object /NAME that another program has made with shm_open, as it is. Its
 *   lock is for programs that use treenail, and lies in a second object beside it. Only the owner
 *   of the object makes that one: another user can open it while the owner has it open.
 *
 *   access        rw or ro; default rw
 *   mode          an octal file mode, 0000 to 0777; default 0600
 *   group         a group's name or number; default the process' own
 *   owner         a user's number; default the process' own user
 *   persist       0 or 1; default 0
 *   undo          0 or 1; default 1
 *
 *   mode, group and persist matter when the object is made. owner=UID opens the object of another
 *   user; its mode must allow to read and write it. access=ro guards against mistakes: a segment's
 *   data can't be written through this handle. persist=1: the object stays until it is removed.
 *   undo=0: units that this handle has acquired don't come back when it is closed or its process
 *   dies.
 *
 *   Semaphores have names of their own: a segment and a semaphore of one NAME are two objects.
 */

#ifndef TREENAIL_H
#define TREENAIL_H

#include <stddef.h>
#include <stdint.h>

/** The version of this header; tn_version() tells that of the library. */
#define TN_VERSION_MAJOR 0
#define TN_VERSION_MINOR 1
#define TN_VERSION_PATCH 0
#define TN_VERSION_TEXT "0.1.0"
#define TN_VERSION \
    (TN_VERSION_MAJOR * 65536u + TN_VERSION_MINOR * 256u + TN_VERSION_PATCH)

#if defined(__cplusplus) && __cplusplus >= 201103L
#define TREENAIL_INT32 : int32_t
#else
#define TREENAIL_INT32
#endif

/**
 * tn_status is what a call came to: 0 is good, above 0 is good with a notice, below 0 is a
 * failure. Numbers are never reused.
 */
enum tn_status TREENAIL_INT32 {
    /** All went well. */
    TN_OK = 0,
    /**
     * The lock is yours, and its last owner died having it alone: check the data, then unlock as
     * usual.
     */
    TN_OWNER_DIED = 1,
    /** The call would have to wait, and the timeout was 0; nothing happened. */
    TN_AGAIN = -1,
    /** The timeout passed; nothing happened. */
    TN_TIMED_OUT = -2,
    /**
     * Closed in good order, by either side or by this program; all that had arrived was handed
     * out.
     */
    TN_CLOSED = -3,
    /**
     * The peer died or the network did: an end without a close; all that had arrived was
     * handed out.
     */
    TN_PEER_LOST = -4,
    /** Nobody listens there, or no object has that name. */
    TN_NOT_FOUND = -5,
    /** The name is in use by somebody alive. */
    TN_EXISTS = -6,
    /** Rights, another user, a refused certificate. */
    TN_DENIED = -7,
    /** A bad argument: NULL, unknown scheme, option or value, wrong state. */
    TN_INVALID = -8,
    /**
     * The message is over a limit, or over the caller's buffer (then it stays, and the length
     * says how much is needed).
     */
    TN_TOO_LARGE = -9,
    /** No memory, /dev/shm full, no descriptors left. */
    TN_NO_SPACE = -10,
    /** What came isn't this format, or another version of it. */
    TN_PROTOCOL = -11,
    /** Not on this system, or not built in. */
    TN_UNSUPPORTED = -12,
    /** Another system error; the text holds it. */
    TN_IO = -13,
    /** A bug in the library. */
    TN_INTERNAL = -14
};
#ifndef __cplusplus
/** tn_status holds one of the constants above. */
typedef int32_t tn_status;
#endif
#undef TREENAIL_INT32

/** timeout_ms: never waits. */
#define TN_NOWAIT 0

/** timeout_ms: waits for ever. */
#define TN_FOREVER (-1)

/** tn_peer.transport: rings in shared memory. */
#define TN_TRANSPORT_SHM 1

/** tn_peer.transport: a local socket. */
#define TN_TRANSPORT_LOCAL 2

/** tn_message.flags: the sender waits for a reply; see tn_channel_reply. */
#define TN_MESSAGE_REQUEST 1

/** tn_message.flags: this answers the request with the same id. */
#define TN_MESSAGE_REPLY 2

/**
 * A two-way channel of messages to one peer.
 *
 * Every thread may use it at any time; no thread owns anything of it. The peer receives what a
 * send took whole, in order, or not at all.
 */
typedef struct tn_channel tn_channel;

/**
 * Listens for connections.
 *
 * Every thread may use it at any time. Handshakes go on whenever `accept` is called; one that
 * stalls does not hold up others.
 */
typedef struct tn_listener tn_listener;

/**
 * Waits for many handles at once. The user chooses a key for each.
 *
 * Every thread may use it at any time. A handle that is freed leaves its pollers by itself.
 */
typedef struct tn_poller tn_poller;

/**
 * A named piece of shared memory, and its lock.
 *
 * Every thread may use it at any time. The lock belongs to the handle: it excludes the handle's
 * own threads from each other too, and any of them may unlock. A handle that is closed with the
 * lock hands it on, and the next owner is told that the last one died.
 */
typedef struct tn_segment tn_segment;

/**
 * A named counting semaphore.
 *
 * Every thread may use it at any time. The units that a handle has acquired and not released come
 * back when it is closed or dropped, and when its process dies; with `undo=0` they don't.
 */
typedef struct tn_semaphore tn_semaphore;

/**
 * What has become of the connections of a listener. In C it is `struct tn_listener_stats`, as a
 * function has the name too. Each that it has taken from the system is in
 * one of the numbers but `channels`; those that still wait in the system's backlog are in none.
 */
struct tn_listener_stats {
    /**
     * sizeof(tn_listener_stats), set by the caller; later versions may add fields behind the last
     * one.
     */
    uint32_t struct_size;
    /** Always 0. */
    uint32_t reserved;
    /** Connections that became channels. */
    uint64_t accepted;
    /** Connections of users who are not admitted. */
    uint64_t refused_user;
    /** Connections that found max_channels reached, or no memory or descriptors left. */
    uint64_t refused_full;
    /**
     * Connections that sent something else than treenail's handshake or another version of it, or
     * that shm=required refused.
     */
    uint64_t refused_protocol;
    /**
     * Connections whose handshake took longer than handshake_ms, or that made way for others when
     * the backlog was full.
     */
    uint64_t timed_out;
    /** Handshakes that are under way now. */
    uint64_t pending;
    /** Channels of this listener that exist now in this process. */
    uint64_t channels;
    /** Connections that ended before their handshake was done. */
    uint64_t lost;
};

/** tn_fd is a descriptor for poll, epoll, select and the event loops on top of them. */
typedef int tn_fd;

/** tn_peer says who is at the other end, as the kernel says, not as the peer says. */
typedef struct tn_peer {
    /** sizeof(tn_peer), set by the caller; more fields may be added behind the last. */
    uint32_t struct_size;
    /**
     * TN_TRANSPORT_*: how messages cross. A shm: channel begins on its socket, and says so until
     * both directions go through rings, which is within the first messages.
     */
    uint32_t transport;
    /** The process that connected or listened; 0 if it is out of sight. */
    int64_t pid;
    /** Its user. */
    uint32_t uid;
    /** Its group. */
    uint32_t gid;
    /** Where the two sides met; NUL-terminated, cut where it is longer. */
    char address[256];
    /**
     * Why the messages of a shm: channel go through its socket, for good or not moved yet;
     * NUL-terminated, cut where it is longer. Empty if they go through shared memory, and for
     * local:.
     */
    char fallback[128];
} tn_peer;

/** What has gone through a channel. */
typedef struct tn_stats {
    /** sizeof(tn_stats), set by the caller; later versions may add fields behind the last one. */
    uint32_t struct_size;
    /** Always 0. */
    uint32_t reserved;
    /** Messages that sends have taken. */
    uint64_t messages_sent;
    /** Messages that were handed out. */
    uint64_t messages_received;
    /** Bytes of the messages sent. */
    uint64_t bytes_sent;
    /** Bytes of the messages received. */
    uint64_t bytes_received;
    /** Sends that went to sleep. */
    uint64_t send_waits;
    /** Receives that went to sleep. */
    uint64_t recv_waits;
    /** Times the peer was woken by a system call. */
    uint64_t wakeups_sent;
    /** Bytes that were taken and are still in this process. */
    uint64_t pending_bytes;
    /** Bytes of the ring to the peer; 0 on a socket. */
    uint64_t ring_bytes;
    /** Bytes of that ring in use now. */
    uint64_t ring_used;
    /** The most bytes of that ring found in use, whenever the reader's position was looked at. */
    uint64_t ring_used_max;
    /** Replies that were dropped because no caller waited for them any more. */
    uint64_t late_replies;
} tn_stats;

/** tn_slice is a piece of memory. `data` is ignored where `len` is 0. */
typedef struct tn_slice {
    /** Where it begins. */
    const void *data;
    /** How many bytes it has. */
    size_t len;
} tn_slice;

/** tn_loan is room to write a message in place. It is 16-byte aligned. */
typedef struct tn_loan {
    /** Where to write the message. */
    void *data;
    /** How many bytes there is room for. */
    size_t len;
    /** The library's; leave it as it is until the loan is committed or discarded. */
    uint64_t private_;
    /** 0; reserved for later versions. */
    uint64_t reserved[2];
} tn_loan;

/**
 * tn_message is a received message. Its bytes are 16-byte aligned. Those of a view lie in
 * memory that the peer can still write to (unless views=copy): copy before you validate.
 */
typedef struct tn_message {
    /** Where its bytes are. */
    const void *data;
    /** How many there are. */
    size_t len;
    /** The message's type, which the user defines; 0 if none was given. */
    uint32_t tag;
    /** The number of the request that this is, or that this answers; else 0. */
    uint32_t id;
    /** TN_MESSAGE_REQUEST, TN_MESSAGE_REPLY or 0. */
    uint32_t flags;
    /** How many messages were lost just before this one; 0 on shm: and local:, which lose none. */
    uint32_t missed;
    /** The library's; leave it as it is until the message is released. */
    uint64_t private_;
    /** 0; reserved for later versions. */
    uint64_t reserved[4];
} tn_message;

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * tn_status_name returns a status' name, such as "TN_AGAIN"; "TN_UNKNOWN" for a number that is
 * none. The text is static.
 */
const char *tn_status_name(tn_status status);

/**
 * tn_last_error returns this thread's last failure as one English line: what was tried on what,
 * what went wrong and what to do.
 *
 * Never NULL, and never empty after a failure. The text is the library's, and valid until this
 * thread's next failure or its end.
 */
const char *tn_last_error(void);

/**
 * tn_last_error_set makes `text` this thread's last failure, and returns `status`. It is for a
 * layer above the library, whose own failures are then told as the library's are.
 *
 * The text is copied, and a line end in it becomes a space. TN_INVALID, with a text about that:
 * the status isn't that of a failure, or the text is NULL, empty or not UTF-8.
 *
 * # Safety
 * `text` is NULL or NUL-terminated.
 */
tn_status tn_last_error_set(tn_status status, const char *text);

/**
 * tn_version returns the library's version as major * 65536 + minor * 256 + patch: compare it
 * with TN_VERSION.
 */
uint32_t tn_version(void);

/** tn_version_text returns the library's version as text, such as "0.1.0". The text is static. */
const char *tn_version_text(void);

/**
 * tn_listener_open starts listening at `endpoint` and stores the listener in `*out`, which the
 * caller frees with tn_listener_free.
 *
 * It takes over the name of a listener that was killed. With "shm:*" or "local:*" it chooses a
 * name that nobody has, and tn_listener_endpoint tells it. With fd: it accepts from a listening
 * socket that this process was given, whose file it neither makes nor removes.
 *
 * TN_EXISTS: a live process listens there. TN_DENIED: the directory is not this user's, or rights
 * are missing. TN_INVALID: the endpoint is wrong, or fd: names no listening socket; the text says
 * how. TN_NOT_FOUND: systemd has passed no socket. TN_UNSUPPORTED: fd: names a TCP or UDP socket.
 * TN_NO_SPACE: no descriptors left.
 *
 * # Safety
 * `endpoint` is NULL or NUL-terminated; `out` is NULL or writable.
 */
tn_status tn_listener_open(const char *endpoint, struct tn_listener **out);

/**
 * tn_listener_accept takes the next connection whose HELLO has come, and stores the channel in
 * `*out`, which the caller frees with tn_channel_free. The peer may have ended already; what it
 * sent is still received.
 *
 * A client that stalls or sends nonsense holds up nobody else. Handshakes go on whenever this is
 * called. TN_AGAIN, TN_TIMED_OUT: nobody has connected. TN_CLOSED: the listener was closed.
 * TN_NO_SPACE: no descriptors left; the connection waits until there are.
 *
 * # Safety
 * `listener` is NULL or valid; `out` is NULL or writable.
 */
tn_status tn_listener_accept(const struct tn_listener *listener,
                             int32_t timeout_ms,
                             struct tn_channel **out);

/**
 * tn_listener_endpoint writes the endpoint to connect to, NUL-terminated, to the `cap` bytes at
 * `buf`, and its length without the NUL to `*out_len`. For * it has the name that the listener has
 * chosen; for fd: the path of the socket, or fd: and the number if that has no path. TN_TOO_LARGE:
 * `*out_len` is how many bytes it needs, with the NUL.
 *
 * # Safety
 * `listener` is NULL or valid; `buf` is NULL or writable for `cap` bytes; `out_len` is NULL or
 * writable.
 */
tn_status tn_listener_endpoint(const struct tn_listener *listener,
                               char *buf,
                               size_t cap,
                               size_t *out_len);

/**
 * tn_listener_stats stores counts of what has become of the connections so far in `*out`.
 * `out->struct_size` must be set. The counts stay when the listener is closed.
 *
 * # Safety
 * `listener` is NULL or valid; `out` is NULL, or writable for its struct_size bytes.
 */
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif
tn_status tn_listener_stats(const struct tn_listener *listener, struct tn_listener_stats *out);
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

/**
 * tn_listener_fd stores a descriptor in `*out` that is readable while tn_listener_accept may get
 * further: wait for it, never read, write or close it. It is the same number until free. Every 5 s
 * it becomes readable, so that tn_listener_accept looks whether the socket's file is still there.
 * If the file was removed, that call makes it again, after it has accepted those that connected
 * before.
 *
 * # Safety
 * `listener` is NULL or valid; `out` is NULL or writable.
 */
tn_status tn_listener_fd(const struct tn_listener *listener, tn_fd *out);

/**
 * tn_listener_close stops listening, removes the name and wakes every thread that waits, with
 * TN_CLOSED. Channels that were accepted stay as they are. Closing twice, or NULL, is fine.
 *
 * # Safety
 * `listener` is NULL or valid.
 */
void tn_listener_close(const struct tn_listener *listener);

/**
 * tn_listener_free closes the listener and destroys it. It is the last use of the listener. NULL
 * is fine.
 *
 * # Safety
 * `listener` is NULL, or came from tn_listener_open and no thread uses it any more.
 */
void tn_listener_free(struct tn_listener *listener);

/**
 * tn_channel_connect connects to a listener and stores the channel in `*out`, which the caller
 * frees with tn_channel_free.
 *
 * It is done when somebody listens there. What is sent before the other side has accepted waits in
 * the socket (messages up to 64 KiB, as much as the kernel takes). It arrives first, also if this
 * side has closed or died by then. If the handshake is refused, the next call and all later ones
 * say so. TN_DENIED: the listener refuses this user. TN_NO_SPACE: max_channels is reached.
 * TN_TOO_LARGE: an early message is larger than the listener's max_message. TN_PROTOCOL: what
 * listens there isn't treenail. With early=0 or shm=required this call waits for the handshake,
 * and returns these itself.
 *
 * TN_NOT_FOUND: nobody listens there; with retry=1 it keeps trying until the timeout instead.
 * TN_AGAIN, TN_TIMED_OUT: it was not connected in time. TN_DENIED: rights are missing, or the
 * listener is another user's. TN_UNSUPPORTED: shm=required isn't possible, or fd: names a TCP or
 * UDP socket. TN_INVALID: the endpoint is wrong, or fd: names no connected socket. TN_NO_SPACE: no
 * descriptors left.
 *
 * # Safety
 * `endpoint` is NULL or NUL-terminated; `out` is NULL or writable.
 */
tn_status tn_channel_connect(const char *endpoint, int32_t timeout_ms, struct tn_channel **out);

/**
 * tn_channel_connect_start is tn_channel_connect without any waiting: it stores the channel in
 * `*out` at once, and the caller frees it with tn_channel_free.
 *
 * The channel may be unconnected for a while: the listener's backlog is full, nobody listens there
 * yet (retry=1), or it waits for the handshake (early=0). Its descriptors become readable on
 * progress. Until it is connected, a call returns TN_AGAIN, or waits if its timeout allows. If
 * connecting fails, calls return the reason. Closing the channel cancels connecting. What is known
 * at once fails at once: TN_NOT_FOUND, TN_DENIED, TN_INVALID, TN_NO_SPACE.
 *
 * # Safety
 * `endpoint` is NULL or NUL-terminated; `out` is NULL or writable.
 */
tn_status tn_channel_connect_start(const char *endpoint, struct tn_channel **out);

/**
 * tn_channel_create makes a channel for exactly two programs: it listens, accepts the first
 * program that connects, stops listening, and stores the channel in `*out`, which the caller frees
 * with tn_channel_free. The peer may have ended already, as with tn_listener_accept. With fd: it
 * takes the listener's part on a connected socket, or accepts one connection of a listening one.
 * Statuses are those of tn_listener_open and tn_listener_accept. TN_PROTOCOL, TN_PEER_LOST: on a
 * connected socket the other side takes the same part, or has gone without a word.
 *
 * # Safety
 * `endpoint` is NULL or NUL-terminated; `out` is NULL or writable.
 */
tn_status tn_channel_create(const char *endpoint, int32_t timeout_ms, struct tn_channel **out);

/**
 * tn_channel_create_start begins to listen, as tn_channel_create does, and stores the channel in
 * `*out` at once. The caller frees it with tn_channel_free. Until the other program has connected,
 * the channel is as one of tn_channel_connect_start.
 *
 * # Safety
 * `endpoint` is NULL or NUL-terminated; `out` is NULL or writable.
 */
tn_status tn_channel_create_start(const char *endpoint, struct tn_channel **out);

/**
 * tn_channel_pair makes a private channel and stores both its ends in `*out_a` and `*out_b`, each
 * of which the caller frees with tn_channel_free: for tests, and for threads of one process.
 *
 * `options` is "key=value&key=value", as behind the ? of an endpoint, or NULL for none. The ends
 * share memory through rings; "shm=off" keeps them on their sockets. Each end is a channel like
 * any other; the address of its tn_peer is "pair". Nothing waits, and nobody else can connect. To
 * join another process without a name, give it one end of a socketpair; each process adopts its
 * end by "fd:NUMBER".
 *
 * TN_INVALID: an option is wrong. TN_UNSUPPORTED: "shm=required" isn't possible. TN_NO_SPACE: no
 * descriptors left. TN_DENIED: peer_uid= admits somebody else only. On failure nothing is stored.
 *
 * # Safety
 * `options` is NULL or NUL-terminated; `out_a` and `out_b` are NULL or writable, and are two.
 */
tn_status tn_channel_pair(const char *options,
                          struct tn_channel **out_a,
                          struct tn_channel **out_b);

/**
 * tn_channel_fd stores a descriptor in `*out` for poll, epoll, select and the event loops on top
 * of them. It is readable while there may be a message, progress of connecting, the end, or
 * something that the library itself has to send: a pong, or the rest of a message that a send
 * took, once there is room for it. So a program that watches only this descriptor also sends
 * everything, by receiving.
 *
 * It shows a state, not an event (level-triggered): every thread that looks sees it, however late.
 * It starts readable; only a receiving call that returned TN_AGAIN or TN_TIMED_OUT makes it
 * unreadable. You may receive one message for each event, or receive until TN_AGAIN. After
 * TN_CLOSED and TN_PEER_LOST it stays readable. Never read, write or close it. It is made the
 * first time, and the same number until free. TN_NO_SPACE: no descriptors left.
 *
 * # Safety
 * `channel` is NULL or valid; `out` is NULL or writable.
 */
tn_status tn_channel_fd(const struct tn_channel *channel, tn_fd *out);

/**
 * tn_channel_send_fd stores a second descriptor in `*out`: it is readable while a send may
 * succeed, on progress of connecting, and at the end. Wait for it only while there is something to
 * send.
 *
 * It shows a state, as the descriptor of tn_channel_fd does. It starts readable; only a send,
 * commit or flush that returned TN_AGAIN or TN_TIMED_OUT, or left the rest of a message here,
 * makes it unreadable. It waits for room for the message that was refused last; a shorter message
 * may fit before. Never read, write or close it. It is made the first time, and the same number
 * until free. TN_NO_SPACE: no descriptors left.
 *
 * # Safety
 * `channel` is NULL or valid; `out` is NULL or writable.
 */
tn_status tn_channel_send_fd(const struct tn_channel *channel, tn_fd *out);

/**
 * tn_channel_peer tells who is at the other end, as the kernel says. `out->struct_size` must be
 * set. TN_AGAIN: the channel is still connecting.
 *
 * # Safety
 * `channel` is NULL or valid; `out` is NULL, or writable for its struct_size bytes.
 */
tn_status tn_channel_peer(const struct tn_channel *channel, struct tn_peer *out);

/**
 * tn_channel_stats stores counts of what has gone through the channel in `*out`.
 * `out->struct_size` must be set. TN_AGAIN: the channel is still connecting.
 *
 * # Safety
 * `channel` is NULL or valid; `out` is NULL, or writable for its struct_size bytes.
 */
tn_status tn_channel_stats(const struct tn_channel *channel, struct tn_stats *out);

/**
 * tn_channel_close ends a channel: every call on it returns TN_CLOSED at once, in all threads,
 * what was not received is dropped, and the peer is told. It waits for nothing, not even for the
 * rest of a message: flush first. Open views stay readable until they are released. Closing twice,
 * or NULL, is fine.
 *
 * # Safety
 * `channel` is NULL or valid.
 */
void tn_channel_close(const struct tn_channel *channel);

/**
 * tn_channel_free closes a channel, if it is open, and destroys it. It is the last use of the
 * channel, of its views and of its loans. NULL is fine.
 *
 * # Safety
 * `channel` is NULL, or came from this library and no thread uses it any more.
 */
void tn_channel_free(struct tn_channel *channel);

/**
 * tn_channel_send sends one message. It is taken whole (TN_OK) or not at all; an empty one is a
 * message too. `data` stays the caller's, and may be reused at once.
 *
 * As long as the timeout allows, it waits until the whole message is in the ring or the kernel. If
 * the time runs out in the middle of a long message, the rest stays in the channel and goes out
 * with later calls; tn_channel_flush waits for it. A connector's message over 64 KiB waits until
 * the listener has answered. TN_AGAIN, TN_TIMED_OUT: there is no room. TN_TOO_LARGE: the message
 * is larger than the peer's max_message. TN_CLOSED, TN_PEER_LOST: the channel has ended. A channel
 * whose handshake was refused returns the reason.
 *
 * # Safety
 * `channel` is NULL or valid; `data` is NULL or readable for `len` bytes.
 */
tn_status tn_channel_send(const struct tn_channel *channel,
                          const void *data,
                          size_t len,
                          int32_t timeout_ms);

/**
 * tn_channel_send_tagged sends one message with a tag, a number of the user's choice, which the
 * receiver finds in tn_message. In all else it is as tn_channel_send, which sends the tag 0.
 * TN_UNSUPPORTED: the tag isn't 0, and raw=1.
 *
 * # Safety
 * `channel` is NULL or valid; `data` is NULL or readable for `len` bytes.
 */
tn_status tn_channel_send_tagged(const struct tn_channel *channel,
                                 uint32_t tag,
                                 const void *data,
                                 size_t len,
                                 int32_t timeout_ms);

/**
 * tn_channel_sendv sends one message that is put together from `count` parts, with a tag.
 * Statuses are those of tn_channel_send_tagged.
 *
 * # Safety
 * `channel` is NULL or valid; `parts` is NULL or readable for `count` slices, and each slice is
 * NULL or readable for its length.
 */
tn_status tn_channel_sendv(const struct tn_channel *channel,
                           uint32_t tag,
                           const struct tn_slice *parts,
                           size_t count,
                           int32_t timeout_ms);

/**
 * tn_channel_send_many sends `count` messages with one wake-up, and stores in `*out_sent` how
 * many were taken; it is always written.
 *
 * It waits until all are taken, or the time runs out. It returns TN_OK if any was taken; TN_AGAIN,
 * TN_TIMED_OUT and the other failures of tn_channel_send come only if none was.
 *
 * # Safety
 * `channel` is NULL or valid; `messages` is NULL or readable for `count` slices, and each slice
 * is NULL or readable for its length; `out_sent` is NULL or writable.
 */
tn_status tn_channel_send_many(const struct tn_channel *channel,
                               const struct tn_slice *messages,
                               size_t count,
                               int32_t timeout_ms,
                               size_t *out_sent);

/**
 * tn_channel_loan lends room to write a message of up to `len` bytes in place. On shm nothing is
 * copied if the loan fits half a ring; otherwise the room is a buffer. The loan ends with
 * tn_channel_commit or tn_channel_discard. Until then it holds back what is sent after it.
 * Statuses are those of tn_channel_send.
 *
 * # Safety
 * `channel` is NULL or valid; `out` is NULL or writable.
 */
tn_status tn_channel_loan(const struct tn_channel *channel,
                          size_t len,
                          int32_t timeout_ms,
                          struct tn_loan *out);

/**
 * tn_channel_commit sends the first `len` bytes of a loan as a message with a tag, and ends the
 * loan. A loan that lies in the ring never waits. Any other is sent as by tn_channel_send, which
 * waits, as long as the timeout allows, until all of it is in the ring or the kernel.
 *
 * TN_AGAIN, TN_TIMED_OUT: there is no room for its first byte. The loan stays open, to be
 * committed again or discarded. TN_INVALID: it was committed or discarded before, or `len` is more
 * than its length; it stays as it is. TN_UNSUPPORTED: the tag isn't 0, and raw=1; the loan stays
 * open. TN_CLOSED, TN_PEER_LOST: the channel has ended, and so has the loan.
 *
 * # Safety
 * `channel` and `loan` are NULL or valid.
 */
tn_status tn_channel_commit(const struct tn_channel *channel,
                            const struct tn_loan *loan,
                            uint32_t tag,
                            size_t len,
                            int32_t timeout_ms);

/**
 * tn_channel_discard gives a loan back unsent. TN_INVALID: it was committed or discarded before.
 *
 * # Safety
 * `channel` and `loan` are NULL or valid.
 */
tn_status tn_channel_discard(const struct tn_channel *channel, const struct tn_loan *loan);

/**
 * tn_channel_flush waits until everything that sends took is out of this process: the rest of a
 * long message, and what an open loan holds back. TN_AGAIN, TN_TIMED_OUT: some of it is still
 * here. TN_CLOSED, TN_PEER_LOST: the channel has ended.
 *
 * # Safety
 * `channel` is NULL or valid.
 */
tn_status tn_channel_flush(const struct tn_channel *channel, int32_t timeout_ms);

/**
 * tn_channel_recv receives one message: it copies the payload to the `cap` bytes at `buf`, and
 * stores its length in `*out_len`. A request that this call receives can't be answered.
 *
 * TN_TOO_LARGE: `*out_len` is how many bytes it needs, and the message stays. TN_AGAIN,
 * TN_TIMED_OUT: there is no message. TN_CLOSED, TN_PEER_LOST: the channel has ended, and all that
 * had arrived has been received. TN_NO_SPACE: open views hold most of the ring; release some.
 *
 * # Safety
 * `channel` is NULL or valid; `buf` is NULL or writable for `cap` bytes; `out_len` is NULL or
 * writable.
 */
tn_status tn_channel_recv(const struct tn_channel *channel,
                          void *buf,
                          size_t cap,
                          int32_t timeout_ms,
                          size_t *out_len);

/**
 * tn_channel_recv_message receives one message like tn_channel_recv, with its tag, id and flags;
 * `out->data` is `buf`, and there is nothing to release. With TN_TOO_LARGE `out->len` is how many
 * bytes it needs, and the rest of `*out` is zero.
 *
 * # Safety
 * `channel` is NULL or valid; `buf` is NULL or writable for `cap` bytes; `out` is NULL or
 * writable.
 */
tn_status tn_channel_recv_message(const struct tn_channel *channel,
                                  void *buf,
                                  size_t cap,
                                  int32_t timeout_ms,
                                  struct tn_message *out);

/**
 * tn_channel_recv_view receives one message in place, without a copy where the transport can do
 * that. The bytes are valid until tn_channel_release, and hold room in the ring until then.
 * Several views may be open at a time. Statuses are those of tn_channel_recv, without
 * TN_TOO_LARGE.
 *
 * # Safety
 * `channel` is NULL or valid; `out` is NULL or writable.
 */
tn_status tn_channel_recv_view(const struct tn_channel *channel,
                               int32_t timeout_ms,
                               struct tn_message *out);

/**
 * tn_channel_release gives back a view, or the reply to a request. Views may be released in any
 * order, from any thread, and after tn_channel_close too. TN_INVALID: it was released before.
 *
 * # Safety
 * `channel` and `view` are NULL or valid.
 */
tn_status tn_channel_release(const struct tn_channel *channel, const struct tn_message *view);

/**
 * tn_channel_recv_many receives as many messages as are there and fit, at most `max`. It copies
 * their payloads to the `cap` bytes at `buf`, each 16-byte aligned. It stores where each lies,
 * with its tag, id and flags, in `out_messages`, and their number in `*out_count`. It waits for
 * the first message only. There is nothing to release, and requests among them can be answered.
 *
 * TN_TOO_LARGE: not even the first fits. `out_messages[0].len` is how many bytes it needs (15 more
 * if `buf` isn't 16-byte aligned), and the rest of `out_messages[0]` is zero. Other statuses are
 * those of tn_channel_recv.
 *
 * # Safety
 * `channel` is NULL or valid; `buf` is NULL or writable for `cap` bytes; `out_messages` is NULL
 * or writable for `max` messages; `out_count` is NULL or writable.
 */
tn_status tn_channel_recv_many(const struct tn_channel *channel,
                               void *buf,
                               size_t cap,
                               struct tn_message *out_messages,
                               size_t max,
                               int32_t timeout_ms,
                               size_t *out_count);

/**
 * tn_channel_busy_poll looks for a short while whether there is something to receive, and leaves
 * it there. It is for event loops: call it after a message was handled and before the loop sleeps,
 * if the next message may come at once, as in a conversation. TN_OK: a receiving call finds a
 * message, or the end, unless another thread is faster. TN_AGAIN: nothing came, or the handshake
 * isn't done.
 *
 * It spins as `spin=` says, but for at most 50 microseconds, also with `forever`. By default it
 * seldom spins if that was in vain lately. It never makes the descriptor unreadable: a receiving
 * call that returns TN_AGAIN does. Limit how often a loop calls this in a row; otherwise a peer
 * that always answers at once keeps the loop there.
 *
 * # Safety
 * `channel` is NULL or valid.
 */
tn_status tn_channel_busy_poll(const struct tn_channel *channel);

/**
 * tn_channel_request sends a request and waits for the reply to it, which is stored in
 * `*out_reply` and given back with tn_channel_release like a view.
 *
 * Any number of threads may ask at once. Other messages that come meanwhile wait in the inbox for
 * a receiving call. TN_TIMED_OUT, and TN_AGAIN if the timeout was 0: the request may have been
 * sent, but no reply came; a late reply is dropped. TN_NO_SPACE: the inbox is full (inbox=). Other
 * statuses are those of tn_channel_send and tn_channel_recv.
 *
 * # Safety
 * `channel` is NULL or valid; `data` is NULL or readable for `len` bytes; `out_reply` is NULL or
 * writable.
 */
tn_status tn_channel_request(const struct tn_channel *channel,
                             uint32_t tag,
                             const void *data,
                             size_t len,
                             int32_t timeout_ms,
                             struct tn_message *out_reply);

/**
 * tn_channel_request_begin is the first half of tn_channel_request: it sends the request, and
 * stores its id in `*out_id`. tn_channel_request_end fetches the reply; no receiving call gets it.
 * These two are for event loops, and for programs that wait in pieces. Statuses are those of
 * tn_channel_send, and TN_NO_SPACE as for tn_channel_request.
 *
 * # Safety
 * `channel` is NULL or valid; `data` is NULL or readable for `len` bytes; `out_id` is NULL or
 * writable.
 */
tn_status tn_channel_request_begin(const struct tn_channel *channel,
                                   uint32_t tag,
                                   const void *data,
                                   size_t len,
                                   int32_t timeout_ms,
                                   uint32_t *out_id);

/**
 * tn_channel_request_end waits for the reply to the request that was begun under `id`, stores it
 * in `*out_reply`, and ends the request; the reply is given back with tn_channel_release like a
 * view.
 *
 * Other messages that come meanwhile wait in the inbox for a receiving call. An event loop that
 * waits for both therefore calls this first, and then receives. TN_AGAIN, TN_TIMED_OUT: the reply
 * has not come yet; wait for it again. TN_INVALID: there is no such request, or it was ended. Any
 * other failure ends the request, as for tn_channel_request.
 *
 * # Safety
 * `channel` is NULL or valid; `out_reply` is NULL or writable.
 */
tn_status tn_channel_request_end(const struct tn_channel *channel,
                                 uint32_t id,
                                 int32_t timeout_ms,
                                 struct tn_message *out_reply);

/**
 * tn_channel_request_cancel ends the request that was begun or started under `id`; its reply is
 * dropped when it comes. TN_INVALID: there is no such request, or it was ended.
 *
 * # Safety
 * `channel` is NULL or valid.
 */
tn_status tn_channel_request_cancel(const struct tn_channel *channel, uint32_t id);

/**
 * tn_channel_request_start sends a request and stores its id in `*out_id`. The reply is received
 * like any message, with TN_MESSAGE_REPLY and that id. Statuses are those of tn_channel_send.
 *
 * # Safety
 * `channel` is NULL or valid; `data` is NULL or readable for `len` bytes; `out_id` is NULL or
 * writable.
 */
tn_status tn_channel_request_start(const struct tn_channel *channel,
                                   uint32_t tag,
                                   const void *data,
                                   size_t len,
                                   int32_t timeout_ms,
                                   uint32_t *out_id);

/**
 * tn_channel_reply answers, once, a message whose flags are TN_MESSAGE_REQUEST. It reads only the
 * flags, id and tag of `request`, so `request` may have been released. Any thread may answer.
 *
 * Statuses are those of tn_channel_send; after a failure you may try again. TN_INVALID: `request`
 * is no request, came to another channel, or was answered before. The channel remembers the last
 * 65536 unanswered requests; an older one may be answered too.
 *
 * # Safety
 * `channel` and `request` are NULL or valid; `data` is NULL or readable for `len` bytes.
 */
tn_status tn_channel_reply(const struct tn_channel *channel,
                           const struct tn_message *request,
                           const void *data,
                           size_t len,
                           int32_t timeout_ms);

/**
 * tn_segment_create makes a segment of `size` zero bytes and stores it in `*out`, which the
 * caller frees with tn_segment_free.
 *
 * It replaces a segment whose holders have all died. TN_EXISTS: a live process holds a segment of
 * that name, or it was made with persist=1. TN_NO_SPACE: /dev/shm is full, and was so for half a
 * second; no later use of the data can fail for that reason. TN_DENIED: the object of that name is
 * another user's. TN_PROTOCOL: the object is no segment; tn_segment_remove removes it, unless it
 * is a directory. TN_INVALID: the name is wrong, or the size 0. TN_TOO_LARGE: the size is over 1
 * TiB. TN_UNSUPPORTED: there is no /dev/shm, or no /proc.
 *
 * # Safety
 * `name` is NULL or NUL-terminated; `out` is NULL or writable.
 */
tn_status tn_segment_create(const char *name, size_t size, struct tn_segment **out);

/**
 * tn_segment_open opens a segment and stores it in `*out`, which the caller frees with
 * tn_segment_free.
 *
 * TN_NOT_FOUND: no live process holds a segment of that name, and none was made with persist=1.
 * TN_DENIED, TN_PROTOCOL: as for tn_segment_create. TN_NO_SPACE: 1024 handles hold it already, or
 * no descriptors are left. A user that may only read the object may use its data,
 * tn_segment_version and tn_segment_wait; every other call returns TN_DENIED. TN_DENIED also means
 * a native: object of another user that this user doesn't hold with treenail: only its owner can
 * make its lock.
 *
 * # Safety
 * `name` is NULL or NUL-terminated; `out` is NULL or writable.
 */
tn_status tn_segment_open(const char *name, struct tn_segment **out);

/**
 * tn_segment_open_or_create opens a segment, or makes one of `size` zero bytes if there is none,
 * and stores it in `*out`, which the caller frees with tn_segment_free. If many call it at once,
 * exactly one makes it. A segment that exists keeps its size, which is `size` or more;
 * tn_segment_size returns it. TN_TOO_LARGE: the segment that exists is smaller, and tn_last_error
 * says both sizes; or `size` is over 1 TiB.
 *
 * With size 0 it opens a segment of any size, and makes none: TN_NOT_FOUND if there is none. It
 * doesn't make native: objects either: TN_INVALID. The rest is as for tn_segment_create and
 * tn_segment_open.
 *
 * # Safety
 * `name` is NULL or NUL-terminated; `out` is NULL or writable.
 */
tn_status tn_segment_open_or_create(const char *name, size_t size, struct tn_segment **out);

/**
 * tn_segment_data returns the address of the data, page-aligned. It is the same until free, also
 * after close. With access=ro, writing there ends the program. NULL for NULL.
 *
 * # Safety
 * `segment` is NULL or valid.
 */
void *tn_segment_data(const struct tn_segment *segment);

/**
 * tn_segment_size returns the size in bytes that the segment was made with. 0 for NULL.
 *
 * # Safety
 * `segment` is NULL or valid.
 */
size_t tn_segment_size(const struct tn_segment *segment);

/**
 * tn_segment_lock takes the lock exclusively. The lock belongs to the handle: it excludes other
 * threads of the same handle too, any thread may unlock, and locking twice waits.
 *
 * TN_OK, TN_OWNER_DIED: this handle has the lock, so test with `< 0`. TN_OWNER_DIED: a handle that
 * had the lock exclusively died, or was freed or closed, and nobody has had it exclusively since;
 * the data may be half-written. The death of a handle that had it shared doesn't count, as it
 * wrote nothing. TN_AGAIN, TN_TIMED_OUT: others have the lock.
 *
 * # Safety
 * `segment` is NULL or valid.
 */
tn_status tn_segment_lock(const struct tn_segment *segment, int32_t timeout_ms);

/**
 * tn_segment_lock_shared takes the lock shared with other readers: nobody has it exclusively
 * meanwhile. TN_OWNER_DIED: the data may be half-written; this stays until somebody has had the
 * lock exclusively. The rest is as for tn_segment_lock.
 *
 * # Safety
 * `segment` is NULL or valid.
 */
tn_status tn_segment_lock_shared(const struct tn_segment *segment, int32_t timeout_ms);

/**
 * tn_segment_unlock gives the lock back, however it was taken. TN_INVALID: this handle doesn't
 * hold it.
 *
 * # Safety
 * `segment` is NULL or valid.
 */
tn_status tn_segment_unlock(const struct tn_segment *segment);

/**
 * tn_segment_write copies `len` bytes to the data at `offset`, under the lock, and announces the
 * change as tn_segment_notify does. Statuses are those of tn_segment_lock: with TN_OWNER_DIED the
 * bytes are written, and the data around them may be half-written. TN_INVALID: the bytes don't lie
 * within the data. TN_DENIED: the data are open for reading only.
 *
 * # Safety
 * `segment` is NULL or valid; `data` is NULL or readable for `len` bytes.
 */
tn_status tn_segment_write(const struct tn_segment *segment,
                           size_t offset,
                           const void *data,
                           size_t len,
                           int32_t timeout_ms);

/**
 * tn_segment_read copies `len` bytes of the data at `offset` to `buf`, under the shared lock: what
 * tn_segment_write wrote in one call is there whole. Statuses are those of tn_segment_lock_shared:
 * with TN_OWNER_DIED the bytes are read, and may be half-written. TN_INVALID: the bytes don't lie
 * within the data.
 *
 * # Safety
 * `segment` is NULL or valid; `buf` is NULL or writable for `len` bytes.
 */
tn_status tn_segment_read(const struct tn_segment *segment,
                          size_t offset,
                          void *buf,
                          size_t len,
                          int32_t timeout_ms);

/**
 * tn_segment_notify announces a change: it adds one to the version, and wakes whoever waits for
 * that. If nobody waits, it makes no system call.
 *
 * # Safety
 * `segment` is NULL or valid.
 */
tn_status tn_segment_notify(const struct tn_segment *segment);

/**
 * tn_segment_version returns how many changes were announced. 0 for NULL.
 *
 * # Safety
 * `segment` is NULL or valid.
 */
uint64_t tn_segment_version(const struct tn_segment *segment);

/**
 * tn_segment_wait waits until the version differs from `seen`, and stores the version in
 * `*out_version`. TN_AGAIN, TN_TIMED_OUT: it still is `seen`.
 *
 * # Safety
 * `segment` is NULL or valid; `out_version` is NULL or writable.
 */
tn_status tn_segment_wait(const struct tn_segment *segment,
                          uint64_t seen,
                          int32_t timeout_ms,
                          uint64_t *out_version);

/**
 * tn_segment_fd stores a descriptor in `*out` that is readable at first, and while the version may
 * differ from what tn_segment_wait with TN_NOWAIT last found: wait for it, never read, write or
 * close it. It is the same number until free, and readable from close on.
 *
 * When it is readable, call tn_segment_wait with TN_NOWAIT. Only that makes it unreadable, by
 * TN_AGAIN, until the next change. It shows a state: every thread that looks sees it, however long
 * ago the change was. TN_NO_SPACE: no descriptors are left, or no files in /dev/shm.
 *
 * # Safety
 * `segment` is NULL or valid; `out` is NULL or writable.
 */
tn_status tn_segment_fd(const struct tn_segment *segment, tn_fd *out);

/**
 * tn_segment_lock_fd stores a descriptor in `*out` that is readable at first, and while the lock
 * may be free. It is another descriptor than that of tn_segment_fd, and used in the same way.
 *
 * When it is readable, take the lock with TN_NOWAIT. Only that makes it unreadable, by TN_AGAIN.
 * It becomes readable again once somebody has unlocked, or died. No event tells of a death, so
 * while others have the lock it becomes readable now and then without a reason: every 5 ms at
 * first, and every 50 ms in the end. A call with TN_NOWAIT doesn't queue for the lock: others that
 * wait, and readers that come and go, can be faster many times. Statuses are those of
 * tn_segment_fd.
 *
 * # Safety
 * `segment` is NULL or valid; `out` is NULL or writable.
 */
tn_status tn_segment_lock_fd(const struct tn_segment *segment, tn_fd *out);

/**
 * tn_segment_attached returns how many handles hold the segment now, this one among them. Those of
 * dead processes don't count. 0 for NULL.
 *
 * # Safety
 * `segment` is NULL or valid.
 */
uint32_t tn_segment_attached(const struct tn_segment *segment);

/**
 * tn_segment_close lets go of the segment. Calls on the handle return TN_CLOSED, also those that
 * wait. If the handle has the lock, the next owner gets it, with TN_OWNER_DIED if it was
 * exclusive. The last handle that goes removes the segment. The data stay mapped until free.
 * Closing twice, or NULL, is fine.
 *
 * # Safety
 * `segment` is NULL or valid.
 */
void tn_segment_close(const struct tn_segment *segment);

/**
 * tn_segment_free closes the segment and unmaps its data. It is the last use of both. NULL is
 * fine.
 *
 * # Safety
 * `segment` is NULL, or came from tn_segment_create, tn_segment_open or
 * tn_segment_open_or_create, and no thread uses it or its data any more.
 */
void tn_segment_free(struct tn_segment *segment);

/**
 * tn_segment_remove removes the object that has this name, whether or not it is a segment. Those
 * that hold it keep it; the name is free at once. TN_NOT_FOUND: nothing has the name. TN_DENIED:
 * this user may not remove it. TN_PROTOCOL: it is a directory, which rmdir removes. TN_IO: another
 * process keeps the object from being opened, left or removed.
 *
 * # Safety
 * `name` is NULL or NUL-terminated.
 */
tn_status tn_segment_remove(const char *name);

/**
 * tn_semaphore_create makes a semaphore with `initial` units and stores it in `*out`, which the
 * caller frees with tn_semaphore_free.
 *
 * It replaces a semaphore whose holders have all died. TN_EXISTS: a live process holds a semaphore
 * of that name, or it was made with persist=1. TN_TOO_LARGE: `initial` is over 2147483647.
 * TN_NO_SPACE: /dev/shm is full, or no descriptors are left. TN_DENIED: the object of that name is
 * another user's. TN_PROTOCOL: the object is no semaphore; tn_semaphore_remove removes it, unless
 * it is a directory. TN_INVALID: the name is wrong. TN_UNSUPPORTED: there is no /dev/shm, or no
 * /proc.
 *
 * # Safety
 * `name` is NULL or NUL-terminated; `out` is NULL or writable.
 */
tn_status tn_semaphore_create(const char *name, uint32_t initial, struct tn_semaphore **out);

/**
 * tn_semaphore_open opens a semaphore and stores it in `*out`, which the caller frees with
 * tn_semaphore_free. TN_NOT_FOUND: no live process holds one of that name. TN_DENIED: this user
 * may not use it, or only read it. TN_NO_SPACE: 1024 handles hold it already, or no descriptors
 * are left. The rest is as for tn_semaphore_create.
 *
 * # Safety
 * `name` is NULL or NUL-terminated; `out` is NULL or writable.
 */
tn_status tn_semaphore_open(const char *name, struct tn_semaphore **out);

/**
 * tn_semaphore_open_or_create opens a semaphore, or makes one with `initial` units if there is
 * none, and stores it in `*out`, which the caller frees with tn_semaphore_free. If many call it at
 * once, exactly one makes it. A semaphore that exists keeps its units, whatever `initial` says.
 * Statuses are those of tn_semaphore_create and tn_semaphore_open, without TN_EXISTS and
 * TN_NOT_FOUND.
 *
 * # Safety
 * `name` is NULL or NUL-terminated; `out` is NULL or writable.
 */
tn_status tn_semaphore_open_or_create(const char *name,
                                      uint32_t initial,
                                      struct tn_semaphore **out);

/**
 * tn_semaphore_acquire acquires `n` units, all at once or none. Callers that want few units can't
 * overtake one that wants many for ever: after a while it is next, and the others wait for it.
 * They wait also if there will never be so many units, or if its process is stopped. A call with
 * TN_NOWAIT is never next.
 *
 * TN_AGAIN, TN_TIMED_OUT: there are fewer units. If hundreds of handles hold the semaphore, the
 * units of those that died in the last 50 ms may still be missing. TN_INVALID: `n` is 0.
 * TN_TOO_LARGE: `n` is over 2147483647.
 *
 * # Safety
 * `semaphore` is NULL or valid.
 */
tn_status tn_semaphore_acquire(const struct tn_semaphore *semaphore,
                               uint32_t n,
                               int32_t timeout_ms);

/**
 * tn_semaphore_release adds `n` units, and wakes those that can now have theirs. This handle need
 * not have acquired the units: what it releases beyond those it acquired stays when it goes.
 * TN_TOO_LARGE: there would be more than 2147483647 units; nothing was changed. TN_INVALID: `n` is
 * 0.
 *
 * # Safety
 * `semaphore` is NULL or valid.
 */
tn_status tn_semaphore_release(const struct tn_semaphore *semaphore, uint32_t n);

/**
 * tn_semaphore_value stores in `*out` how many units are free now. Those of dead processes come
 * back first.
 *
 * # Safety
 * `semaphore` is NULL or valid; `out` is NULL or writable.
 */
tn_status tn_semaphore_value(const struct tn_semaphore *semaphore, uint32_t *out);

/**
 * tn_semaphore_fd stores a descriptor in `*out` that is readable at first, and while
 * tn_semaphore_acquire may succeed: wait for it, never read, write or close it. It is the same
 * number until free, and readable from close on.
 *
 * When it is readable, call tn_semaphore_acquire with TN_NOWAIT. Only that makes it unreadable, by
 * TN_AGAIN, for any number of units. It becomes readable again once there are more units, or a
 * holder has gone. It shows a state: every thread that looks sees it, however long ago that was.
 * If a death may bring units back, it becomes readable now and then without a reason, and twice a
 * second if there are some units, but too few. TN_NO_SPACE: no descriptors are left, or no files
 * in /dev/shm.
 *
 * # Safety
 * `semaphore` is NULL or valid; `out` is NULL or writable.
 */
tn_status tn_semaphore_fd(const struct tn_semaphore *semaphore, tn_fd *out);

/**
 * tn_semaphore_close lets go of the semaphore. Calls on the handle return TN_CLOSED, also those
 * that wait. What the handle has acquired and not released comes back, unless it was opened with
 * undo=0. The last handle that goes removes the semaphore. Closing twice, or NULL, is fine.
 *
 * # Safety
 * `semaphore` is NULL or valid.
 */
void tn_semaphore_close(const struct tn_semaphore *semaphore);

/**
 * tn_semaphore_free closes the semaphore and destroys it. It is the last use of the semaphore.
 * NULL is fine.
 *
 * # Safety
 * `semaphore` is NULL, or came from tn_semaphore_create, tn_semaphore_open or
 * tn_semaphore_open_or_create, and no thread uses it any more.
 */
void tn_semaphore_free(struct tn_semaphore *semaphore);

/**
 * tn_semaphore_remove removes the object that has this name, whether or not it is a semaphore.
 * Those that hold it keep it; the name is free at once. TN_NOT_FOUND: nothing has the name.
 * TN_DENIED: this user may not remove it. TN_PROTOCOL: it is a directory, which rmdir removes.
 * TN_IO: another process keeps the object from being opened, left or removed.
 *
 * # Safety
 * `name` is NULL or NUL-terminated.
 */
tn_status tn_semaphore_remove(const char *name);

/**
 * tn_poller_new makes a poller that waits for nothing yet and stores it in `*out`, which the
 * caller frees with tn_poller_free. TN_NO_SPACE: no descriptors left.
 *
 * # Safety
 * `out` is NULL or writable.
 */
tn_status tn_poller_new(struct tn_poller **out);

/**
 * tn_poller_add_channel adds a channel's messages and its end: tn_poller_wait gives `key` whenever
 * the descriptor of tn_channel_fd would be readable. The channel stays the caller's; when it is
 * freed, it leaves the poller by itself.
 *
 * TN_EXISTS: the key, or the channel, is in this poller already. TN_NO_SPACE: no descriptor is
 * left for the channel's own.
 *
 * # Safety
 * `poller` and `channel` are NULL or valid.
 */
tn_status tn_poller_add_channel(const struct tn_poller *poller,
                                const struct tn_channel *channel,
                                uint64_t key);

/**
 * tn_poller_add_channel_send adds a channel's room to send, and its end: tn_poller_wait gives
 * `key` whenever the descriptor of tn_channel_send_fd would be readable. Add it only while there
 * is something to send. `key` must differ from that of tn_poller_add_channel. TN_EXISTS,
 * TN_NO_SPACE: as for tn_poller_add_channel.
 *
 * # Safety
 * `poller` and `channel` are NULL or valid.
 */
tn_status tn_poller_add_channel_send(const struct tn_poller *poller,
                                     const struct tn_channel *channel,
                                     uint64_t key);

/**
 * tn_poller_add_listener adds a listener: tn_poller_wait gives `key` whenever tn_listener_accept
 * may get further. The listener stays the caller's. TN_EXISTS: as for tn_poller_add_channel.
 *
 * # Safety
 * `poller` and `listener` are NULL or valid.
 */
tn_status tn_poller_add_listener(const struct tn_poller *poller,
                                 const struct tn_listener *listener,
                                 uint64_t key);

/**
 * tn_poller_add_fd adds any descriptor: tn_poller_wait gives `key` whenever it is readable. The
 * descriptor stays the caller's; remove its key before you close it. TN_INVALID: it is not open,
 * or of a kind that can't be polled, such as a file. TN_EXISTS: as for tn_poller_add_channel.
 *
 * # Safety
 * `poller` is NULL or valid.
 */
tn_status tn_poller_add_fd(const struct tn_poller *poller, tn_fd fd, uint64_t key);

/**
 * tn_poller_remove removes what was added with `key`. TN_NOT_FOUND: nothing has that key.
 *
 * # Safety
 * `poller` is NULL or valid.
 */
tn_status tn_poller_remove(const struct tn_poller *poller, uint64_t key);

/**
 * tn_poller_wait waits until something is ready, and stores up to `max` keys at `out_keys` and
 * their number in `*out_count`.
 *
 * TN_OK with no keys: tn_poller_wake was called. TN_AGAIN, TN_TIMED_OUT: nothing is ready.
 *
 * # Safety
 * `poller` is NULL or valid; `out_keys` is NULL or writable for `max` keys; `out_count` is NULL
 * or writable.
 */
tn_status tn_poller_wait(const struct tn_poller *poller,
                         int32_t timeout_ms,
                         uint64_t *out_keys,
                         size_t max,
                         size_t *out_count);

/**
 * tn_poller_wake makes the current tn_poller_wait return, or the next one if there is none. It
 * may be called from any thread, and from a signal handler.
 *
 * # Safety
 * `poller` is NULL or valid.
 */
tn_status tn_poller_wake(const struct tn_poller *poller);

/**
 * tn_poller_fd stores a descriptor in `*out` that is readable while tn_poller_wait would return
 * at once: wait for it, never read, write or close it. It is the same number until free.
 *
 * # Safety
 * `poller` is NULL or valid; `out` is NULL or writable.
 */
tn_status tn_poller_fd(const struct tn_poller *poller, tn_fd *out);

/**
 * tn_poller_free destroys a poller. What was in it stays as it is. NULL is fine.
 *
 * # Safety
 * `poller` is NULL, or came from tn_poller_new and no thread uses it any more.
 */
void tn_poller_free(struct tn_poller *poller);

/**
 * tn_list writes what this user has on this machine to `buf`, with a NUL behind it, and stores its
 * length without the NUL in `*out_len`. Each line is a JSON object: a listener in the user's own
 * directories, a segment, a semaphore, or the lock of a native object. Each has the keys kind,
 * name, owner (a user's number), alive (whether anybody holds it), holders (how many handles),
 * bytes (of data), memory (bytes in /dev/shm), persist, mode and path. A semaphore also has units
 * (that are free), a segment has version, and both have pids (of the processes that hold it and
 * may write it, as each of them says: never rely on them). Later versions may add keys.
 *
 * `pattern` is kind:name, with * for any letters, or NULL for all. The call takes no lock and
 * calls into no other program. What comes and goes meanwhile may be in the list or not.
 *
 * TN_TOO_LARGE: `*out_len` is the size it needs, with the NUL; it may need more the next time.
 * TN_INVALID: there is no such kind, or no colon.
 *
 * # Safety
 * `pattern` is NULL or NUL-terminated; `buf` is NULL or writable for `cap` bytes; `out_len` is
 * NULL or writable.
 */
tn_status tn_list(const char *pattern, char *buf, size_t cap, size_t *out_len);

/**
 * tn_sweep removes what killed programs of this user have left: segments, semaphores and locks
 * that no live process holds and that aren't persist=1, and socket files in the user's own
 * directories at which nobody listens. It stores how many it removed in `*out_count`.
 *
 * `pattern` is as for tn_list. It leaves alone what another program is just opening or leaving,
 * and what isn't this user's. TN_IO: another process keeps a directory of sockets locked.
 *
 * # Safety
 * `pattern` is NULL or NUL-terminated; `out_count` is NULL or writable.
 */
tn_status tn_sweep(const char *pattern, size_t *out_count);

#ifdef __cplusplus
}
#endif /* __cplusplus */

#endif /* TREENAIL_H */
