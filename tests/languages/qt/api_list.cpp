/// Whatever Qt's classes offer, ours offer too, in the same words, or docs/qt.md says why not.

#include "class_text.hpp"

#include <treenail/qt/local_server.hpp>
#include <treenail/qt/local_socket.hpp>
#include <treenail/qt/shared_memory.hpp>
#include <treenail/qt/system_semaphore.hpp>

#include <QLibraryInfo>
#include <QLocalServer>
#include <QLocalSocket>
#include <QSharedMemory>
#include <QSystemSemaphore>
#include <QtTest>

namespace {

struct Twins {
    const char* qt_class;
    const char* qt_header;
    const QMetaObject* qt;
    const char* our_class;
    const char* our_header;
    const QMetaObject* ours;
};

/// To add a class is to add a line; one that is no QObject has nullptr for both meta-objects.
const Twins twins[] = {
    {"QLocalSocket", "QtNetwork/qlocalsocket.h", &QLocalSocket::staticMetaObject, "LocalSocket",
     "local_socket.hpp", &treenail::qt::LocalSocket::staticMetaObject},
    {"QLocalServer", "QtNetwork/qlocalserver.h", &QLocalServer::staticMetaObject, "LocalServer",
     "local_server.hpp", &treenail::qt::LocalServer::staticMetaObject},
    {"QSharedMemory", "QtCore/qsharedmemory.h", &QSharedMemory::staticMetaObject, "SharedMemory",
     "shared_memory.hpp", &treenail::qt::SharedMemory::staticMetaObject},
    {"QSystemSemaphore", "QtCore/qsystemsemaphore.h", nullptr, "SystemSemaphore",
     "system_semaphore.hpp", nullptr},
};

QString qt_headers() {
#if QT_VERSION >= QT_VERSION_CHECK(6, 0, 0)
    return QLibraryInfo::path(QLibraryInfo::HeadersPath);
#else
    return QLibraryInfo::location(QLibraryInfo::HeadersPath);
#endif
}

/// What stands in backquotes there.
QSet<QString> excused() {
    QFile page(TREENAIL_ROOT "/docs/qt.md");
    QSet<QString> names;
    if (page.open(QIODevice::ReadOnly)) {
        const auto text = QString::fromUtf8(page.readAll());
        static const QRegularExpression quoted("`([^`\n]+)`");
        for (auto all = quoted.globalMatch(text); all.hasNext();) {
            names += all.next().captured(1);
        }
    }
    return names;
}

/// A declaration's name, as the page has it: QLocalServer::listen.
QString name_of(const QString& declaration, const char* qt_class) {
    const auto head = declaration.section('(', 0, 0);
    return QLatin1String(qt_class) + "::" + head.section(' ', -1);
}

QStringList signals_of(const QMetaObject& meta) {
    QStringList found;
    for (int i = meta.methodOffset(); i < meta.methodCount(); ++i) {
        const auto method = meta.method(i);
        if (method.methodType() == QMetaMethod::Signal) {
            found += QString("%1, %2 parameters")
                         .arg(QLatin1String(method.name()))
                         .arg(method.parameterCount());
        }
    }
    return found;
}

/// Qt's words, and how many they were: of those none is missing in ours.
void compare(const QSet<QString>& qt, const QSet<QString>& ours, const char* qt_class) {
    const auto excuses = excused();
    QStringList missing;
    for (const auto& one : qt) {
        if (!ours.contains(one) && !excuses.contains(name_of(one, qt_class))) {
            missing += one;
        }
    }
    QVERIFY2(missing.isEmpty(), qPrintable(missing.join("\n    ")));
}

}  // namespace

class ApiListTest : public QObject {
    Q_OBJECT

private slots:
    void every_declaration_data() { rows(); }
    void every_declaration() {
        QFETCH(int, row);
        const auto& twin = twins[row];
        const auto qt = offers(qt_headers() + "/" + twin.qt_header, twin.qt_class);
        const auto ours = offers(QStringLiteral(TREENAIL_ROOT "/bindings/qt/treenail/qt/") +
                                     twin.our_header, twin.our_class);
        QVERIFY2(qt.size() > 8, "that is not all that Qt's header has");
        compare(qt, ours, twin.qt_class);
    }

    void every_signal_data() { rows(); }
    void every_signal() {
        QFETCH(int, row);
        const auto& twin = twins[row];
        if (twin.qt == nullptr) {
            return;
        }
        for (const auto& signal : signals_of(*twin.qt)) {
            QVERIFY2(signals_of(*twin.ours).contains(signal), qPrintable(signal));
        }
    }

    void every_property_and_flag_data() { rows(); }
    void every_property_and_flag() {
        QFETCH(int, row);
        const auto& twin = twins[row];
        if (twin.qt == nullptr) {
            return;
        }
        for (int i = twin.qt->propertyOffset(); i < twin.qt->propertyCount(); ++i) {
            const auto* name = twin.qt->property(i).name();
            QVERIFY2(twin.ours->indexOfProperty(name) >= 0, name);
        }
        for (int i = twin.qt->enumeratorOffset(); i < twin.qt->enumeratorCount(); ++i) {
            const auto qt = twin.qt->enumerator(i);
            const auto ours = twin.ours->enumerator(twin.ours->indexOfEnumerator(qt.name()));
            QVERIFY2(ours.isValid(), qt.name());
            for (int k = 0; k < qt.keyCount(); ++k) {
                bool is_there = false;
                QVERIFY2(ours.keyToValue(qt.key(k), &is_there) == qt.value(k), qt.key(k));
                QVERIFY2(is_there, qt.key(k));
            }
        }
    }

    void a_missing_one_is_noticed() {
        const auto qt = offers(qt_headers() + "/QtNetwork/qlocalserver.h", "QLocalServer");
        const auto ours = offers(TREENAIL_ROOT "/bindings/qt/treenail/qt/local_server.hpp", "LocalServer");
        QVERIFY(qt.contains("bool waitForNewConnection(int=0,bool*=nullptr)"));
        QVERIFY(ours.contains("static bool removeServer(constQString&)"));
        QVERIFY(qt.contains("GroupAccessOption"));
        QVERIFY(!ours.contains("bool waitForNewConnection(int=0)"));
    }

private:
    static void rows() {
        QTest::addColumn<int>("row");
        int row = 0;
        for (const auto& twin : twins) {
            QTest::newRow(twin.qt_class) << row++;
        }
    }
};

QTEST_GUILESS_MAIN(ApiListTest)
#include "api_list.moc"
