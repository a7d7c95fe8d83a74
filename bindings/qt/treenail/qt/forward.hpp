/// The classes of treenail::qt, declared and not defined: in place of `class QLocalSocket;` and the
/// like, which would declare Qt's own class.
///
/// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef TREENAIL_QT_FORWARD_HPP
#define TREENAIL_QT_FORWARD_HPP

namespace treenail::qt {

class Channel;
class Listener;
class LocalServer;
class LocalSocket;
class SharedMemory;
class SingleInstance;
class SystemSemaphore;

}  // namespace treenail::qt

#endif
