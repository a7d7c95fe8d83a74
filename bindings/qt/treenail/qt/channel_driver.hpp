/// Private: what a Channel does in the event loop of its thread.
#ifndef TREENAIL_QT_CHANNEL_DRIVER_HPP
#define TREENAIL_QT_CHANNEL_DRIVER_HPP

#include "thread_bound.hpp"
#include "channel_state.hpp"

#include <QBasicTimer>

namespace treenail::qt::detail {

/// The part of a Channel that runs in its thread's event loop. It receives messages and emits
/// signals, sends what waits for room, and ends the requests whose time is over.
class ChannelDriver final : public ThreadBound {
public:
    ChannelDriver(Channel* channel, std::shared_ptr<ChannelState> shared);

    /// The last call of the channel's destructor, as ThreadBound::leave().
    void leave();

    // Call each of these by run().

    /// Begins to drive the connection that the channel has.
    void start();
    /// Begins to drive a connection that the program has just asked for, and tells the program.
    /// Gives it up if it isn't connected in this time; below 0 is no limit.
    void start_anew(int timeout_ms);
    /// Sends what waits, then ends the connection.
    void close(const Handle& handle);
    void abort(const Handle& handle);
    /// Tells the program that connecting failed at once.
    void fail(const Failure& why);
    /// Ends open requests at this time, if theirs is over by then.
    void watch_deadline(QDeadlineTimer deadline);
    /// Gives the request up if the program cancels this future of it.
    void watch_future(quint64 number, const QFuture<QByteArray>& future);

protected:
    void ready() override;
    void has_room() override;
    void timerEvent(QTimerEvent* event) override;

private:
    bool watch_messages();
    void want_room(bool wanted);
    bool finish_connecting();
    bool drain(QDeadlineTimer turn);
    void receive(Handle handle, QDeadlineTimer turn);
    void deliver(const Handle& handle, View&& view);
    void end(const Failure& why);
    void end_overdue();
    void finish(PendingRequest& pending, const Reply& reply);

    /// Whether this is still the connection: slots that were called may have ended it.
    bool serves(const Handle& handle) const {
        return owner() != nullptr && handle_ == handle && is_here();
    }
    template <class... Parameters, class... Arguments>
    void tell(void (Channel::*signal)(Parameters...), const Arguments&... arguments) {
        if (owner() != nullptr) {
            (static_cast<Channel*>(owner())->*signal)(arguments...);
        }
    }

    std::shared_ptr<ChannelState> shared_;
    Handle handle_;
    bool is_connected_ = false;
    /// Nobody else's turn came before this one.
    bool is_alone_ = false;
    QBasicTimer connecting_timer_;
    QBasicTimer timer_;
    QDeadlineTimer alarm_{QDeadlineTimer::Forever};
};

}  // namespace treenail::qt::detail

#endif
