// Two windows of qt-chat, a C program in a terminal and a Python program with asyncio in one room.
// What is said anywhere is seen everywhere: on the screen its pixels, in the terminals its text.
#include "windows.hpp"

class WindowsChatTest : public QObject {
    Q_OBJECT

    const QRect host_{0, 0, 380, 260};
    const QRect ann_{382, 0, 380, 260};
    // Where one types.
    static QPoint input_of(const QRect& window) {
        return {window.center().x(), window.bottom() - 20};
    }

    void in_one_room(const QString& endpoint) {
        const QTemporaryDir directory;
        Running host(QStringLiteral(WINDOW), placed(host_) + QStringList{"server", endpoint},
                     directory.path());
        EVENTUALLY(is_listed("listening at " + endpoint, host_));
        Running ann(QStringLiteral(WINDOW), placed(ann_) + QStringList{"client", endpoint, "ann"},
                    directory.path());
        EVENTUALLY(is_listed("* ann joined", host_));
        Running ben(QStringLiteral("python3"),
                    {ROOT "/examples/python/aio_chat.py", "client", endpoint, "ben"},
                    directory.path());
        EVENTUALLY(is_listed("* ben joined", host_) && is_listed("* ben joined", ann_));
        Running cleo(QStringLiteral(C_CHAT), {"client", endpoint, "cleo"}, directory.path());
        EVENTUALLY(is_listed("* cleo joined", host_) && is_listed("* cleo joined", ann_));
        EVENTUALLY(ben.has_printed("* cleo joined"));

        ben.write_line("greetings from asyncio");
        EVENTUALLY(is_listed("ben: greetings from asyncio", host_) &&
                   is_listed("ben: greetings from asyncio", ann_) &&
                   cleo.has_printed("ben: greetings from asyncio"));
        cleo.write_line("and from a terminal in C");
        EVENTUALLY(is_listed("cleo: and from a terminal in C", host_) &&
                   is_listed("cleo: and from a terminal in C", ann_) &&
                   ben.has_printed("cleo: and from a terminal in C"));
        type_at(input_of(ann_), "typed into a window");
        EVENTUALLY(is_listed("ann: typed into a window", host_) &&
                   is_listed("ann: typed into a window", ann_) &&
                   ben.has_printed("ann: typed into a window") &&
                   cleo.has_printed("ann: typed into a window"));
        type_at(input_of(host_), "welcome, all of you");
        EVENTUALLY(is_listed("host: welcome, all of you", host_) &&
                   is_listed("host: welcome, all of you", ann_) &&
                   ben.has_printed("host: welcome, all of you") &&
                   cleo.has_printed("host: welcome, all of you"));
        QVERIFY(!is_listed("host: welcome, all of us", host_));  // it can tell
        keep_picture("qt-chat.png", host_ | ann_);

        ben.end_input();
        EVENTUALLY(is_listed("* ben left", host_) && is_listed("* ben left", ann_) &&
                   cleo.has_printed("* ben left"));
    }

private Q_SLOTS:
    void over_local() { in_one_room("local:chat"); }
    void over_shm() { in_one_room("shm:chat"); }

    void a_window_says_that_the_host_is_gone() {
        const QTemporaryDir directory;
        auto host = std::make_unique<Running>(
            QStringLiteral(WINDOW), placed(host_) + QStringList{"server", "shm:chat"},
            directory.path());
        EVENTUALLY(is_listed("listening at shm:chat", host_));
        Running ann(QStringLiteral(WINDOW), placed(ann_) + QStringList{"client", "shm:chat", "ann"},
                    directory.path());
        EVENTUALLY(is_listed("* ann joined", host_));
        host.reset();  // by SIGKILL
        EVENTUALLY(is_listed("* the host is gone", ann_));
    }
};

int main(int argc, char** argv) { return run_on_display<WindowsChatTest>(argc, argv); }
#include "windows_chat.moc"
