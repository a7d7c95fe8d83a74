//! A listener whose SHARE is not what it says: it is refused, told so, and nothing is kept.

use super::pages::{SEALS, memfd, proper_memfd, proper_share, seal, sign};
use super::shared::{Place, WAIT, alone, in_time, leaves_no_descriptors, made, pipe, status};
use super::talk::{Raw, frame, greet_for_rings};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use treenail::ring::layout::{FORMAT, MAGIC_WORD};
use treenail::wire::{Kind, Share};
use treenail::{Channel, Status, granule};

const RING: u64 = 1 << 16;

/// What a listener hands over.
struct Offer {
    payload: Vec<u8>,
    fds: Vec<OwnedFd>,
}

impl Offer {
    fn proper() -> Offer {
        Offer::of(proper_share(RING))
    }

    fn of(share: Share) -> Offer {
        Offer::with_memfd(share, proper_memfd(&proper_share(RING)))
    }

    fn with_memfd(share: Share, memfd: OwnedFd) -> Offer {
        let ((_, wake), (woken, _)) = (pipe(), pipe());
        Offer { payload: share.encode()[16..].to_vec(), fds: vec![memfd, wake, woken] }
    }

    fn with_payload(change: impl FnOnce(&mut Vec<u8>)) -> Offer {
        let mut offer = Offer::proper();
        change(&mut offer.payload);
        offer
    }
}

/// A connector that waits for what it is offered.
fn connect(place: &Place) -> treenail::Result<Channel> {
    Channel::connect(&place.endpoint("shm", "early=0"), WAIT)
}

/// One that hears of it with its first message.
fn connect_early(place: &Place) -> treenail::Result<Channel> {
    let channel = Channel::connect(&place.endpoint("shm", ""), WAIT)?;
    channel.recv_vec(WAIT).map(|_| channel)
}

type Connect = fn(&Place) -> treenail::Result<Channel>;

/// Lets a connector meet a listener that makes this offer.
fn meet(place: &Place, offer: Offer, connect: Connect) -> (treenail::Result<Channel>, String) {
    let server = Raw::listen(place);
    thread::scope(|scope| {
        let serving = scope.spawn(|| {
            let mut raw = Raw::accept(&server);
            greet_for_rings(&mut raw);
            let fds: Vec<_> = offer.fds.iter().map(AsRawFd::as_raw_fd).collect();
            raw.say_with(&frame(Kind::Share as u8, 0, 0, 0, &offer.payload), &fds);
            drop(offer);
            raw.last_words()
        });
        let channel = in_time(WAIT, || connect(place));
        // A channel that came about must end, or its peer would hear nothing.
        if let Ok(channel) = &channel {
            channel.close();
        }
        (channel, serving.join().expect("the library connects"))
    })
}

/// Every one of these offers is a protocol error.
fn are_refused(offers: &[(&str, &dyn Fn() -> Offer)]) {
    let place = Place::new();
    for (name, offer) in offers {
        leaves_no_descriptors(|| {
            for connect in [connect, connect_early] {
                let (channel, reason) = meet(&place, offer(), connect);
                assert_eq!(status(channel), Status::Protocol, "{name}");
                let fits = reason.starts_with("TN_PROTOCOL");
                assert!(fits, "{name}: the listener is told \"{reason}\"");
            }
        });
    }
}

#[test]
fn a_proper_one_is_mapped() {
    if !alone(a_proper_one_is_mapped) {
        return;
    }
    let place = Place::new();
    leaves_no_descriptors(|| {
        let (channel, _) = meet(&place, Offer::proper(), connect);
        assert_eq!(status(channel), Status::Ok);
    });
}

fn some_file() -> OwnedFd {
    let name = format!("treenail-hostile-file-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut options = std::fs::OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(true).open(&path);
    let file = file.expect("temporary files can be made");
    let _ = std::fs::remove_file(&path);
    file.set_len(proper_share(RING).size).expect("there is room");
    file.into()
}

fn some_tmpfs_file() -> OwnedFd {
    let flags = libc::O_TMPFILE | libc::O_RDWR | libc::O_CLOEXEC;
    // SAFETY: the path ends with a NUL.
    let fd = made(unsafe { libc::open(c"/dev/shm".as_ptr(), flags, 0o600) });
    // SAFETY: takes no memory.
    assert_eq!(unsafe { libc::ftruncate(fd.as_raw_fd(), proper_share(RING).size as i64) }, 0);
    fd
}

fn some_eventfd() -> OwnedFd {
    // SAFETY: takes no memory.
    made(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) })
}

fn some_directory() -> OwnedFd {
    std::fs::File::open("/tmp").expect("there is a /tmp").into()
}

