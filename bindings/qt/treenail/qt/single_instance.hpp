/// One instance of a program for each user, for Qt's event loop.
#ifndef TREENAIL_QT_SINGLE_INSTANCE_HPP
#define TREENAIL_QT_SINGLE_INSTANCE_HPP

#include <treenail/status.hpp>

#include <QCoreApplication>
#include <QObject>
#include <QString>
#include <QStringList>

#include <memory>

namespace treenail::qt {

/// Finds out whether this is the first instance of a program that this user runs. If not, it hands
/// the arguments to the first one, which hears a signal:
///
///     SingleInstance instance("org.example.editor");
///     if (instance.handOver()) return 0;
///     QObject::connect(&instance, &SingleInstance::anotherStarted, &window, &Window::openAll);
///
/// The first instance is first until this object or the process ends, however that ends. Exactly
/// one of those that start at the same time is first. If the first one ends before the slots of
/// anotherStarted() have returned, or an event loop that runs in one has come round, the later
/// instance takes its place.
///
/// Use the object in the thread that it lives in. handOver() may be called before there is a
/// QCoreApplication, if it is given the arguments.
class SingleInstance : public QObject {
    Q_OBJECT
    Q_PROPERTY(bool first READ isFirst)

public:
    enum State {
        /// handOver() was not called, or failed.
        Unknown,
        /// This is the first instance.
        First,
        /// The first instance has the arguments.
        HandedOver,
        /// The first instance was busy all the time. The arguments lie in its queue, and it gets
        /// them when its event loop comes round; they are lost if it ends before that.
        Queued,
    };
    Q_ENUM(State)

    /// How many milliseconds handOver() waits for a first instance that is busy.
    static constexpr int DefaultTimeout = 5000;

    /// `name` is the program's own name among all programs of the user, such as
    /// "org.example.editor": 1 to 55 of A-Z a-z 0-9 . _ - without a dot in front, or a path.
    /// Programs in other languages that use this name are instances of the same program.
    explicit SingleInstance(const QString& name, QObject* parent = nullptr);
    /// The next instance that starts is first.
    ~SingleInstance() override;

    /// Hands the arguments, and the working directory, to the first instance: true, and this
    /// program should end. False: this is the first instance, or error() says why that could not
    /// be found out. It blocks while the first instance is busy, at most for the timeout; see
    /// Queued. A timeout below 0 is no limit.
    bool handOver(const QStringList& arguments = QCoreApplication::arguments(),
                  int timeoutMs = DefaultTimeout);

    State state() const;
    /// Whether this is the first instance.
    bool isFirst() const { return state() == First; }

    /// Ends being first: the next instance that starts is.
    void close();

    /// The status of the last failure; Status::ok if there was none.
    Status error() const;
    /// The last failure as one line: what was tried on what, what went wrong, what to do.
    QString errorString() const;

Q_SIGNALS:
    /// Another instance was started with these arguments, in this working directory, and ends. The
    /// first argument is its program. Comes in the first instance.
    void anotherStarted(const QStringList& arguments, const QString& workingDirectory);

private:
    class Private;
    std::unique_ptr<Private> d;
};

}  // namespace treenail::qt

#endif
