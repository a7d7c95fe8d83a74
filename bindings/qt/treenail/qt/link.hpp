/// Private: what a Channel shares with its driver and its requests, for all threads.
#ifndef TREENAIL_QT_LINK_HPP
#define TREENAIL_QT_LINK_HPP

#include "channel.hpp"

#include <QDeadlineTimer>
#include <QFutureInterface>

#include <deque>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace treenail::qt::detail {

using Handle = std::shared_ptr<treenail::Channel>;

/// A request that waits for its reply, for which it has one of the two: a promise, which any thread
/// may keep, or a callback, which is for the object's thread.
struct Asked {
    std::optional<QFutureInterface<QByteArray>> promise;
    std::function<void(const Reply&)> done;
    QDeadlineTimer deadline;
    quint32 id = 0;  // in the channel, once it is sent

    /// Says what came of it.
    void settle(const Reply& reply);
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

class Link {
public:
    // ---- a connection's life ----

    /// False, and failed, if there is a connection.
    bool is_free(const QString& endpoint);
    /// Takes a new connection, if it is free.
    bool open(Channel::State state, const QString& endpoint, Handle handle);
    /// From Connecting to Connected.
    void greeted();
    /// No more is taken; true if nothing waits.
    bool shut();
    /// Ends it: drops what waits, and gives out the requests that were open.
    std::vector<Asked> end(const Failure& why);

    Handle handle() const;
    Channel::State state() const;
    QString endpoint() const;
    Failure error() const;
    void fail(Failure why);

    // ---- sending ----

    /// What is called, from any thread, when something begins to wait for room on a connection;
    /// it may not call back.
    void on_waiting(std::function<void()> call);

    /// Sends, or keeps it to be sent later; false, and failed, if neither.
    bool send(Outgoing item);
    /// The same for a reply, if `asked` is still the connection.
    bool reply(Outgoing item, const Handle& asked);
    /// The same for a request; gives its number, or 0.
    quint64 ask(quint32 tag, const QByteArray& data, Asked asked);

    struct Dropped {
        Failure why;
        std::optional<Asked> asked;
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

    // ---- open requests ----

    /// The one whose reply this is, if it is still open.
    std::optional<Asked> replied(quint32 id);
    /// Gives one up; it is none if it was over.
    std::optional<Asked> cancel(quint64 number);
    /// Those whose time has run out, given up; and when the next will.
    std::vector<Asked> overdue(QDeadlineTimer& next);

private:
    bool expect_none(const QString& endpoint);
    bool put(Outgoing&& item);
    Status transmit(const Outgoing& item);
    std::optional<Asked> take(quint64 number);

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
    std::unordered_map<quint64, Asked> asked_;
    std::unordered_map<quint32, quint64> numbers_;  // by their ids in the channel
};

}  // namespace treenail::qt::detail

#endif