fn some_null() -> OwnedFd {
    std::fs::File::open("/dev/null").expect("there is a /dev/null").into()
}

fn some_socket() -> OwnedFd {
    UnixStream::pair().expect("sockets can be made").0.into()
}

type Make = fn() -> OwnedFd;

/// Nothing that can be mapped, and no pipe either.
const STRANGERS: [(&str, Make); 6] = [
    ("a regular file", some_file),
    ("a file on tmpfs", some_tmpfs_file),
    ("an eventfd", some_eventfd),
    ("a directory", some_directory),
    ("a device", some_null),
    ("a socket", some_socket),
];

#[test]
fn any_other_number_of_descriptors_is_refused() {
    if !alone(any_other_number_of_descriptors_is_refused) {
        return;
    }
    let with = |count: usize| {
        let mut offer = Offer::proper();
        offer.fds.truncate(count);
        while offer.fds.len() < count {
            offer.fds.push(some_eventfd());
        }
        offer
    };
    are_refused(&[
        ("none", &|| with(0)),
        ("one", &|| with(1)),
        ("two", &|| with(2)),
        ("four", &|| with(4)),
        ("sixteen", &|| with(16)),
        ("seventeen", &|| with(17)),
        ("a hundred", &|| with(100)),
        ("as many as the kernel takes", &|| with(253)),
    ]);
}

#[test]
fn strangers_among_the_descriptors_are_refused() {
    if !alone(strangers_among_the_descriptors_are_refused) {
        return;
    }
    for (name, stranger) in STRANGERS {
        let instead = |index: usize| {
            let mut offer = Offer::proper();
            offer.fds[index] = stranger();
            offer
        };
        are_refused(&[
            (&format!("{name} for the memfd"), &|| instead(0)),
            (&format!("{name} for the listener's wake-up"), &|| instead(1)),
            (&format!("{name} for the connector's wake-up"), &|| instead(2)),
        ]);
    }
}

#[test]
fn descriptors_in_another_order_are_refused() {
    if !alone(descriptors_in_another_order_are_refused) {
        return;
    }
    let turned = |by: usize| {
        let mut offer = Offer::proper();
        offer.fds.rotate_left(by);
        offer
    };
    are_refused(&[("turned by one", &|| turned(1)), ("turned by two", &|| turned(2))]);
}

#[test]
fn memory_of_huge_pages_is_refused_though_it_is_sealed() {
    if !alone(memory_of_huge_pages_is_refused_though_it_is_sealed) {
        return;
    }
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING | libc::MFD_HUGETLB;
    let huge = || {
        // SAFETY: the name ends with a NUL.
        let fd = unsafe { libc::memfd_create(c"hostile".as_ptr(), flags) };
        if fd < 0 {
            return None;
        }
        let fd = made(fd);
        // SAFETY: takes no memory.
        let sized = unsafe { libc::ftruncate(fd.as_raw_fd(), 2 << 20) } == 0;
        sized.then(|| seal(fd, SEALS))
    };
    if huge().is_none() {
        println!("not tried: this kernel has no huge pages");
        return;
    }
    let share = || Share { size: 2 << 20, ..proper_share(RING) };
    are_refused(&[("huge pages", &|| {
        Offer::with_memfd(share(), huge().expect("it worked before"))
    })]);
}

/// A memfd of that size with these seals, and signed as it should be.
fn signed(size: u64, seals: i32) -> OwnedFd {
    let fd = memfd(size);
    sign(&fd, size, MAGIC_WORD, FORMAT);
    seal(fd, seals)
}

#[test]
fn memory_whose_size_can_change_or_is_not_as_said_is_refused() {
    if !alone(memory_whose_size_can_change_or_is_not_as_said_is_refused) {
        return;
    }
    let (page, size) = (granule() as u64, proper_share(RING).size);
    let with = |fd| Offer::with_memfd(proper_share(RING), fd);
    let (shrink, grow) = (libc::F_SEAL_SHRINK, libc::F_SEAL_GROW);
    are_refused(&[
        ("no seals", &|| with(signed(size, 0))),
        ("no seal against growing", &|| with(signed(size, shrink))),
        ("no seal against shrinking", &|| with(signed(size, grow))),
        ("sealed against seals only", &|| with(signed(size, libc::F_SEAL_SEAL))),
        ("a page less", &|| with(signed(size - page, SEALS))),
        ("a byte less", &|| with(signed(size - 1, SEALS))),
        ("a page more", &|| with(signed(size + page, SEALS))),
        ("a control page only", &|| with(signed(page, SEALS))),
        ("nothing at all", &|| with(seal(memfd(0), SEALS))),
    ]);
}

