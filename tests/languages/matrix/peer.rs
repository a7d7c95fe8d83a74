//! One side of a pair of tests/languages/matrix/mod.rs, in Rust. What it does is told there.

use crate::common::status;
use std::collections::HashMap;
use std::io::IoSlice;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;
use treenail::{Channel, Info, Listener, Result, Status};

const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));
const LONG_LEN: usize = 10 * 65536;
const LONG_MORE: usize = 1000;
const PERIOD: usize = 251;
const SMALL_COUNT: u32 = 1000;
const BIG_COUNT: u32 = 10;
const ASKERS: u32 = 2;
const ASKED_EACH: u32 = 150;
const STARTED: u32 = 50;
const ASKED: u32 = ASKERS * ASKED_EACH;
const REQUESTS: u32 = ASKED + STARTED;

struct Side {
    channel: Channel,
    connects: bool,
    /// 0: no message is long; 2: every other is.
    long_every: u32,
}

/// What a peer program does with its arguments.
pub fn main(arguments: &[&str]) {
    let [role, endpoint, scenario, ..] = arguments else { panic!("{arguments:?}") };
    let connects = *role == "connect";
    let listener = (!connects).then(|| Listener::open(endpoint).expect("the name is free"));
    let channel = match &listener {
        Some(listener) => listener.accept(PATIENCE),
        None => Channel::connect(endpoint, PATIENCE),
    };
    let channel = channel.expect("the other side is there");
    let long_every = match *scenario {
        "big" => 1,
        "survive" | "die" => 2,
        _ => 0,
    };
    let side = Side { channel, connects, long_every };
    match *scenario {
        "small" => side.exchange(SMALL_COUNT),
        "big" => side.exchange(BIG_COUNT),
        "requests" => side.ask_and_answer(),
        "survive" => side.survive(arguments[3].parse().expect("a number")),
        "die" => side.be_killed(),
        _ => panic!("there is no scenario {scenario}"),
    }
}

impl Side {
    fn mine(&self, k: u32) -> u32 {
        2 * k + u32::from(self.connects)
    }

    fn theirs(&self, k: u32) -> u32 {
        2 * k + u32::from(!self.connects)
    }

