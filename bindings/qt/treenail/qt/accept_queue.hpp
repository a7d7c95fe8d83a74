/// Private: what a Listener shares between threads, and its side that the event loop drives.
#ifndef TREENAIL_QT_ACCEPT_QUEUE_HPP
#define TREENAIL_QT_ACCEPT_QUEUE_HPP

#include "thread_bound.hpp"
#include "channel_state.hpp"
#include "listener.hpp"

#include <QBasicTimer>

#include <deque>
#include <mutex>

namespace treenail::qt::detail {

using ListenerHandle = std::shared_ptr<treenail::Listener>;

/// The queue in which accepted channels wait until the program takes them.
class AcceptQueue final : public ThreadBound {
public:
    explicit AcceptQueue(Listener* listener) : ThreadBound(listener) {}

    // ---- from any thread ----

    bool open(const QString& endpoint);
    void close();
    ListenerHandle handle() const;
    Failure error() const;

    bool is_empty() const;
    treenail::Channel take();
    int room() const;
    void set_room(int count);

protected:
    void ready() override;
    void timerEvent(QTimerEvent* event) override;

private:
    bool try_open(const QString& endpoint);
    bool is_full() const;
    /// Watches the listener that there is, if there is one, and room for what it brings.
    void resume();
    void fail(const Failure& why);

    mutable std::mutex mutex_;
    ListenerHandle handle_;
    std::deque<treenail::Channel> pending_;
    int room_ = 30;
    Failure failure_;

    ListenerHandle watched_;  // of the event loop alone
    QBasicTimer again_;
};

}  // namespace treenail::qt::detail

#endif
