//! No call waits (MSG_DONTWAIT) or raises SIGPIPE (MSG_NOSIGNAL). Only [`recv_with_fds`] has a
//! control buffer: everywhere else the kernel drops descriptors that a peer attaches, or refuses
//! them ([`refuse_descriptors`]).

use super::{Credentials, WithFds};
use crate::memory::{Buffer, Filling};
use crate::os::fault::{Fault, faulty};
use crate::os::fork::{Fd, adopt, enter};
use crate::os::linux::{check, check_count, made, restart};
use std::io::{self, IoSlice};
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::path::Path;

/// Most descriptors that a message may bring before it counts as nonsense.
const DESCRIPTORS_MAX: usize = 16;

/// By socketpair(2).
pub fn pair() -> io::Result<(Fd, Fd)> {
    let _gate = enter();
    let (one, other) = UnixStream::pair()?;
    Ok((Fd::register(one.into())?, Fd::register(other.into())?))
}

/// Sends what the kernel takes of `parts`; how many bytes that is. WouldBlock is an error.
pub fn send(socket: BorrowedFd<'_>, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    // SAFETY: all zeros is a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = parts.as_ptr().cast_mut().cast();
    message.msg_iovlen = parts.len().min(libc::UIO_MAXIOV as usize) as _;
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: IoSlice has the layout of iovec, and the kernel only reads through it.
    restart(|| check_count(unsafe { libc::sendmsg(socket.as_raw_fd(), &message, flags) }))
}

/// Makes room for a last frame in a socket whose buffer is full (socket(7): the kernel doubles
/// what it is told, and tells what it made of it).
pub fn enlarge(socket: BorrowedFd<'_>) {
    let mut size: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    let (fd, value) = (socket.as_raw_fd(), std::ptr::from_mut(&mut size).cast());
    // SAFETY: reads and writes a live variable of this length. Where either call fails, there is
    // no more room than before.
    unsafe {
        libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, value, &mut len);
        libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, value, len);
    }
}

/// Sends bytes with descriptors on the first of them.
pub fn send_with_fds(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    let mut control = Control::new();
    let parts = [IoSlice::new(bytes)];
    // SAFETY: all zeros is a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = parts.as_ptr().cast_mut().cast();
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    let data_size = std::mem::size_of_val(fds) as u32;
    // SAFETY: computes sizes; the control buffer has room for more descriptors than are sent,
    // is aligned for a cmsghdr, and stays alive during the call.
    unsafe {
        message.msg_controllen = libc::CMSG_SPACE(data_size) as _;
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(data_size) as _;
        let data = libc::CMSG_DATA(header).cast::<i32>();
        for (index, fd) in fds.iter().enumerate() {
            data.add(index).write_unaligned(fd.as_raw_fd());
        }
    }
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: the message's parts are live.
    restart(|| check_count(unsafe { libc::sendmsg(socket.as_raw_fd(), &message, flags) }))
}

/// Room for the control data of [`DESCRIPTORS_MAX`] descriptors.
#[repr(C, align(16))]
struct Control([MaybeUninit<u8>; 256]);

impl Control {
    fn new() -> Control {
        Control([MaybeUninit::zeroed(); 256])
    }
}

/// Receives bytes; 0 is the end.
pub fn recv(socket: BorrowedFd<'_>, into: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    let (fd, len) = (socket.as_raw_fd(), into.len());
    let buffer = into.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `len` bytes.
    restart(|| check_count(unsafe { libc::recv(fd, buffer, len, libc::MSG_DONTWAIT) }))
}

/// Looks at the first bytes that have come, and leaves them there; None if fewer have.
pub fn peek<const N: usize>(socket: BorrowedFd<'_>) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0u8; N];
    let (fd, buffer) = (socket.as_raw_fd(), bytes.as_mut_ptr().cast());
    let flags = libc::MSG_DONTWAIT | libc::MSG_PEEK;
    // SAFETY: the kernel writes at most `N` bytes.
    let here = restart(|| check_count(unsafe { libc::recv(fd, buffer, N, flags) }))?;
    Ok((here == N).then_some(bytes))
}

