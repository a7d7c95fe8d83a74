/// Private: the side of a Channel that the event loop drives.
#ifndef TREENAIL_QT_PUMP_HPP
#define TREENAIL_QT_PUMP_HPP

#include "thread_bound.hpp"
#include "link.hpp"

#include <QBasicTimer>

namespace treenail::qt::detail {

/// Receives and emits, sends what waits, and sees to the time limits of requests. All of it in the
/// channel's thread.
class Pump final : public ThreadBound {
public:
    Pump(Channel* channel, std::shared_ptr<Link> link);

    /// The last words of the channel's destructor, as ThreadBound's.
    void leave();

    // Each of these is for run().

    /// Takes up the link's new connection.
    void start();
    /// The same for one that was just made, of which the program is told.
    void start_anew();
    /// Sends what waits, and then ends the connection.
    void close(const Handle& handle);
    void abort(const Handle& handle);
    /// Connecting failed at once.
    void fail(const Failure& why);
    /// Gives requests up: when their time is over, and when their futures are cancelled.
    void watch_deadline(QDeadlineTimer deadline);
    void watch_future(quint64 number, const QFuture<QByteArray>& future);

protected:
    void ready() override;
    void has_room() override;
    void timerEvent(QTimerEvent* event) override;

private:
    bool watch_messages();
    void want_room(bool wanted);
    bool greet();
    bool drain(QDeadlineTimer turn);
    void receive(Handle handle, QDeadlineTimer turn);
    void deliver(const Handle& handle, View&& view);
    void end(const Failure& why);
    void settle(Asked& asked, const Reply& reply);

    /// Whether this is still the connection, after slots that may have done anything.
    bool serves(const Handle& handle) const {
        return owner() != nullptr && handle_ == handle && is_here();
    }
    template <class... Parameters, class... Arguments>
    void tell(void (Channel::*signal)(Parameters...), const Arguments&... arguments) {
        if (owner() != nullptr) {
            (static_cast<Channel*>(owner())->*signal)(arguments...);
        }
    }

    std::shared_ptr<Link> link_;
    Handle handle_;
    bool greeted_ = false;
    /// Nobody else's turn came before this one.
    bool is_alone_ = false;
    QBasicTimer timer_;
    QDeadlineTimer alarm_{QDeadlineTimer::Forever};
};

}  // namespace treenail::qt::detail

#endif
