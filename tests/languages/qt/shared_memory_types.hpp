/// What the tests of SharedMemory and SystemSemaphore share. Most are compiled twice: with
/// treenail's classes, and with Qt's, which say what is right.
#ifndef TREENAIL_TESTS_QT_SHARED_MEMORY_TYPES_HPP
#define TREENAIL_TESTS_QT_SHARED_MEMORY_TYPES_HPP

#include <QCoreApplication>
#include <QProcess>
#include <QSharedMemory>
#include <QSystemSemaphore>
#include <QTemporaryDir>
#include <QtTest>

#include <treenail/qt/shared_memory.hpp>
#include <treenail/qt/system_semaphore.hpp>

#include <cstdio>
#include <cstdlib>

#ifdef TREENAIL_TEST_GENUINE
using Memory = QSharedMemory;
using Semaphore = QSystemSemaphore;
constexpr bool is_genuine = true;
#else
using Memory = treenail::qt::SharedMemory;
using Semaphore = treenail::qt::SystemSemaphore;
constexpr bool is_genuine = false;
#endif

// The deadline of everything that is expected to happen.
constexpr int soon = 10000;

// A key that nobody else uses.
inline QString unused_key() {
    static int count = 0;
    return QStringLiteral("qt-%1-%2").arg(QCoreApplication::applicationPid()).arg(count++);
}

// What a call came to, and what is said of it then.
#define GIVES(call, result, code)               \
    do {                                        \
        QCOMPARE(call, result);                 \
        QCOMPARE(int(subject.error()), int(code)); \
    } while (false)

// This test program again, in another role; or any other program.
class Other {
public:
    Other(const QString& program, const QStringList& arguments) {
        process_.setProcessChannelMode(QProcess::ForwardedErrorChannel);
        process_.start(program, arguments);
    }
    explicit Other(const QStringList& role)
        : Other(QCoreApplication::applicationFilePath(), QStringList("as") + role) {}
    ~Other() { kill(); }

    // Waits for its next line.
    QByteArray line() {
        QDeadlineTimer deadline(soon);
        while (!process_.canReadLine() && !deadline.hasExpired()) {
            if (!process_.waitForReadyRead(int(deadline.remainingTime()))) {
                break;
            }
        }
        return process_.readLine().trimmed();
    }
    void say(const QByteArray& line) {
        process_.write(line + '\n');
        process_.waitForBytesWritten(soon);
    }
    bool has_ended_well() {
        return process_.waitForFinished(soon) && process_.exitStatus() == QProcess::NormalExit &&
               process_.exitCode() == 0;
    }
    bool has_crashed() {
        return process_.waitForFinished(soon) && process_.exitStatus() == QProcess::CrashExit;
    }
    void kill() {
        process_.kill();
        process_.waitForFinished(soon);
    }

private:
    QProcess process_;
};

// For the roles: says that line, and waits for one.
inline void say(const char* line) {
    std::puts(line);
    std::fflush(stdout);
}
inline void hear() {
    char line[64];
    if (std::fgets(line, sizeof line, stdin) == nullptr) {
        std::_Exit(0);
    }
}

// Qt's key files go to a directory of this test, and with it.
template <class Test>
int run_with_roles(int argc, char** argv, int (*play)(const QStringList& role)) {
    QTemporaryDir directory;
    if (argc < 2 || qstrcmp(argv[1], "as") != 0) {
        qputenv("TMPDIR", directory.path().toLocal8Bit());
    }
    QCoreApplication application(argc, argv);
    const auto arguments = application.arguments();
    if (arguments.value(1) == QLatin1String("as")) {
        return play(arguments.mid(2));
    }
    Test test;
    return QTest::qExec(&test, argc, argv);
}

#endif
