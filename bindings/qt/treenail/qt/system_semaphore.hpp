/// SystemSemaphore: QSystemSemaphore over treenail.
///
/// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef TREENAIL_QT_SYSTEM_SEMAPHORE_HPP
#define TREENAIL_QT_SYSTEM_SEMAPHORE_HPP

#include <QString>

#include <memory>

namespace treenail::qt {

/// A counting semaphore that programs share, with the calls and behaviour of the QSystemSemaphore
/// of the Qt that it is built with. A key that is a treenail NAME is the semaphore of that name,
/// which programs in every language can open. docs/qt.md lists what differs.
///
/// What a process has acquired comes back when the process dies, or when its last object of that
/// key is destroyed.
///
/// Threads. Any thread may acquire and release; setKey() is for one thread.
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

    /// Acquires a unit, and waits at most this many milliseconds for it; -1 waits for ever. If no
    /// unit was free in that time, error() is NoError, and errorString() says so.
    bool tryAcquire(int timeout = 0);

private:
    Q_DISABLE_COPY(SystemSemaphore)

    class Private;
    std::unique_ptr<Private> d;
};

}  // namespace treenail::qt

#endif
