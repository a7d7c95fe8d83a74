//! Who listens at a socket file, and who has connected there: the kernel's own list of sockets
//! (sock_diag(7)) tells, which disturbs none of them.

use rustix::fs::{major, minor, stat};
use rustix::io::{Result, read};
use rustix::net::netlink::SOCK_DIAG;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socket_with};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Processes at a socket file, by their numbers.
pub struct Users {
    /// Whether anybody listens there, seen or unseen.
    pub is_listened_at: bool,
    /// Those that listen there.
    pub listening: Vec<u32>,
    /// Those at the other end of each channel that was accepted there: what can be seen of them.
    pub connected: Vec<u32>,
    /// How many channels there are.
    pub channels: usize,
}

/// Who uses a socket file; None if the kernel doesn't tell.
pub fn users(path: &Path) -> Option<Users> {
    let file = stat(path).ok()?;
    let device = (major(file.st_dev) << 20) | minor(file.st_dev);
    let mut sockets = all_sockets().ok()?;
    sockets.retain(|socket| (u64::from(socket.file), socket.device) == (file.st_ino, device));
    let of_state = |state| sockets.iter().filter(move |socket| socket.state == state);
    let owners = owners();
    let pids = |inodes: Vec<u32>| {
        let mut pids: Vec<u32> =
            inodes.iter().filter_map(|inode| owners.get(inode)).flatten().copied().collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    };
    let listening: Vec<u32> = of_state(LISTENS).map(|socket| socket.inode).collect();
    let connected = of_state(CONNECTED).map(|socket| socket.peer).collect();
    Some(Users {
        is_listened_at: !listening.is_empty(),
        listening: pids(listening),
        connected: pids(connected),
        channels: of_state(CONNECTED).count(),
    })
}

const CONNECTED: u8 = 1;
const LISTENS: u8 = 10;

/// A local socket, as the kernel lists it; a number that it doesn't tell is 0.
#[derive(Default)]
struct Socket {
    state: u8,
    inode: u32,
    /// The file that it is bound to: its inode and its device.
    file: u32,
    device: u32,
    /// The inode of the socket at the other end.
    peer: u32,
}

/// SOCK_DIAG_BY_FAMILY, as a request (1) for all (0x300).
const QUESTION: [u16; 2] = [20, 0x301];
/// Files (2) and peers (4).
const SHOWN: u32 = 2 | 4;
const FILE: u16 = 1;
const PEER: u16 = 2;
/// NLMSG_DONE, and NLMSG_ERROR.
const ENDS: [u16; 2] = [3, 2];
const HEADER: usize = 16;
/// Bytes of an answer's fixed part, behind the header.
const FIXED: usize = 16;

fn all_sockets() -> Result<Vec<Socket>> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(SOCK_DIAG),
    )?;
    let states = (1u32 << CONNECTED) | (1 << LISTENS);
    let family = u32::from(AddressFamily::UNIX.as_raw());
    let mut question = 40u32.to_ne_bytes().to_vec();
    question.extend(QUESTION.iter().flat_map(|half| half.to_ne_bytes()));
    question.extend([0, 0].iter().flat_map(|word: &u32| word.to_ne_bytes()));
    question.extend((family as u8).to_ne_bytes().iter().chain(&[0; 3]));
    question.extend([states, 0, SHOWN, 0, 0].iter().flat_map(|word| word.to_ne_bytes()));
    send(&socket, &question, SendFlags::empty())?;
    let (mut found, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        let count = read(&socket, &mut buffer)?;
        let mut rest = &buffer[..count];
        if rest.is_empty() {
            return Ok(found);
        }
        while let Some((kind, body)) = take_message(&mut rest) {
            if ENDS.contains(&kind) {
                return Ok(found);
            }
            found.extend(read_socket(body));
        }
    }
}

/// The kind and the body of the next message.
fn take_message<'a>(rest: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let len = word(rest, 0)? as usize;
    let kind = half(rest, 4)?;
    let body = rest.get(HEADER..len)?;
    *rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, body))
}

fn read_socket(body: &[u8]) -> Option<Socket> {
    let mut socket = Socket { state: *body.get(2)?, inode: word(body, 4)?, ..Socket::default() };
    let mut rest = body.get(FIXED..)?;
    while let (Some(len), Some(kind)) = (half(rest, 0), half(rest, 2)) {
        let len = usize::from(len).max(4);
        match kind {
            FILE => (socket.file, socket.device) = (word(rest, 4)?, word(rest, 8)?),
            PEER => socket.peer = word(rest, 4)?,
            _ => {}
        }
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(socket)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// Which processes have which sockets open, as far as this user may see.
fn owners() -> BTreeMap<u32, Vec<u32>> {
    let mut owners: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = process.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(pid) = pid else { continue };
        for fd in fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
            let Ok(target) = fs::read_link(fd.path()) else { continue };
            let inode = target.to_str().and_then(|name| name.strip_prefix("socket:["));
            let inode = inode.and_then(|name| name.strip_suffix(']')?.parse().ok());
            if let Some(inode) = inode {
                owners.entry(inode).or_default().push(pid);
            }
        }
    }
    owners
}
