// Two windows of qt-monitor: what the client sends shows in the server's table and graph.
#include "windows.hpp"

class WindowsMonitorTest : public QObject {
    Q_OBJECT

    const QRect server_{0, 0, 640, 360};
    const QRect client_{0, 362, 640, 360};

    // How many points of a line's colour there are.
    static int drawn(const QColor& color, const QRect& part) {
        const auto image = screen(part);
        int points = 0;
        for (int y = 0; y < image.height(); ++y) {
            for (int x = 0; x < image.width(); ++x) {
                points += image.pixel(x, y) == color.rgb();
            }
        }
        return points;
    }
    // The lower half but its lowest lines: where the graph is.
    static QRect graph_of(const QRect& window) {
        return window.adjusted(0, window.height() / 2, 0, -40);
    }

    static QPoint slider_of(const QRect& window) {
        return {window.center().x(), window.bottom() - 19};
    }

private Q_SLOTS:
    void a_client_shows_in_the_server() {
        const QTemporaryDir directory;
        const QString endpoint = "shm:monitor";
        const auto first = QColor::fromHsv(0, 200, 200);
        const auto second = QColor::fromHsv(137, 200, 200);
        Running server(QStringLiteral(WINDOW), placed(server_) + QStringList{"server", endpoint},
                       directory.path());
        EVENTUALLY(is_labelled("listening at " + endpoint, server_));
        QCOMPARE(drawn(first, server_), 0);
        auto client = std::make_unique<Running>(
            QStringLiteral(WINDOW), placed(client_) + QStringList{"client", endpoint},
            directory.path());
        EVENTUALLY(is_labelled("connected; the slider says how many messages a second are sent", client_));
        EVENTUALLY(drawn(first, graph_of(server_)) > 50 && drawn(first, graph_of(client_)) > 50);
        Running in_c(QStringLiteral(PEER), {"ask", endpoint}, directory.path());
        EVENTUALLY(drawn(second, server_) > 10);
        in_c.stop();
        EVENTUALLY(drawn(second, server_) == 0);
        click(slider_of(client_));  // ten thousand more a second, which come back
        EVENTUALLY(is_listed("20000 messages/s", server_) ||
                   is_listed("50000 messages/s", server_));
        if (keeps_pictures()) {  // one with a long line
            EVENTUALLY(drawn(first, graph_of(server_).adjusted(0, 0, -300, 0)) > 0);
        }
        keep_picture("qt-monitor.png", server_ | client_);
        client.reset();
        EVENTUALLY(drawn(first, server_) == 0);
    }
};

int main(int argc, char** argv) { return run_on_display<WindowsMonitorTest>(argc, argv); }
#include "windows_monitor.moc"
