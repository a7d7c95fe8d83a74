/// treenail.hpp: message channels between programs on one machine, shared memory with a lock, and
/// semaphores, for C++17 and newer.
///
/// SPDX-License-Identifier: MIT OR Apache-2.0
///
///     auto channel = treenail::Channel::connect("shm:chat?retry=1", 5s);
///     channel.send("hello");
///     std::string answer = channel.recv();
///
///     auto segment = treenail::Segment::open_or_create("counter", 8);
///     const auto held = segment.guard();
///     segment.as<std::uint64_t>()++;
///
/// Header-only, over the C ABI of <treenail.h>, whose head is the manual: endpoints and their
/// options, and what happens at a crash, in a fork and between users. What holds here:
///
///   Ownership  Listener, Channel, Poller, Segment and Semaphore own a handle; View and Loan own a
///              lent message, Guard a lock, Permit units of a semaphore. All are move-only and give
///              back what they own at their end. Where one was moved from it is empty: its calls
///              are Status::invalid, its size is 0, its end does nothing. What came from a handle
///              ends before that does (which may be moved meanwhile).
///              Arguments stay the caller's, and may be reused as soon as a call is back.
///   Threads    All calls on handles are const, and may be made from all threads at once. What
///              needs a thread alone is what changes the object: moving, assigning, destroying it.
///              Close a channel to wake who waits on it, join, then destroy. A view, loan, guard
///              or permit belongs to one thread at a time, which may be any.
///   Failures   Each call that can fail has two forms. The plain one throws Error, for any failure,
///              Status::timed_out and Status::closed too. The try_ one is noexcept, allocates
///              nothing itself, and returns a Status, or a Result with the value; waiting in vain
///              and the end are ordinary values there. last_error() tells more about either.
///              What fills a string or a container has the plain form alone.
///              Status::owner_died is no failure: a Guard and a Notice tell of it.
///              With -fno-exceptions the plain forms end the program where they would throw.
///   Waiting    Timeouts are std::chrono durations, or now, or forever. They come last; plain
///              forms wait for ever by default, try_ forms always say how long.
///   Texts      Endpoints are UTF-8 without NUL. A message is bytes: what is sent as text is its
///              characters, without a NUL at the end.
#ifndef TREENAIL_HPP
#define TREENAIL_HPP

#if __cplusplus < 201703L
#error "treenail.hpp needs C++17: compile with -std=c++17 or newer"
#endif

#include "treenail/bytes.hpp"
#include "treenail/channel.hpp"
#include "treenail/facts.hpp"
#include "treenail/list.hpp"
#include "treenail/listener.hpp"
#include "treenail/message.hpp"
#include "treenail/poller.hpp"
#include "treenail/segment.hpp"
#include "treenail/semaphore.hpp"
#include "treenail/single_instance.hpp"
#include "treenail/start.hpp"
#include "treenail/status.hpp"
#include "treenail/timeout.hpp"
#include "treenail/values.hpp"

#endif
