// monitor.cpp: what goes through channels, in a table and a graph.
//
//     cmake -B target/examples-qt -S examples/qt && cmake --build target/examples-qt
//     target/examples-qt/qt-monitor server shm:echo
//     target/examples-qt/qt-monitor client shm:echo
//
// The server sends every message back, so any echo client may come, of any language; each has its
// row and its line. The client's slider says how many messages a second it sends.
#include <treenail/qt/channel.hpp>
#include <treenail/qt/listener.hpp>

#include <QApplication>
#include <QElapsedTimer>
#include <QHeaderView>
#include <QLabel>
#include <QPainter>
#include <QPainterPath>
#include <QSlider>
#include <QTableWidget>
#include <QTextStream>
#include <QTimer>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <deque>
#include <vector>

using treenail::qt::Channel;
using treenail::qt::Listener;
using treenail::qt::Request;

namespace {

constexpr int interval = 250;  // ms between two looks
constexpr int looks = 120;     // that the graph shows

// To 1, 2 or 5 with zeros.
double rounded_up(double value) {
    const auto unit = std::pow(10, std::floor(std::log10(value)));
    for (const auto digit : {1, 2, 5}) {
        if (value <= digit * unit) {
            return digit * unit;
        }
    }
    return 10 * unit;
}

QColor color_of(int number) { return QColor::fromHsv(number * 137 % 360, 200, 200); }

}  // namespace

// Lines from the right to the left, under one scale.
class Graph : public QWidget {
    Q_OBJECT

public:
    struct Line {
        QColor color;
        std::deque<double> values;  // the newest last
    };

    Graph() { setMinimumHeight(120); }

    std::vector<Line> lines;

protected:
    void paintEvent(QPaintEvent*) override {
        QPainter painter(this);
        painter.fillRect(rect(), palette().base());
        double top = 1;
        for (const auto& line : lines) {
            for (const auto value : line.values) {
                top = std::max(top, value);
            }
        }
        top = rounded_up(top);
        painter.setPen(palette().mid().color());
        for (int part = 1; part < 5; ++part) {
            painter.drawLine(0, height() * part / 5, width(), height() * part / 5);
        }
        painter.setPen(palette().text().color());
        painter.drawText(rect().adjusted(4, 2, 0, 0), tr("%1 messages/s").arg(top, 0, 'f', 0));
        painter.setRenderHint(QPainter::Antialiasing);
        for (const auto& line : lines) {
            QPainterPath path;
            double x = width();
            for (auto value = line.values.rbegin(); value != line.values.rend(); ++value) {
                const QPointF point(x, height() - 1 - *value / top * (height() - 20));
                x == width() ? path.moveTo(point) : path.lineTo(point);
                x -= double(width()) / (looks - 1);
            }
            painter.setPen(QPen(line.color, 2));
            painter.drawPath(path);
        }
    }
};

class Monitor : public QWidget {
    Q_OBJECT

public:
    Monitor() {
        auto* layout = new QVBoxLayout(this);
        layout->addWidget(&table_, 1);
        layout->addWidget(&graph_, 1);
        layout->addWidget(&text_);
        table_.setColumnCount(7);
        table_.setHorizontalHeaderLabels({tr("Process"), tr("Sent"), tr("Received"),
                                          tr("Bytes"), tr("Messages/s"),
                                          tr("Wake-ups"), tr("Ring in use")});
        table_.horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
        table_.verticalHeader()->hide();
        table_.setEditTriggers(QAbstractItemView::NoEditTriggers);
        table_.setSelectionMode(QAbstractItemView::NoSelection);
        table_.setFocusPolicy(Qt::NoFocus);
        resize(640, 360);
        connect(&timer_, &QTimer::timeout, this, &Monitor::look);
        timer_.start(interval);
        since_.start();
    }

    // A row and a line for a channel that is connected, as long as it is.
    void add(Channel* channel) {
        const auto color = color_of(number_++);
        rows_.push_back({channel, 0});
        graph_.lines.push_back({color, {}});
        const int row = table_.rowCount();
        table_.insertRow(row);
        for (int column = 0; column < table_.columnCount(); ++column) {
            auto* item = new QTableWidgetItem;
            item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
            table_.setItem(row, column, item);
        }
        table_.item(row, 0)->setText(QString::number(channel->peer().pid()));
        table_.item(row, 0)->setForeground(color);
        connect(channel, &Channel::disconnected, this, [=] { remove(channel); });
    }

    void say(const QString& text) { text_.setText(text); }

private:
    struct Row {
        Channel* channel;
        quint64 messages;  // both ways, at the last look
    };