/// Receives into a caller's memory, behind what is filled; 0 is the end.
pub fn recv_filling(socket: BorrowedFd<'_>, into: &mut Filling<'_>) -> io::Result<usize> {
    // SAFETY: `recv` returns how many bytes the kernel wrote.
    unsafe { into.fill(|memory| recv(socket, memory)) }
}

/// Receives up to `count` bytes behind those that `buffer` holds; 0 is the end.
pub fn recv_into(socket: BorrowedFd<'_>, buffer: &mut Buffer, count: usize) -> io::Result<usize> {
    buffer.reserve(count)?;
    let received = recv(socket, &mut buffer.spare()[..count])?;
    // SAFETY: the kernel wrote that many.
    unsafe { buffer.advance(received) };
    Ok(received)
}

/// Receives up to `count` bytes behind those that `buffer` holds, and the descriptors that came
/// with them. Too many descriptors are an error, and closed.
pub fn recv_with_fds(
    socket: BorrowedFd<'_>,
    buffer: &mut Buffer,
    count: usize,
    fds: &mut Vec<Fd>,
) -> io::Result<WithFds> {
    let _gate = enter();
    buffer.reserve(count)?;
    let mut part = libc::iovec { iov_base: buffer.spare().as_mut_ptr().cast(), iov_len: count };
    let mut control = Control::new();
    // SAFETY: all zeros is a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    // SAFETY: computes a size.
    let room = unsafe { libc::CMSG_SPACE((DESCRIPTORS_MAX * size_of::<i32>()) as u32) };
    message.msg_controllen = room as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the kernel writes at most as much as the message says that there is room for.
    let received =
        restart(|| check_count(unsafe { libc::recvmsg(socket.as_raw_fd(), &mut message, flags) }))?;
    // SAFETY: the kernel wrote that many.
    unsafe { buffer.advance(received) };
    let mut has_lost_fds = take_fds(&message, fds).is_err();
    if message.msg_flags & libc::MSG_CTRUNC != 0 {
        // Either the peer sent too many, or this process has no place for them: asked while
        // those that came are still open.
        // SAFETY: the call makes a descriptor.
        match unsafe { made(libc::fcntl(socket.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3)) } {
            Ok(_spare) => {
                fds.clear();
                return Err(io::Error::new(io::ErrorKind::InvalidData, "descriptors were cut off"));
            }
            Err(_) => has_lost_fds = true,
        }
    }
    if has_lost_fds {
        fds.clear();
    }
    Ok(WithFds { count: received, has_lost_fds })
}

fn take_fds(message: &libc::msghdr, fds: &mut Vec<Fd>) -> io::Result<()> {
    let mut failed = Ok(());
    // SAFETY: the kernel filled the control buffer in, and its headers are walked by its own
    // macros; each descriptor in it was made for us and nobody else has it.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while let Some(control) = header.as_ref() {
            let of_rights =
                control.cmsg_level == libc::SOL_SOCKET && control.cmsg_type == libc::SCM_RIGHTS;
            let size = control.cmsg_len as usize - libc::CMSG_LEN(0) as usize;
            let data = libc::CMSG_DATA(header).cast::<i32>();
            for index in 0..if of_rights { size / size_of::<i32>() } else { 0 } {
                let fd = OwnedFd::from_raw_fd(data.add(index).read_unaligned());
                // All are taken over, so that those which can't be kept are closed.
                match Fd::register(fd) {
                    Ok(fd) => fds.push(fd),
                    Err(error) => failed = Err(error),
                }
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    failed
}

/// Ends both directions: wakes whoever waits for this socket, on either side.
pub fn shutdown(socket: BorrowedFd<'_>) {
    // SAFETY: takes no memory.
    unsafe { libc::shutdown(socket.as_raw_fd(), libc::SHUT_RDWR) };
}

/// Lets the kernel refuse the descriptors that a peer attaches to its bytes from here on. What is
/// dropped instead is closed in the call that reads the bytes, and closing a TCP socket takes as
/// long as its maker likes (SO_LINGER). Connections inherit it from the listening socket.
/// SO_PASSRIGHTS is of Linux 6.16; before it, nothing can be done.
pub fn refuse_descriptors(socket: BorrowedFd<'_>) {
    const SO_PASSRIGHTS: i32 = if cfg!(target_arch = "sparc64") { 0x5c } else { 83 };
    if faulty(Fault::NoPassRights) {
        return;
    }
    let off: libc::c_int = 0;
    let (value, len) = (std::ptr::from_ref(&off).cast(), size_of_val(&off) as libc::socklen_t);
    // SAFETY: reads a live variable of this length.
    unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, SO_PASSRIGHTS, value, len) };
}

