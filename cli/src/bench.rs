//! `bench`: round trips and throughput here and now, beside a bare pipe.

mod echoing;

use crate::args::Bench;
use crate::failure::{Failure, print};
use crate::named::size;
use crate::time;
use echoing::{Echoing, OwnEcho, Pipes, Somebody};
use serde_json::json;
use std::time::{Duration, Instant};

/// Bytes of a message of the rows about throughput.
const LARGE: usize = 64 << 10;
/// Round trips that nobody measures, while a channel moves into its rings.
const WARM_UP: usize = 200;
/// Messages by which it is found how many take the time of a row.
const FIRST_MESSAGES: u64 = 64;

pub fn run(args: &Bench) -> Result<(), Failure> {
    let peers = peers(args)?;
    if !args.json {
        let size = size(args.size as u64);
        print(&format!("round trip of {size:22}{:>12}{:>12}\n", "p50", "p99"))?;
    }
    peers.iter().try_for_each(|peer| measure_round_trip(args, &**peer))?;
    if !args.json {
        print(&format!("there and back, messages of {}\n", size(LARGE as u64)))?;
    }
    peers.iter().try_for_each(|peer| measure_throughput(args, &**peer))
}

fn peers(args: &Bench) -> Result<Vec<Box<dyn Echoing>>, Failure> {
    let mut peers: Vec<Box<dyn Echoing>> = Vec::new();
    match &args.endpoint {
        Some(endpoint) => peers.push(Box::new(Somebody::at(endpoint)?)),
        None => {
            peers.push(Box::new(OwnEcho::over("shm")?));
            peers.push(Box::new(OwnEcho::over("local")?));
        }
    }
    peers.push(Box::new(Pipes::to_cat()?));
    Ok(peers)
}

fn measure_round_trip(args: &Bench, peer: &dyn Echoing) -> Result<(), Failure> {
    let (data, mut answer) = (vec![b'x'; args.size], vec![0; args.size]);
    let mut trip = || {
        let began = Instant::now();
        peer.send(&data)?;
        peer.recv(&mut answer)?;
        Ok::<_, Failure>(began.elapsed())
    };
    (0..WARM_UP).try_for_each(|_| trip().map(drop))?;
    let (mut times, began) = (Vec::new(), Instant::now());
    while began.elapsed() < args.time || times.is_empty() {
        times.push(trip()?);
    }
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    let (p50, p99) = (at(50), at(99));
    print(&match args.json {
        false => {
            let [p50, p99] = [p50, p99].map(time::show);
            format!("  {:34}{p50:>12}{p99:>12}\n", peer.name())
        }
        true => {
            let object = json!({"row": "round trip", "way": peer.name(), "size": args.size,
                "trips": times.len(), "p50_ns": nanos(p50), "p99_ns": nanos(p99)});
            format!("{object}\n")
        }
    })
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn measure_throughput(args: &Bench, peer: &dyn Echoing) -> Result<(), Failure> {
    let first = there_and_back(peer, FIRST_MESSAGES)?;
    let more = args.time.as_secs_f64() / first.as_secs_f64().max(1e-9);
    let count = (FIRST_MESSAGES as f64 * more).max(1.0) as u64;
    let time = there_and_back(peer, count)?;
    let rate = (count * LARGE as u64) as f64 / time.as_secs_f64();
    print(&match args.json {
        false => format!("  {:34}{:>10}/s\n", peer.name(), size(rate as u64)),
        true => {
            let object = json!({"row": "there and back", "way": peer.name(), "size": LARGE,
                "messages": count, "bytes_per_second": rate as u64});
            format!("{object}\n")
        }
    })
}

/// How long some messages take there and back, of which many are under way.
fn there_and_back(peer: &dyn Echoing, count: u64) -> Result<Duration, Failure> {
    let began = Instant::now();
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let data = vec![b'x'; LARGE];
            (0..count).try_for_each(|_| peer.send(&data))
        });
        let mut answer = vec![0; LARGE];
        let received = (0..count).try_for_each(|_| peer.recv(&mut answer));
        let sent = sending.join().expect("it does not panic");
        sent.and(received)
    })?;
    Ok(began.elapsed())
}
