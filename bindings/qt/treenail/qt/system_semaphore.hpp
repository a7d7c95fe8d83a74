/// SystemSemaphore: QSystemSemaphore over treenail.
///
/// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef TREENAIL_QT_SYSTEM_SEMAPHORE_HPP
#define TREENAIL_QT_SYSTEM_SEMAPHORE_HPP

#include <QString>

#include <memory>

namespace treenail::qt {

/// A number of units that programs share, with the calls and habits of the QSystemSemaphore of the
/// Qt it is built with. A key that is a treenail NAME is the semaphore of that name, for programs
/// of every language. What differs is listed in docs/qt.md.
///
/// What a process has acquired comes back when it dies, or when its last object of that key goes.
///
/// Threads. Many may acquire and release by one object; setKey() is for one thread.
class SystemSemaphore {
public:
    enum AccessMode { Open, Create };

    enum SystemSemaphoreError {
        NoError,
        PermissionDenied,
        KeyError,
        AlreadyExists,
        NotFound,
        OutOfResources,
        UnknownError
    };

    SystemSemaphore(const QString& key, int initialValue = 0, AccessMode mode = Open);
    ~SystemSemaphore();

    void setKey(const QString& key, int initialValue = 0, AccessMode mode = Open);
    QString key() const;

    bool acquire();
    bool release(int n = 1);

    SystemSemaphoreError error() const;
    QString errorString() const;

    // ---- what Qt doesn't have ----

    /// As acquire(), but for so many milliseconds at most; -1 waits for ever. If there was no unit
    /// in that time error() is NoError, and errorString() says so.
    bool tryAcquire(int timeout = 0);

private:
    Q_DISABLE_COPY(SystemSemaphore)

    class Private;
    std::unique_ptr<Private> d;
};

}  // namespace treenail::qt

#endif
