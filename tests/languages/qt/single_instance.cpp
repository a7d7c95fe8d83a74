// SingleInstance: the first one hears what later ones were started with, in other processes too,
// whichever of them is killed, and in whichever language it is written.
//
// Called with --instance NAME and arguments, this program is an instance: it says "first", and then
// what it hears, a line each, until it hears "quit".
#include "ends.hpp"

#include <treenail/qt/single_instance.hpp>

#include <QEventLoop>
#include <QThread>

#include <cstdio>
#include <thread>

using treenail::Status;
using treenail::qt::SingleInstance;

namespace {

QString unused_name() {
    static int count = 0;
    return QStringLiteral("qt-%1-%2").arg(QCoreApplication::applicationPid()).arg(count++);
}

int be_an_instance(int argc, char** argv) {
    const QString name = QString::fromLocal8Bit(argv[2]);
    QStringList arguments;
    for (int i = 3; i < argc; ++i) {
        arguments += QString::fromLocal8Bit(argv[i]);
    }
    SingleInstance instance(name);  // before there is an application
    if (instance.handOver(arguments, -1)) {
        return 0;
    }
    QCoreApplication application(argc, argv);
    QObject::connect(&instance, &SingleInstance::anotherStarted, &application,
                     [](const QStringList& heard, const QString& directory) {
                         const auto line = heard.join(QLatin1Char(' ')) + QLatin1Char('@') + directory;
                         std::puts(line.toLocal8Bit().constData());
                         std::fflush(stdout);
                         if (heard.contains(QStringLiteral("quit"))) {
                             QCoreApplication::quit();
                         }
                     });
    std::printf("first: %s\n", arguments.join(QLatin1Char(' ')).toLocal8Bit().constData());
    std::fflush(stdout);
    return application.exec();
}

struct Process : QProcess {
    Process(const QString& name, const QStringList& arguments) {
        setWorkingDirectory(QStringLiteral("/"));
        start(QCoreApplication::applicationFilePath(),
              QStringList{QStringLiteral("--instance"), name} + arguments);
    }
    ~Process() override {
        kill();
        waitForFinished(soon);
    }
    QByteArray line() {
        while (!canReadLine() && waitForReadyRead(soon)) {
        }
        return readLine();
    }
};

bool has_ended(QProcess& process) {
    return process.state() == QProcess::NotRunning || process.waitForFinished(soon);
}

}  // namespace

class SingleInstanceTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void the_first_hears_a_signal() {
        const auto name = unused_name();
        SingleInstance first(name);
        QSignalSpy heard(&first, &SingleInstance::anotherStarted);
        QCOMPARE(first.state(), SingleInstance::Unknown);
        QVERIFY(!first.handOver({}));
        QVERIFY(first.isFirst());
        Process second(name, {QStringLiteral("open"), QString::fromUtf8("\xc3\xa4 b")});
        EVENTUALLY(heard.count() == 1);
        QCOMPARE(heard[0][0].toStringList(),
                 QStringList({QStringLiteral("open"), QString::fromUtf8("\xc3\xa4 b")}));
        QCOMPARE(heard[0][1].toString(), QStringLiteral("/"));
        QVERIFY(has_ended(second));
        QCOMPARE(second.exitCode(), 0);
        QCOMPARE(second.readAllStandardOutput(), QByteArray());
    }

    void a_busy_first_hears_it_later() {
        const auto name = unused_name();
        SingleInstance first(name), second(name);
        QSignalSpy heard(&first, &SingleInstance::anotherStarted);
        QVERIFY(!first.handOver({}));
        QVERIFY(second.handOver({QStringLiteral("late")}, 50));
        QCOMPARE(second.state(), SingleInstance::Queued);
        QVERIFY(heard.isEmpty());
        EVENTUALLY(heard.count() == 1);
        QCOMPARE(heard[0][0].toStringList(), QStringList(QStringLiteral("late")));
    }

    void a_dialog_in_a_slot_keeps_nobody_waiting() {
        const auto name = unused_name();
        SingleInstance first(name);
        QVERIFY(!first.handOver({}));
        Process second(name, {});
        bool ended = false;
        connect(&first, &SingleInstance::anotherStarted, this, [&] {
            QEventLoop dialog;
            connect(&second, &QProcess::stateChanged, &dialog, &QEventLoop::quit);
            QTimer::singleShot(soon, &dialog, &QEventLoop::quit);
            dialog.exec();
            ended = second.state() == QProcess::NotRunning;
        });
        EVENTUALLY(ended);
    }

    void a_slot_may_destroy_it() {
        const auto name = unused_name();
        auto* first = new SingleInstance(name);
        QVERIFY(!first->handOver({}));
        bool heard = false;
        connect(first, &SingleInstance::anotherStarted, this, [&] {
            heard = true;
            delete first;
        });
        Process second(name, {});
        EVENTUALLY(heard);
        QVERIFY(has_ended(second));
    }

    void the_next_takes_the_place_of_a_killed_one() {
        const auto name = unused_name();
        Process first(name, {QStringLiteral("one")});
        QCOMPARE(first.line(), QByteArray("first: one\n"));
        first.kill();
        QVERIFY(has_ended(first));
        Process second(name, {QStringLiteral("two")});
        QCOMPARE(second.line(), QByteArray("first: two\n"));
        Process third(name, {QStringLiteral("quit")});
        QCOMPARE(second.line(), QByteArray("quit@/\n"));
        QVERIFY(has_ended(second));
        QVERIFY(has_ended(third));
    }

    void of_many_at_once_one_is_first_and_hears_the_others() {
        const auto name = unused_name();
        std::vector<std::unique_ptr<Process>> all;
        for (int i = 0; i < 8; ++i) {
            all.push_back(std::make_unique<Process>(name, QStringList(QString::number(i))));
        }
        QByteArray said;
        const auto lines = [&] {
            for (auto& one : all) {
                said += one->readAllStandardOutput();
            }
            return said.count('\n');
        };
        EVENTUALLY(lines() == 8);
        QCOMPARE(said.count("first: "), 1);
        for (int i = 0; i < 8; ++i) {
            const auto number = QByteArray::number(i);
            QCOMPARE(said.count("first: " + number + "\n") + said.count(number + "@/\n"), 1);
        }
    }

    void what_cannot_be_found_out_is_said() {
        SingleInstance instance(QStringLiteral("no name"));
        QVERIFY(!instance.handOver({}));
        QVERIFY(!instance.isFirst());
        QCOMPARE(instance.error(), Status::invalid);
        QVERIFY(instance.errorString().contains(QStringLiteral("no name")));
    }

    void a_closed_one_is_first_no_more() {
        const auto name = unused_name();
        SingleInstance first(name), second(name);
        QVERIFY(!first.handOver({}));
        first.close();
        QCOMPARE(first.state(), SingleInstance::Unknown);
        QVERIFY(!second.handOver({}));
        QVERIFY(second.isFirst());
        QVERIFY(first.handOver({}, 0));
    }

    void a_program_in_python_is_an_instance_too() {
        const auto name = unused_name();
        SingleInstance first(name);
        QSignalSpy heard(&first, &SingleInstance::anotherStarted);
        QVERIFY(!first.handOver({}));
        auto environment = QProcessEnvironment::systemEnvironment();
        environment.insert(QStringLiteral("PYTHONPATH"), QStringLiteral(ROOT "/bindings/python"));
        environment.insert(QStringLiteral("PYTHONDONTWRITEBYTECODE"), QStringLiteral("1"));
        environment.insert(QStringLiteral("TREENAIL_LIBRARY"), QStringLiteral(TREENAIL_LIBRARY));
        QProcess python;
        python.setProcessEnvironment(environment);
        python.setProcessChannelMode(QProcess::ForwardedErrorChannel);
        python.start(qEnvironmentVariable("TREENAIL_PYTHON", QStringLiteral("python3")),
                     {QStringLiteral("-c"),
                      QStringLiteral("import sys, treenail\n"
                                     "instance = treenail.SingleInstance(sys.argv[1])\n"
                                     "sys.exit(not instance.hand_over(['from', 'Python']))"),
                      name});
        EVENTUALLY(heard.count() == 1);
        QCOMPARE(heard[0][0].toStringList(),
                 QStringList({QStringLiteral("from"), QStringLiteral("Python")}));
        QVERIFY(has_ended(python));
        QCOMPARE(python.exitCode(), 0);
    }
};

int main(int argc, char** argv) {
    if (argc > 2 && qstrcmp(argv[1], "--instance") == 0) {
        return be_an_instance(argc, argv);
    }
    QCoreApplication application(argc, argv);
    SingleInstanceTest test;
    return QTest::qExec(&test, argc, argv);
}

#include "single_instance.moc"