#[test]
fn memory_that_can_not_be_written_is_not_used_and_frames_go_through_the_socket() {
    if !alone(memory_that_can_not_be_written_is_not_used_and_frames_go_through_the_socket) {
        return;
    }
    let place = Place::new();
    leaves_no_descriptors(|| {
        let seals = SEALS | libc::F_SEAL_FUTURE_WRITE;
        let memfd = signed(proper_share(RING).size, seals);
        let offer = Offer::with_memfd(proper_share(RING), memfd);
        let (channel, reason) = meet(&place, offer, connect);
        assert_eq!((status(channel), reason.as_str()), (Status::Ok, ""));
    });
}

#[test]
fn memory_of_another_format_is_refused() {
    if !alone(memory_of_another_format_is_refused) {
        return;
    }
    let size = proper_share(RING).size;
    let with = |magic, format| {
        let fd = memfd(size);
        sign(&fd, size, magic, format);
        Offer::with_memfd(proper_share(RING), seal(fd, SEALS))
    };
    are_refused(&[
        ("another format said", &|| Offer::of(Share { format: FORMAT ^ 1, ..proper_share(RING) })),
        ("another format inside", &|| with(MAGIC_WORD, FORMAT ^ 1)),
        ("another magic inside", &|| with(MAGIC_WORD ^ 1, FORMAT)),
        ("zeros inside", &|| with(0, 0)),
    ]);
}

#[test]
fn rings_that_do_not_lie_properly_are_refused() {
    if !alone(rings_that_do_not_lie_properly_are_refused) {
        return;
    }
    let (page, rings) = (granule() as u64, proper_share(RING));
    let size = rings.size;
    let first = |offset, size| move || Offer::of(Share { to_listener: (offset, size), ..rings });
    let second = |offset, size| move || Offer::of(Share { to_connector: (offset, size), ..rings });
    are_refused(&[
        ("unaligned by one", &first(page + 1, RING / 2)),
        ("unaligned by half a page", &first(page + 2048, RING / 2)),
        ("over the control page", &first(0, RING)),
        ("over each other", &second(page, RING)),
        ("over each other by a page", &second(RING, RING)),
        ("past the end", &second(size, RING)),
        ("past the end by a page", &second(page + RING + page, RING)),
        ("at the end of numbers", &second(0u64.wrapping_sub(page), page)),
        ("over the end of numbers", &second(0u64.wrapping_sub(RING), RING)),
        ("far away", &second(1 << 62, RING)),
        ("no size", &second(page + RING, 0)),
        ("a size of one", &second(page + RING, 1)),
        ("a size under a page", &second(page + RING, 2048)),
        ("a size that is no power of two", &second(page + RING, RING - page)),
        ("twice the size", &second(page + RING, 2 * RING)),
        ("half of all numbers", &second(page + RING, 1 << 63)),
        ("all numbers", &second(page + RING, u64::MAX)),
        ("both huge", &|| {
            let huge = (page, 1u64 << 40);
            Offer::of(Share { size: u64::MAX, to_listener: huge, ..rings })
        }),
        ("a ring of 2 GiB", &|| {
            let (to_listener, to_connector) = ((page, 2 << 30), (page + (2 << 30), RING));
            let share = Share { size: page + (2 << 30) + RING, to_listener, to_connector, ..rings };
            Offer::with_memfd(share, signed(share.size, SEALS))
        }),
    ]);
}

#[test]
fn a_payload_of_another_size_is_refused() {
    if !alone(a_payload_of_another_size_is_refused) {
        return;
    }
    are_refused(&[
        ("a byte less", &|| Offer::with_payload(|payload| payload.truncate(47))),
        ("a byte only", &|| Offer::with_payload(|payload| payload.truncate(1))),
        ("an answer", &|| Offer::with_payload(|payload| payload.truncate(4))),
        ("a byte more", &|| Offer::with_payload(|payload| payload.push(0))),
        ("a thousand bytes", &|| Offer::with_payload(|payload| payload.resize(1000, 0))),
    ]);
}

#[test]
fn an_empty_one_with_descriptors_leaves_none() {
    if !alone(an_empty_one_with_descriptors_leaves_none) {
        return;
    }
    let place = Place::new();
    leaves_no_descriptors(|| {
        let (channel, _) = meet(&place, Offer::with_payload(Vec::clear), connect);
        // Whether this is refused or taken for "not after all", nothing is kept.
        let status = status(channel);
        assert!(matches!(status, Status::Ok | Status::Protocol), "{status:?}");
    });
}
