//! The ring's records: published records are whole and in order, and returned room may be
//! overwritten. The checker sees each access to the bytes.

use super::check;
use super::mapping::Shared;
use crate::error::Result;
use crate::memory::{Buffer, Bytes};
use crate::ring::spsc::{Reader, Writer};
use crate::wire::{Gather, Header, Kind};
use loom::thread;

/// Bytes of a ring in the models: two records.
pub const RING_SIZE: u64 = 64;
pub const PAYLOAD: usize = 16;

/// Writes record number `number`, if there is room. It is not published yet.
pub fn write(writer: &mut Writer, number: u8) -> Result<bool> {
    let payload = [number; PAYLOAD];
    writer.write(&Header::plain(Kind::Data, PAYLOAD), &mut Gather::new(&[&payload]))
}

/// Takes the record at the front, and returns its number. Its room is not given back yet.
pub fn read(reader: &mut Reader) -> Result<Option<u8>> {
    let Some((len, _)) = reader.front_plain()? else {
        return Ok(None);
    };
    let mut payload = Buffer::default();
    reader.append_front(len, &mut payload).expect("there is memory");
    reader.skip_front(len);
    let number = payload.bytes()[0];
    assert_eq!(payload.bytes(), [number; PAYLOAD]);
    Ok(Some(number))
}

#[test]
fn loom_ring_records_are_whole_and_in_order() {
    check(|| {
        let shared = Shared::model(RING_SIZE);
        let mut writer = Writer::new(&shared, 0);
        let mut reader = Reader::new(&shared, 0);
        let sender = thread::spawn(move || {
            let mut written = 0;
            while written < 4 && write(&mut writer, written).unwrap() {
                writer.publish();
                written += 1;
            }
            written
        });
        let mut count = 0;
        for _ in 0..3 {
            if let Some(number) = read(&mut reader).unwrap() {
                assert_eq!(number, count);
                count += 1;
                reader.publish();
            }
        }
        let written = sender.join().unwrap();
        while let Some(number) = read(&mut reader).unwrap() {
            assert_eq!(number, count);
            count += 1;
        }
        assert_eq!(count, written);
    });
}

#[test]
fn loom_ring_loans_and_views_hold_others_back() {
    check(|| {
        let shared = Shared::model(RING_SIZE);
        let mut writer = Writer::new(&shared, 0);
        let mut reader = Reader::new(&shared, 0);
        let sender = thread::spawn(move || {
            let loan = writer.reserve(PAYLOAD).unwrap().unwrap();
            assert!(write(&mut writer, 1).unwrap());
            writer.publish();
            Bytes::new(writer.reserved(loan).unwrap()).write_at(0, &[0; PAYLOAD]);
            assert!(writer.fill(loan, Some(&Header::plain(Kind::Data, PAYLOAD))));
            writer.publish();
            // The first record may be overwritten once its view was released.
            if write(&mut writer, 2).unwrap() {
                writer.publish();
            }
        });
        let mut view = None;
        for _ in 0..2 {
            if let (None, Some((len, _))) = (view, reader.front_plain().unwrap()) {
                view = Some(reader.hold_front(len).expect("there is memory"));
                assert_eq!(read(&mut reader).unwrap(), Some(1));
                reader.publish();
            } else if let Some(number) = view {
                let held = Bytes::new(reader.held(number, PAYLOAD).unwrap());
                assert_eq!(held.to_vec(), [0; PAYLOAD]);
                assert!(reader.release(number));
                reader.publish();
            }
        }
        sender.join().unwrap();
    });
}
