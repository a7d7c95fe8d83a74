/// LocalServer: QLocalServer over treenail.
///
/// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef TREENAIL_QT_LOCAL_SERVER_HPP
#define TREENAIL_QT_LOCAL_SERVER_HPP

#include <QAbstractSocket>
#include <QObject>
#include <QString>

#include <memory>

namespace treenail::qt {

class LocalSocket;

/// A server that LocalSockets connect to, through shared memory, and genuine QLocalSockets, through
/// a socket. It has the calls, signals and behaviour of the QLocalServer of the Qt that it is built
/// with. Programs in other languages connect to shm:NAME. docs/qt.md lists what differs.
class LocalServer : public QObject {
    Q_OBJECT
#if QT_VERSION >= QT_VERSION_CHECK(6, 2, 0)
    Q_PROPERTY(SocketOptions socketOptions READ socketOptions WRITE setSocketOptions BINDABLE
                   bindableSocketOptions)
#else
    Q_PROPERTY(SocketOptions socketOptions READ socketOptions WRITE setSocketOptions)
#endif

Q_SIGNALS:
    void newConnection();

public:
    enum SocketOption {
        NoOptions = 0x0,
        UserAccessOption = 0x01,
        GroupAccessOption = 0x2,
        OtherAccessOption = 0x4,
        WorldAccessOption = 0x7,
#if QT_VERSION >= QT_VERSION_CHECK(6, 2, 0)
        AbstractNamespaceOption = 0x8,
#endif
    };
    Q_ENUM(SocketOption)
    Q_DECLARE_FLAGS(SocketOptions, SocketOption)
    Q_FLAG(SocketOptions)

    explicit LocalServer(QObject* parent = nullptr);
    ~LocalServer() override;

    void close();
    QString errorString() const;
    virtual bool hasPendingConnections() const;
    bool isListening() const;
    bool listen(const QString& name);
    bool listen(qintptr socketDescriptor);
    int maxPendingConnections() const;
    virtual LocalSocket* nextPendingConnection();
    QString serverName() const;
    QString fullServerName() const;
    static bool removeServer(const QString& name);
    QAbstractSocket::SocketError serverError() const;
    void setMaxPendingConnections(int numConnections);
    bool waitForNewConnection(int msec = 0, bool* timedOut = nullptr);

#if QT_VERSION >= QT_VERSION_CHECK(6, 3, 0)
    void setListenBacklogSize(int size);
    int listenBacklogSize() const;
#endif

    void setSocketOptions(SocketOptions options);
    SocketOptions socketOptions() const;
#if QT_VERSION >= QT_VERSION_CHECK(6, 2, 0)
    QBindable<SocketOptions> bindableSocketOptions();
#endif

    qintptr socketDescriptor() const;

protected:
    /// Called for each new connection, as Qt calls it. Pass the number to
    /// LocalSocket::setSocketDescriptor(). It is a descriptor if a genuine QLocalSocket connected,
    /// and otherwise a number that only LocalSocket understands.
    virtual void incomingConnection(quintptr socketDescriptor);

private:
    Q_DISABLE_COPY(LocalServer)

    class Private;
    Private* d;
};

Q_DECLARE_OPERATORS_FOR_FLAGS(LocalServer::SocketOptions)

}  // namespace treenail::qt

#endif
