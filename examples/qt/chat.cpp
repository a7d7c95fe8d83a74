// chat.cpp: a room with one host and many guests, in windows.
//
//     cmake -B target/examples-qt -S examples/qt && cmake --build target/examples-qt
//     target/examples-qt/qt-chat server shm:chat
//     target/examples-qt/qt-chat client shm:chat ann
//
// Who types a line says it to all others; closing the host's window ends the room. A guest's first
// message is its name (tag JOIN); all others are talk (tag SAY). The programs of the same name in
// other languages take the same arguments and talk together.
#include <treenail/qt/channel.hpp>
#include <treenail/qt/listener.hpp>

#include <QApplication>
#include <QHash>
#include <QLineEdit>
#include <QListWidget>
#include <QTextStream>
#include <QVBoxLayout>

using treenail::Status;
using treenail::qt::Channel;
using treenail::qt::Listener;
using treenail::qt::Request;

namespace {

enum Kind : quint32 { JOIN = 1, SAY = 2 };

constexpr int name_max = 32;
constexpr int lines_max = 10000;
constexpr qint64 unheard_max = 1 << 20;  // bytes of talk that wait for a guest who doesn't read

}  // namespace

class Window : public QWidget {
    Q_OBJECT

public:
    Window() {
        auto* layout = new QVBoxLayout(this);
        layout->addWidget(&lines_);
        layout->addWidget(&input_);
        lines_.setWordWrap(true);
        lines_.setSelectionMode(QAbstractItemView::NoSelection);
        lines_.setFocusPolicy(Qt::NoFocus);
        input_.setPlaceholderText(tr("Say something"));
        resize(400, 300);
        connect(&input_, &QLineEdit::returnPressed, this, [this] {
            const auto line = input_.text();
            input_.clear();
            if (!line.isEmpty()) {
                Q_EMIT typed(line);
            }
        });
    }

    void show_line(const QString& text) {
        lines_.addItem(text);
        if (lines_.count() > lines_max) {
            delete lines_.takeItem(0);
        }
        lines_.scrollToBottom();
    }

    void set_open(bool open) { input_.setEnabled(open); }

Q_SIGNALS:
    void typed(const QString& line);

private:
    QListWidget lines_;
    QLineEdit input_;
};

class Host : public QObject {
    Q_OBJECT

public:
    explicit Host(Window& window) : window_(window) {
        connect(&listener_, &Listener::newChannel, this, &Host::welcome);
    }

    void open(const QString& endpoint) {
        connect(&window_, &Window::typed, this,
                [this](const QString& line) { tell_all_but(nullptr, "host: " + line); });
        endpoint_ = endpoint;
        window_.show_line(listener_.listen(endpoint) ? "listening at " + endpoint
                                                     : listener_.errorString());
        show_title();
    }

private:
    void welcome() {
        auto* guest = listener_.nextPendingChannel();
        guest->setMaxBytesToWrite(unheard_max);
        connect(guest, &Channel::messageReceived, this,
                [=](const QByteArray& data, quint32 tag) { hear(guest, data, tag); });
        connect(guest, &Channel::disconnected, this, [=] { leave(guest); });
    }

    void hear(Channel* guest, const QByteArray& data, quint32 tag) {
        const bool joined = names_.contains(guest);
        const auto text = QString::fromUtf8(data);
        if (tag == JOIN && !joined) {
            names_[guest] = text.left(name_max);
            show_title();
            tell_all_but(guest, "* " + names_[guest] + " joined");
        } else if (tag == SAY && joined) {
            tell_all_but(guest, names_[guest] + ": " + text);
        }
    }

    // A guest for whom too much waits is shown out.
    void tell_all_but(const Channel* speaker, const QString& text) {
        window_.show_line(text);
        const auto guests = names_.keys();
        for (auto* guest : guests) {
            if (guest != speaker && !guest->send(SAY, text.toUtf8())) {
                guest->abort();
            }
        }
    }

    void leave(Channel* guest) {
        guest->deleteLater();
        const auto name = names_.take(guest);
        if (!name.isEmpty()) {
            show_title();
            tell_all_but(guest, "* " + name + " left");
        }
    }

    void show_title() {
        window_.setWindowTitle(tr("%1 - %n guest(s)", nullptr, int(names_.size())).arg(endpoint_));
    }

    Window& window_;
    Listener listener_;
    QHash<Channel*, QString> names_;  // of those who have joined
    QString endpoint_;
};

class Guest : public QObject {
    Q_OBJECT

public:
    Guest(Window& window, const QString& name) : window_(window), name_(name) {
        connect(&channel_, &Channel::messageReceived, this,
                [this](const QByteArray& data) { window_.show_line(QString::fromUtf8(data)); });
        connect(&channel_, &Channel::disconnected, this, [this] {
            window_.show_line(channel_.error() == Status::closed
                                  ? tr("* the host has closed the room")
                                  : tr("* the host is gone"));
            window_.set_open(false);
        });
        connect(&channel_, &Channel::errorOccurred, this,
                [this](Status, const QString& text) { window_.show_line(text); });
    }

    void join(const QString& endpoint) {
        connect(&window_, &Window::typed, this, &Guest::say);
        window_.setWindowTitle(name_ + " - " + endpoint);
        if (channel_.connectTo(endpoint)) {
            channel_.send(JOIN, name_.toUtf8());  // waits until it is connected
        }
    }

private:
    void say(const QString& line) {
        if (channel_.send(SAY, line.toUtf8())) {
            window_.show_line(name_ + ": " + line);
        } else {
            window_.show_line(channel_.errorString());
        }
    }

    Window& window_;
    const QString name_;
    Channel channel_;
};

int main(int argc, char** argv) {
    QApplication app(argc, argv);
    const auto arguments = app.arguments();
    const auto role = arguments.value(1);
    Window window;
    Host host(window);
    Guest guest(window, arguments.value(3));
    if (role == "server" && arguments.size() == 3) {
        host.open(arguments[2]);
    } else if (role == "client" && arguments.size() == 4) {
        guest.join(arguments[2]);
    } else {
        QTextStream(stderr) << "usage: qt-chat server ENDPOINT\n"
                               "       qt-chat client ENDPOINT NAME\n";
        return 2;
    }
    window.show();
    return app.exec();
}

#include "chat.moc"
