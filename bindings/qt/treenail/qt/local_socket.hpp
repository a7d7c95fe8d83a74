/// LocalSocket: QLocalSocket over treenail.
///
/// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef TREENAIL_QT_LOCAL_SOCKET_HPP
#define TREENAIL_QT_LOCAL_SOCKET_HPP

#include <QAbstractSocket>
#include <QIODevice>
#include <QString>

#include <memory>

namespace treenail::qt {

namespace detail {
class ChannelBackend;
class QtBackend;
}  // namespace detail

/// A stream of bytes to a program on this machine, with the calls, signals and behaviour of the
/// QLocalSocket of the Qt that it is built with. To a LocalServer it goes through shared memory. To
/// a genuine QLocalServer it goes through a socket, as QLocalSocket does. docs/qt.md lists what
/// differs.
///
/// A LocalSocket belongs to one thread, which moveToThread() changes. It may be deleted in any
/// slot.
class LocalSocket : public QIODevice {
    Q_OBJECT
#if QT_VERSION >= QT_VERSION_CHECK(6, 2, 0)
    Q_PROPERTY(SocketOptions socketOptions READ socketOptions WRITE setSocketOptions BINDABLE
                   bindableSocketOptions)
#endif

public:
    /// In here Qt's name means this class. So moc's tables have the parameters of the signals as
    /// programs write them, whose alias QLocalSocket is this class: SIGNAL() and SLOT() find them.
    using QLocalSocket = LocalSocket;

    enum LocalSocketError {
        ConnectionRefusedError = QAbstractSocket::ConnectionRefusedError,
        PeerClosedError = QAbstractSocket::RemoteHostClosedError,
        ServerNotFoundError = QAbstractSocket::HostNotFoundError,
        SocketAccessError = QAbstractSocket::SocketAccessError,
        SocketResourceError = QAbstractSocket::SocketResourceError,
        SocketTimeoutError = QAbstractSocket::SocketTimeoutError,
        DatagramTooLargeError = QAbstractSocket::DatagramTooLargeError,
        ConnectionError = QAbstractSocket::NetworkError,
        UnsupportedSocketOperationError = QAbstractSocket::UnsupportedSocketOperationError,
        UnknownSocketError = QAbstractSocket::UnknownSocketError,
        OperationError = QAbstractSocket::OperationError,
    };
    Q_ENUM(LocalSocketError)

    enum LocalSocketState {
        UnconnectedState = QAbstractSocket::UnconnectedState,
        ConnectingState = QAbstractSocket::ConnectingState,
        ConnectedState = QAbstractSocket::ConnectedState,
        ClosingState = QAbstractSocket::ClosingState,
    };
    Q_ENUM(LocalSocketState)

#if QT_VERSION >= QT_VERSION_CHECK(6, 2, 0)
    enum SocketOption {
        NoOptions = 0x00,
        AbstractNamespaceOption = 0x01,
    };
    Q_DECLARE_FLAGS(SocketOptions, SocketOption)
    Q_FLAG(SocketOptions)

    void setSocketOptions(SocketOptions options);
    SocketOptions socketOptions() const;
    QBindable<SocketOptions> bindableSocketOptions();
#endif

    LocalSocket(QObject* parent = nullptr);
    ~LocalSocket() override;

    void connectToServer(OpenMode openMode = ReadWrite);
    void connectToServer(const QString& name, OpenMode openMode = ReadWrite);
    void disconnectFromServer();

    void setServerName(const QString& name);
    QString serverName() const;
    QString fullServerName() const;

    void abort();
    bool isSequential() const override;
    qint64 bytesAvailable() const override;
    qint64 bytesToWrite() const override;
    bool canReadLine() const override;
    bool open(OpenMode openMode = ReadWrite) override;
    void close() override;
    LocalSocketError error() const;
    bool flush();
    bool isValid() const;
    qint64 readBufferSize() const;
    void setReadBufferSize(qint64 size);

    bool setSocketDescriptor(qintptr socketDescriptor,
                             LocalSocketState socketState = ConnectedState,
                             OpenMode openMode = ReadWrite);
    qintptr socketDescriptor() const;

    LocalSocketState state() const;
    bool waitForBytesWritten(int msecs = 30000) override;
    bool waitForConnected(int msecs = 30000);
    bool waitForDisconnected(int msecs = 30000);
    bool waitForReadyRead(int msecs = 30000) override;

Q_SIGNALS:
    void connected();
    void disconnected();
    void errorOccurred(QLocalSocket::LocalSocketError socketError);
#if QT_VERSION < QT_VERSION_CHECK(6, 0, 0)
    void error(QLocalSocket::LocalSocketError socketError);
#endif
    void stateChanged(QLocalSocket::LocalSocketState socketState);

protected:
    qint64 readData(char* data, qint64 maxSize) override;
    qint64 readLineData(char* data, qint64 maxSize) override;
#if QT_VERSION >= QT_VERSION_CHECK(6, 0, 0)
    qint64 skipData(qint64 maxSize) override;
#endif
    qint64 writeData(const char* data, qint64 size) override;

private:
    Q_DISABLE_COPY(LocalSocket)
    friend class detail::ChannelBackend;
    friend class detail::QtBackend;

    struct Private;
    std::unique_ptr<Private> d;
};

#if QT_VERSION >= QT_VERSION_CHECK(6, 2, 0)
Q_DECLARE_OPERATORS_FOR_FLAGS(LocalSocket::SocketOptions)
#endif

}  // namespace treenail::qt

#endif
