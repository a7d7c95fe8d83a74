// A message to itself: all that a Qt program needs of the installed files.
#include <treenail/qt/listener.hpp>
#include <treenail/qt/local_server.hpp>
#include <treenail/qt/local_socket.hpp>
#include <treenail/qt/shared_memory.hpp>
#include <treenail/qt/single_instance.hpp>
#include <treenail/qt/system_semaphore.hpp>

#include <QCoreApplication>

#include <cstdio>

using treenail::qt::Channel;
using treenail::qt::Listener;

int main(int argc, char** argv) {
    QCoreApplication application(argc, argv);
    const auto name = QStringLiteral("package-%1").arg(QCoreApplication::applicationPid());
    treenail::qt::SingleInstance instance(name);
    Listener listener;
    Channel client;
    QObject::connect(&listener, &Listener::newChannel, [&] {
        Channel* channel = listener.nextPendingChannel();
        QObject::connect(channel, &Channel::messageReceived, [&](const QByteArray& text) {
            std::printf("%s with Qt %s\n", text.constData(), qVersion());
            application.quit();
        });
    });
    const bool ready = !instance.handOver() && instance.isFirst() &&
                       listener.listen(QStringLiteral("shm:") + name) &&
                       client.connectTo(listener.endpoint()) && client.send("peg");
    return ready ? application.exec() : 1;
}
