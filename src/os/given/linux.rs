use super::Kind;
use crate::os::fork::{Fd, take_over};
use crate::os::linux::check;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, RawFd};

/// By SO_DOMAIN, SO_TYPE and SO_ACCEPTCONN, and by whether it has a peer's name.
pub fn look(number: RawFd) -> io::Result<Kind> {
    let domain = match option(number, libc::SO_DOMAIN) {
        Ok(domain) => domain,
        Err(error) => {
            return match error.raw_os_error() {
                Some(libc::EBADF) => Ok(Kind::NotOpen),
                Some(libc::ENOTSOCK) => Ok(Kind::NoSocket),
                _ => Err(error),
            };
        }
    };
    Ok(match (domain, option(number, libc::SO_TYPE)?) {
        (libc::AF_INET | libc::AF_INET6, _) => Kind::Internet,
        (libc::AF_UNIX, libc::SOCK_STREAM) => match option(number, libc::SO_ACCEPTCONN)? {
            0 if has_peer(number) => Kind::Connected,
            0 => Kind::Unconnected,
            _ => Kind::Listening,
        },
        (libc::AF_UNIX, _) => Kind::NoStream,
        _ => Kind::OtherFamily,
    })
}

/// Switches off what the giver may have switched on, by which the kernel adds control messages to
/// the peer's bytes: a pidfd among them would be nobody's.
pub fn take(number: RawFd) -> io::Result<Fd> {
    const SO_PASSPIDFD: i32 = 76;
    let socket = take_over(number)?;
    for name in [libc::SO_PASSCRED, SO_PASSPIDFD] {
        let off: libc::c_int = 0;
        let (value, len) = (std::ptr::from_ref(&off).cast(), size_of_val(&off) as libc::socklen_t);
        // SAFETY: reads a live variable of this length. A kernel that hasn't got the option has
        // nothing to switch off.
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, name, value, len) };
    }
    Ok(socket)
}

fn option(number: RawFd, name: i32) -> io::Result<i32> {
    let mut value: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    let into = std::ptr::from_mut(&mut value).cast();
    // SAFETY: the kernel writes at most `len` bytes, whatever has this number.
    check(unsafe { libc::getsockopt(number, libc::SOL_SOCKET, name, into, &mut len) })?;
    Ok(value)
}

fn has_peer(number: RawFd) -> bool {
    let mut address = std::mem::MaybeUninit::<libc::sockaddr_un>::uninit();
    let mut len = size_of::<libc::sockaddr_un>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes, whatever has this number.
    unsafe { libc::getpeername(number, address.as_mut_ptr().cast(), &mut len) == 0 }
}
