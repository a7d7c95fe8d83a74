#include "request.hpp"

#include "link.hpp"

namespace treenail::qt {

bool Request::reply(const QByteArray& data) const {
    const auto link = link_.lock();
    return link && link->reply({request_.tag(), data, 0, request_}, connection_.lock());
}

}  // namespace treenail::qt
