/// Private to the binding: the time of one of Qt's waiting functions, which never waits for more
/// than descriptors.
#ifndef TREENAIL_QT_WAIT_HPP
#define TREENAIL_QT_WAIT_HPP

#include <QDeadlineTimer>

#include <initializer_list>

namespace treenail::qt::detail {

/// As Qt counts it: -1 is for ever.
inline QDeadlineTimer deadline_after(int msecs) {
    return msecs < 0 ? QDeadlineTimer(QDeadlineTimer::Forever) : QDeadlineTimer(msecs);
}

/// Waits until one of the descriptors is readable; false when the time is over. Those below zero
/// are left out.
bool wait_for(std::initializer_list<int> fds, const QDeadlineTimer& deadline);

}  // namespace treenail::qt::detail

#endif
