/// The Qt program of README.md greets its client in Python.

#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

class ReadmeTest : public QObject {
    Q_OBJECT

    // How long a program may take on a busy machine.
    static constexpr int soon = 20000;

private Q_SLOTS:
    void the_client_is_greeted_and_both_end() {
        const QTemporaryDir directory;
        auto environment = QProcessEnvironment::systemEnvironment();
        environment.insert(QStringLiteral("TREENAIL_DIR"), directory.path());
        environment.insert(QStringLiteral("PYTHONPATH"), QStringLiteral(ROOT "/bindings/python"));
        environment.insert(QStringLiteral("PYTHONDONTWRITEBYTECODE"), QStringLiteral("1"));
        environment.insert(QStringLiteral("TREENAIL_LIBRARY"), QStringLiteral(TREENAIL_LIBRARY));
        // What qInfo() writes goes to standard error, and not to a journal.
        environment.insert(QStringLiteral("QT_FORCE_STDERR_LOGGING"), QStringLiteral("1"));

        QProcess hello;
        hello.setProcessEnvironment(environment);
        hello.start(QStringLiteral(HELLO), QStringList());
        QProcess client;
        client.setProcessEnvironment(environment);
        client.start(qEnvironmentVariable("TREENAIL_PYTHON", QStringLiteral("python3")),
                     {QStringLiteral(CLIENT)});
        QVERIFY(client.waitForFinished(soon));
        QCOMPARE(client.readAllStandardOutput(), QByteArray("hello from Qt\n"));
        QVERIFY(hello.waitForFinished(soon));
        QCOMPARE(hello.readAllStandardError(), QByteArray("Python is here\n"));
        QCOMPARE(hello.exitCode(), 0);
    }
};

QTEST_GUILESS_MAIN(ReadmeTest)
#include "readme.moc"