    fn payload(&self, number: u32) -> &'static [u8] {
        static PATTERN: OnceLock<Vec<u8>> = OnceLock::new();
        let whole = PERIOD + LONG_LEN + LONG_MORE;
        let pattern = PATTERN.get_or_init(|| (0..whole).map(|i| (i % PERIOD) as u8).collect());
        let is_long = self.long_every != 0 && (number / 2).is_multiple_of(self.long_every);
        let number = number as usize;
        let len = if is_long { LONG_LEN + number % LONG_MORE } else { number * 37 % 301 };
        &pattern[number % PERIOD..][..len]
    }

    fn assert_payload(&self, bytes: &[u8], number: u32) {
        let expected = self.payload(number);
        assert_eq!(bytes.len(), expected.len(), "the size of message {number}");
        assert!(bytes == expected, "message {number} is spoilt");
    }

    /// Every other message by a loan.
    fn send_number(&self, number: u32) -> Result<()> {
        let bytes = self.payload(number);
        if number & 2 != 0 {
            return self.channel.sendv(number, &[IoSlice::new(bytes)], PATIENCE);
        }
        let mut loan = self.channel.loan(bytes.len(), PATIENCE)?;
        loan.write_at(0, bytes);
        Ok(loan.commit(number, bytes.len(), PATIENCE)?)
    }

    /// Every other message by a view.
    fn receive_number(&self, number: u32, buffer: &mut [u8]) -> Result<()> {
        let info = if number & 2 != 0 {
            let info = self.channel.recv_message(buffer, PATIENCE)?;
            self.assert_payload(&buffer[..info.len], number);
            info
        } else {
            let view = self.channel.recv_view(PATIENCE)?;
            self.assert_payload(&view.to_vec(), number);
            view.info()
        };
        assert_eq!((info.tag, info.is_request(), info.is_reply()), (number, false, false));
        Ok(())
    }

    /// The listener tells when it has all, and the connector closes then.
    fn part(&self) {
        if self.connects {
            assert_eq!(self.channel.recv_vec(PATIENCE).expect("the last message"), b"done");
        } else {
            self.channel.send(b"done", PATIENCE).expect("the connector lives");
            assert_eq!(status(self.channel.recv_vec(PATIENCE)), Status::Closed);
        }
    }

    fn exchange(&self, count: u32) {
        thread::scope(|scope| {
            let send = |k| self.send_number(self.mine(k)).expect("the peer lives");
            scope.spawn(move || (0..count).for_each(send));
            let mut buffer = vec![0; LONG_LEN + LONG_MORE];
            for k in 0..count {
                self.receive_number(self.theirs(k), &mut buffer).expect("the peer lives");
            }
        });
        self.part();
        println!("sent and received {count} messages");
    }

    fn ask(&self, k: u32) {
        let number = self.mine(k);
        let reply = self.channel.request(number, self.payload(number), PATIENCE);
        let reply = reply.expect("the peer lives");
        assert_eq!((reply.info().tag, reply.info().is_reply()), (number, true));
        self.assert_payload(&reply.to_vec(), number + 1);
    }

    fn answer(&self, request: &Info, bytes: &[u8]) {
        self.assert_payload(bytes, request.tag);
        let reply = self.payload(request.tag + 1);
        self.channel.reply(request, reply, PATIENCE).expect("the peer lives");
    }

    fn ask_and_answer(&self) {
        thread::scope(|scope| {
            for asker in 0..ASKERS {
                let own = asker * ASKED_EACH..(asker + 1) * ASKED_EACH;
                scope.spawn(move || own.for_each(|k| self.ask(k)));
            }
            let mut started = HashMap::new();
            for number in (ASKED..REQUESTS).map(|k| self.mine(k)) {
                let id = self.channel.request_start(number, self.payload(number), PATIENCE);
                started.insert(id.expect("the peer lives"), number);
            }
            let mut served = 0;
            for _ in 0..REQUESTS + STARTED {
                let view = self.channel.recv_view(PATIENCE).expect("the peer lives");
                let (info, bytes) = (view.info(), view.to_vec());
                if info.is_request() {
                    self.answer(&info, &bytes);
                    served += 1;
                } else {
                    assert!(info.is_reply());
                    assert_eq!(started.remove(&info.id), Some(info.tag));
                    self.assert_payload(&bytes, info.tag + 1);
                }
            }
            assert_eq!(served, REQUESTS);
        });
        self.part();
        println!("asked and answered {REQUESTS} requests");
    }

    fn send_until_lost(&self) {
        let end = (0..).find_map(|k| self.send_number(self.mine(k)).err());
        assert_eq!(end.map(|error| error.status()), Some(Status::PeerLost));
    }

    /// Sends and receives until the peer is lost, which dies by our hand after `count` messages.
    fn survive(&self, count: u32) {
        let peer = self.channel.peer().expect("it is joined").pid as libc::pid_t;
        thread::scope(|scope| {
            scope.spawn(|| self.send_until_lost());
            let mut buffer = vec![0; LONG_LEN + LONG_MORE];
            let mut k = 0;
            let end = loop {
                if let Err(error) = self.receive_number(self.theirs(k), &mut buffer) {
                    break error.status();
                }
                k += 1;
                // SAFETY: takes no memory.
                if k == count && unsafe { libc::kill(peer, libc::SIGKILL) } != 0 {
                    panic!("{}", std::io::Error::last_os_error());
                }
            };
            assert_eq!(end, Status::PeerLost);
            assert!(k >= count);
            println!("lost the peer after {k} messages");
        });
    }

    fn be_killed(&self) {
        thread::scope(|scope| {
            scope.spawn(|| {
                for k in 0.. {
                    self.send_number(self.mine(k)).expect("the survivor lives");
                }
            });
            let mut buffer = vec![0; LONG_LEN + LONG_MORE];
            for k in 0.. {
                self.receive_number(self.theirs(k), &mut buffer).expect("the survivor lives");
            }
        });
    }
}
