//! System calls that are taken away by a seccomp filter, as sandboxes do.

// Each test program uses a part of this.
#![allow(dead_code)]

/// What becomes of a call.
#[derive(Clone, Copy)]
pub enum Forbidden {
    /// It fails with this number.
    Fails(i32),
    /// It ends the process.
    Kills,
}

/// Forbids these calls to every thread of this process, for good.
pub fn forbid(calls: &[libc::c_long], how: Forbidden) {
    install(calls, how, libc::SECCOMP_FILTER_FLAG_TSYNC);
}

/// Forbids these calls to the calling thread, and those it starts, for good.
pub fn forbid_here(calls: &[libc::c_long], how: Forbidden) {
    install(calls, how, 0);
}

fn install(calls: &[libc::c_long], how: Forbidden, flags: libc::c_ulong) {
    let answer = match how {
        Forbidden::Fails(number) => libc::SECCOMP_RET_ERRNO | number as u32,
        Forbidden::Kills => libc::SECCOMP_RET_KILL_PROCESS,
    };
    let statement = |code: u32, k: u32| step(code, 0, k);
    // The call's number is the first word of what a filter looks at.
    let mut filter = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    for call in calls {
        filter.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, *call as u32));
        filter.push(statement(libc::BPF_RET | libc::BPF_K, answer));
    }
    filter.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    let mode = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: the program is live during the calls.
    let result = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program)
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// One step of a filter, which passes over `skip` others where a comparison fails.
fn step(code: u32, skip: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: skip, k }
}
