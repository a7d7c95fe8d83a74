/// Private to the binding: handshakes, which go on in the calls of both sides alone. Where objects
/// of one thread meet, a call of one that waits has to let the others get on.
#ifndef TREENAIL_QT_HANDSHAKES_HPP
#define TREENAIL_QT_HANDSHAKES_HPP

#include <QDeadlineTimer>
#include <QObject>

#include <initializer_list>

namespace treenail::qt::detail {

/// An object with handshakes under way; the owner's thread is that of its calls.
class Handshaking {
public:
    explicit Handshaking(QObject* owner);
    virtual ~Handshaking();
    Handshaking(const Handshaking&) = delete;
    Handshaking& operator=(const Handshaking&) = delete;

    /// Is readable when goOn() may get on; -1 for now if there is none.
    virtual int handshakeFd() = 0;
    /// Goes on without waiting, and without a signal: whoever waits is in the middle of a call.
    virtual void goOn() = 0;

protected:
    /// There are no handshakes any more.
    void done();

private:
    friend class Wait;

    QObject* owner_;
};

/// The time of one of Qt's waiting functions: -1 is for ever. Qt's own sockets meet in the kernel,
/// so that with 0 too they find what has connected. Here handshakes are under way then, and one
/// that gets on is waited for a little longer.
class Wait {
public:
    explicit Wait(int msecs)
        : deadline_(msecs < 0 ? QDeadlineTimer(QDeadlineTimer::Forever) : QDeadlineTimer(msecs)) {}

    /// Waits until one of the descriptors is readable, or one of this thread's handshakes has got
    /// on; false when the time is over. Those below zero are left out.
    bool until(std::initializer_list<int> fds);
    const QDeadlineTimer& deadline() const { return deadline_; }

private:
    QDeadlineTimer deadline_;
    bool is_extended_ = false;
};

}  // namespace treenail::qt::detail

#endif
