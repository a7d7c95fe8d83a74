// The Qt programs of README.md and of docs/ do what these pages say.

#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

class ReadmeTest : public QObject {
    Q_OBJECT

    // How long a program may take on a busy machine.
    static constexpr int soon = 20000;

    const QTemporaryDir directory_;

    void start(QProcess& process, const QString& program, const QStringList& arguments = {}) {
        auto environment = QProcessEnvironment::systemEnvironment();
        environment.insert(QStringLiteral("TREENAIL_DIR"), directory_.path());
        environment.insert(QStringLiteral("TREENAIL_SHM_PREFIX"),
                           QStringLiteral("pages.%1.").arg(QCoreApplication::applicationPid()));
        environment.insert(QStringLiteral("PYTHONPATH"), QStringLiteral(ROOT "/bindings/python"));
        environment.insert(QStringLiteral("PYTHONDONTWRITEBYTECODE"), QStringLiteral("1"));
        environment.insert(QStringLiteral("TREENAIL_LIBRARY"), QStringLiteral(TREENAIL_LIBRARY));
        environment.insert(QStringLiteral("QT_QPA_PLATFORM"), QStringLiteral("offscreen"));
        // What qInfo() writes goes to standard error, and not to a journal.
        environment.insert(QStringLiteral("QT_FORCE_STDERR_LOGGING"), QStringLiteral("1"));
        process.setProcessEnvironment(environment);
        process.start(program, arguments);
    }
    static bool has_ended(QProcess& process) {
        return process.state() == QProcess::NotRunning || process.waitForFinished(soon);
    }
    static QString built(const char* name) {
        return QStringLiteral(PROGRAMS "/") + QLatin1String(name);
    }

private Q_SLOTS:
    void the_client_is_greeted_and_both_end() {
        QProcess hello, client;
        start(hello, built("hello"));
        start(client, qEnvironmentVariable("TREENAIL_PYTHON", QStringLiteral("python3")),
              {QStringLiteral(CLIENT)});
        QVERIFY(has_ended(client));
        QCOMPARE(client.readAllStandardOutput(), QByteArray("hello from Qt\n"));
        QVERIFY(has_ended(hello));
        QCOMPARE(hello.readAllStandardError(), QByteArray("Python is here\n"));
        QCOMPARE(hello.exitCode(), 0);
    }

    void an_aliased_client_hears_by_texts_that_there_is_no_server() {
        QProcess client;
        start(client, built("client"));
        QVERIFY(has_ended(client));
        const auto said = client.readAllStandardError();
        QVERIFY2(said.contains("::connectToServer: Invalid name"), said.constData());
    }

    void a_macro_makes_it_treenail_s_memory() {
        QProcess counter;
        start(counter, built("counter"));
        QVERIFY(has_ended(counter));
        QCOMPARE(counter.readAllStandardError(), QByteArray("1\n"));
    }

    void a_second_editor_hands_over_and_ends() {
        QProcess one, other;
        start(one, built("editor"), {QStringLiteral("a.txt")});
        start(other, built("editor"), {QStringLiteral("b.txt")});
        QTRY_VERIFY_WITH_TIMEOUT(
            (one.state() == QProcess::NotRunning) != (other.state() == QProcess::NotRunning), soon);
        auto& second = one.state() == QProcess::NotRunning ? one : other;
        QCOMPARE(second.exitStatus(), QProcess::NormalExit);
        QCOMPARE(second.exitCode(), 0);
        for (auto* process : {&one, &other}) {
            process->kill();
            process->waitForFinished(soon);
        }
    }
};

QTEST_GUILESS_MAIN(ReadmeTest)
#include "readme.moc"