    void look() {
        const auto seconds = double(since_.restart()) / 1000;
        for (std::size_t row = 0; row < rows_.size(); ++row) {
            auto& [channel, before] = rows_[row];
            const auto stats = channel->stats();
            const auto messages = stats.messages_sent + stats.messages_received;
            const auto rate = double(messages - std::exchange(before, messages)) / seconds;
            auto& values = graph_.lines[row].values;
            values.push_back(rate);
            if (values.size() > looks) {
                values.pop_front();
            }
            const auto ring = stats.ring_bytes == 0
                                  ? tr("a socket")
                                  : tr("%1 %").arg(100 * stats.ring_used / stats.ring_bytes);
            const QString texts[] = {locale().toString(quint64(stats.messages_sent)),
                                     locale().toString(quint64(stats.messages_received)),
                                     locale().formattedDataSize(
                                         qint64(stats.bytes_sent + stats.bytes_received)),
                                     locale().toString(rate, 'f', 0),
                                     locale().toString(quint64(stats.wakeups_sent)), ring};
            for (int column = 1; column < table_.columnCount(); ++column) {
                table_.item(int(row), column)->setText(texts[column - 1]);
            }
        }
        graph_.update();
    }

    void remove(const Channel* channel) {
        const auto found = std::find_if(rows_.begin(), rows_.end(),
                                        [=](const Row& row) { return row.channel == channel; });
        const auto row = found - rows_.begin();
        rows_.erase(found);
        graph_.lines.erase(graph_.lines.begin() + row);
        table_.removeRow(int(row));
        graph_.update();
    }

    QTableWidget table_;
    Graph graph_;
    QLabel text_;
    QTimer timer_;
    QElapsedTimer since_;
    std::vector<Row> rows_;
    int number_ = 0;
};

class Server : public QObject {
    Q_OBJECT

public:
    Server(Monitor& monitor, const QString& endpoint) : monitor_(monitor) {
        connect(&listener_, &Listener::newChannel, this, &Server::serve);
        monitor_.say(listener_.listen(endpoint) ? "listening at " + endpoint
                                                : listener_.errorString());
        monitor_.setWindowTitle("qt-monitor server - " + endpoint);
    }

private:
    void serve() {
        auto* channel = listener_.nextPendingChannel();
        connect(channel, &Channel::messageReceived, channel,
                [=](const QByteArray& data, quint32 tag) {
                    if (!channel->send(tag, data)) {
                        channel->abort();  // it doesn't read
                    }
                });
        connect(channel, &Channel::requestReceived, channel,
                [](const Request& request) { request.reply(request.data()); });
        connect(channel, &Channel::disconnected, channel, &QObject::deleteLater);
        monitor_.add(channel);
    }

    Monitor& monitor_;
    Listener listener_;
};

class Client : public QObject {
    Q_OBJECT

public:
    Client(Monitor& monitor, const QString& endpoint) : monitor_(monitor) {
        auto* slider = new QSlider(Qt::Horizontal);
        slider->setRange(0, rate_max);
        slider->setPageStep(rate_max / 10);
        slider->setValue(rate_);
        monitor_.layout()->addWidget(slider);
        monitor_.setWindowTitle("qt-monitor client - " + endpoint);
        connect(slider, &QSlider::valueChanged, this, [this](int value) { rate_ = value; });
        connect(&channel_, &Channel::connected, this, [this] {
            monitor_.add(&channel_);
            monitor_.say(tr("connected; the slider says how many messages a second are sent"));
            timer_.start(tick);
        });
        connect(&channel_, &Channel::disconnected, this, [this] {
            timer_.stop();
            monitor_.say(tr("disconnected"));
        });
        connect(&channel_, &Channel::errorOccurred, this,
                [this](treenail::Status, const QString& text) { monitor_.say(text); });
        connect(&timer_, &QTimer::timeout, this, &Client::send);
        channel_.connectTo(endpoint);
    }

private:
    static constexpr int tick = 10;  // ms
    static constexpr int rate_max = 100000;

    void send() {
        owed_ += double(rate_) * tick / 1000;
        for (; owed_ >= 1 && channel_.send(message_); owed_ -= 1) {
        }
        owed_ = std::min(owed_, 1.0);  // what found no room isn't made up for
    }

    Monitor& monitor_;
    Channel channel_;
    QTimer timer_;
    const QByteArray message_ = QByteArray(64, 'm');
    int rate_ = 1000;
    double owed_ = 0;
};

int main(int argc, char** argv) {
    QApplication app(argc, argv);
    const auto arguments = app.arguments();
    const auto role = arguments.value(1);
    Monitor monitor;
    std::unique_ptr<QObject> part;
    if (arguments.size() == 3 && role == "server") {
        part = std::make_unique<Server>(monitor, arguments[2]);
    } else if (arguments.size() == 3 && role == "client") {
        part = std::make_unique<Client>(monitor, arguments[2]);
    } else {
        QTextStream(stderr) << "usage: qt-monitor server|client ENDPOINT\n";
        return 2;
    }
    monitor.show();
    return app.exec();
}

#include "monitor.moc"
