// How often an event loop wakes up: whoever waits for something must not keep it awake.
#ifndef LOOP_TURNS_HPP
#define LOOP_TURNS_HPP

#include <QAbstractEventDispatcher>
#include <QEventLoop>
#include <QTimer>

// So few that nothing can be at work all the time.
constexpr int few_turns = 30;

inline int turns_in(int msecs) {
    QEventLoop loop;
    int turns = 0;
    QObject::connect(QAbstractEventDispatcher::instance(), &QAbstractEventDispatcher::awake, &loop,
                     [&] { ++turns; });
    QTimer::singleShot(msecs, &loop, &QEventLoop::quit);
    loop.exec();
    return turns;
}

#endif
