/// Private: what a Channel shares with its driver and its requests, in all threads.
#ifndef TREENAIL_QT_CHANNEL_STATE_HPP
#define TREENAIL_QT_CHANNEL_STATE_HPP

#include "channel.hpp"

#include <QDeadlineTimer>
#include <QFutureInterface>

#include <deque>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace treenail::qt::detail {

using Handle = std::shared_ptr<treenail::Channel>;

/// A request that waits for its reply. It has one of the two: a promise, which any thread may keep,
/// or a callback, which is for the object's thread.
struct PendingRequest {
    std::optional<QFutureInterface<QByteArray>> promise;
    std::function<void(const Reply&)> done;
    QDeadlineTimer deadline;
    quint32 id = 0;  // in the channel, once it is sent

    /// Keeps the promise, or makes the callback, with this result.
    void finish(const Reply& reply);
};

/// Something to send: a message, a request if it has a number, a reply if it has a request.
struct Outgoing {
    quint32 tag;
    QByteArray data;
    quint64 number = 0;
    std::optional<Message> request;
};

struct Failure {
    Status status = Status::ok;
    QString text;
};

/// The failure of a call to the library that this thread just made.
Failure failure(Status status);

/// What signals carry to other threads.
void register_types();

/// The state of a Channel that its threads share: its connection, what waits to be sent, and the
/// requests that are pending. Every call may come from any thread.
class ChannelState {
public:
    // ---- a connection's life ----

    /// False, and failed, if there is a connection.
    bool is_free(const QString& endpoint);
    /// Takes a new connection, if there is none.
    bool open(Channel::State state, const QString& endpoint, Handle handle);
    /// Moves from Connecting to Connected.
    void set_connected();
    /// Takes no more to send; true if nothing waits.
    bool shut();
    /// Ends the connection: drops what waits, and returns the requests that were pending.
    std::vector<PendingRequest> end(const Failure& why);

    Handle handle() const;
    Channel::State state() const;
    QString endpoint() const;
    Failure error() const;
    void fail(Failure why);

    // ---- sending ----

    /// What is called, from any thread, when something begins to wait for room on a connection;
    /// it may not call back.
    void on_waiting(std::function<void()> call);

    /// Sends a message, or keeps it to be sent later; false, and failed, if it did neither.
    bool send(Outgoing item);
    /// Sends a reply, or keeps it to be sent later, if the request came from the connection that
    /// there is; false, and failed, if it did neither.
    bool reply(Outgoing item, const Handle& came_from);
    /// Sends a request, or keeps it to be sent later. Returns its number; 0, and failed, if it did
    /// neither.
    quint64 ask(quint32 tag, const QByteArray& data, PendingRequest pending);

    struct Dropped {
        Failure why;
        std::optional<PendingRequest> pending;
    };
    struct Progress {
        qint64 bytes = 0;
        std::vector<Dropped> dropped;
    };
    /// Sends what waits, until there is no room or the deadline has passed.
    Progress drain(QDeadlineTimer deadline);

    bool has_waiting() const;
    qint64 waiting_bytes() const;
    qint64 limit() const;
    void set_limit(qint64 bytes);

    // ---- pending requests ----

    /// Takes out the request that this reply belongs to, if it is still pending.
    std::optional<PendingRequest> replied(quint32 id);
    /// Takes out a request that the program gives up, if it is still pending.
    std::optional<PendingRequest> cancel(quint64 number);
    /// Takes out the requests whose time is over, and sets `next` to when the next one's will be.
    std::vector<PendingRequest> overdue(QDeadlineTimer& next);

private:
    bool expect_none(const QString& endpoint);
    bool put(Outgoing&& item);
    QString no_room_to_wait(qint64 size) const;
    Status transmit(const Outgoing& item);
    std::optional<PendingRequest> take(quint64 number);

    mutable std::mutex mutex_;
    Handle handle_;
    Channel::State state_ = Channel::Unconnected;
    QString endpoint_;
    Failure failure_;

    std::deque<Outgoing> waiting_;
    qint64 waiting_bytes_ = 0;
    qint64 limit_ = Channel::DefaultMaxBytesToWrite;
    std::function<void()> on_waiting_;

    quint64 last_number_ = 0;
    std::unordered_map<quint64, PendingRequest> pending_;
    std::unordered_map<quint32, quint64> numbers_;  // by their ids in the channel
};

}  // namespace treenail::qt::detail

#endif