/// Starts listening again, with another backlog.
pub fn set_backlog(socket: BorrowedFd<'_>, backlog: u32) -> io::Result<()> {
    // SAFETY: takes no memory.
    check(unsafe { libc::listen(socket.as_raw_fd(), backlog as i32) }).map(drop)
}

/// Whether the socket has a peer. (The kernel says EAGAIN where a listener's queue is full, and
/// leaves the socket unconnected: it is not connecting, as it would be on TCP.)
pub fn is_connected(socket: BorrowedFd<'_>) -> bool {
    let mut address = MaybeUninit::<libc::sockaddr_un>::uninit();
    let mut len = size_of::<libc::sockaddr_un>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes.
    unsafe { libc::getpeername(socket.as_raw_fd(), address.as_mut_ptr().cast(), &mut len) == 0 }
}

/// Whether a living stream socket has this path. Asked with a datagram socket, which can't
/// connect to it (EPROTOTYPE), so that whoever listens there is not disturbed.
pub fn is_bound(path: &Path) -> io::Result<bool> {
    let address = SocketAddr::from_pathname(path)?;
    let socket = adopt(UnixDatagram::unbound)?;
    match socket.connect_addr(&address) {
        Ok(()) => Ok(true),
        Err(error) => match error.raw_os_error() {
            Some(libc::EPROTOTYPE) => Ok(true),
            Some(libc::ECONNREFUSED | libc::ENOENT) => Ok(false),
            _ => Err(error),
        },
    }
}

/// Asks the kernel who is at the other end.
pub fn credentials(socket: BorrowedFd<'_>) -> io::Result<Credentials> {
    let mut found = libc::ucred { pid: 0, uid: 0, gid: 0 };
    option(socket, libc::SO_PEERCRED, std::ptr::from_mut(&mut found).cast(), size_of_val(&found))?;
    Ok(Credentials { pid: found.pid, uid: found.uid, gid: found.gid })
}

/// A pidfd of the process at the other end: readable once it has died.
///
/// SO_PEERPIDFD is of Linux 6.5; before it, pidfd_open by number could in theory meet a recycled
/// one, so the socket must still be up afterwards for it to count.
pub fn watch_peer(socket: BorrowedFd<'_>, pid: i32) -> io::Result<Fd> {
    const SO_PEERPIDFD: i32 = 77;
    let by_socket = || {
        let mut fd = -1i32;
        option(socket, SO_PEERPIDFD, std::ptr::from_mut(&mut fd).cast(), size_of::<i32>())?;
        // SAFETY: the call just made it, and nobody else has it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    };
    let by_number = || {
        // SAFETY: the call makes a descriptor.
        unsafe { made(libc::syscall(libc::SYS_pidfd_open, pid, 0) as i32) }
    };
    let by_socket = match faulty(Fault::NoPeerPidfd) {
        true => Err(io::Error::from_raw_os_error(libc::ENOPROTOOPT)),
        false => adopt(by_socket),
    };
    match by_socket {
        Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => {}
        result => return result,
    }
    match faulty(Fault::NoPidfd) {
        true => Err(io::Error::from_raw_os_error(libc::ENOSYS)),
        false => adopt(by_number),
    }
}

fn option(
    socket: BorrowedFd<'_>,
    name: i32,
    into: *mut libc::c_void,
    size: usize,
) -> io::Result<()> {
    let mut len = size as libc::socklen_t;
    // SAFETY: callers pass a live variable of that size.
    let result =
        unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, name, into, &mut len) };
    check(result).map(drop)
}
