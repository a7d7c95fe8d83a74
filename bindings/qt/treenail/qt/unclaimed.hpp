/// Private to the binding: channels between LocalServer::incomingConnection, which is given a
/// number as Qt has it, and LocalSocket::setSocketDescriptor, which any thread may call with it.
#ifndef TREENAIL_QT_UNCLAIMED_HPP
#define TREENAIL_QT_UNCLAIMED_HPP

#include <treenail.hpp>

#include <QString>

#include <memory>

namespace treenail::qt::detail {

struct Unclaimed {
    treenail::Channel channel;
    QString serverName;
    QString fullServerName;
};

/// Keeps the channel, and returns a number for it, which is that of no descriptor and fits an int.
quintptr deposit(std::unique_ptr<Unclaimed> connection);

/// Takes out the channel with this number; null if there is none.
std::unique_ptr<Unclaimed> claim(qintptr number);

}  // namespace treenail::qt::detail

#endif
