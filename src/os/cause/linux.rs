use super::Cause;

/// By errno(3).
pub fn cause_of(number: i32) -> Cause {
    match number {
        libc::ENOENT => Cause::NotFound,
        libc::ECONNREFUSED => Cause::NotListening,
        libc::ENOTDIR => Cause::NotDirectory,
        libc::EISDIR => Cause::Directory,
        libc::ENXIO => Cause::NotFile,
        libc::ELOOP => Cause::Link,
        libc::EACCES => Cause::Denied,
        libc::EPERM => Cause::Forbidden,
        libc::EROFS => Cause::ReadOnly,
        libc::EEXIST | libc::EADDRINUSE => Cause::Exists,
        libc::EMFILE => Cause::NoDescriptors,
        libc::ENFILE => Cause::NoDescriptorsAnywhere,
        libc::ENOMEM | libc::ENOSPC | libc::ENOBUFS => Cause::NoMemory,
        libc::EFBIG => Cause::TooLarge,
        libc::ENAMETOOLONG => Cause::NameTooLong,
        libc::ENOSYS => Cause::Unsupported,
        libc::EPIPE | libc::ECONNRESET => Cause::PeerGone,
        libc::EBADF => Cause::NotOpen,
        libc::EPROTOTYPE => Cause::OtherKind,
        _ => Cause::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_mode_and_a_sandbox_are_told_apart() {
        let cause = |number| Cause::of(&io::Error::from_raw_os_error(number));
        assert_eq!(cause(libc::EACCES), Cause::Denied);
        assert_eq!(cause(libc::EPERM), Cause::Forbidden);
    }
}
