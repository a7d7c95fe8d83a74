//! The decoders of single frames: they never panic, and what they take is what was encoded.

#![no_main]

use libfuzzer_sys::fuzz_target;
use treenail::Status;
use treenail::wire::{
    CLOSE_SIZE_MAX, HEADER_SIZE, HELLO_SIZE, Header, Hello, SHARE_SIZE, Share, refusal, refused,
};

fuzz_target!(|bytes: &[u8]| {
    let Some((header, payload)) = bytes.split_first_chunk::<HEADER_SIZE>() else {
        return;
    };
    match Header::decode(header) {
        Ok(decoded) => assert_eq!(decoded.encode(), *header),
        Err(error) => assert_eq!(error.status(), Status::Protocol),
    }
    if let Ok(hello) = Hello::decode(payload) {
        let encoded = hello.encode();
        assert_eq!(encoded.len(), HEADER_SIZE + HELLO_SIZE);
        assert_eq!(Hello::decode(&encoded[HEADER_SIZE..]).ok(), Some(hello));
        // All but the minor version is given back as it was.
        assert_eq!(encoded[HEADER_SIZE + 12..], payload[12..HELLO_SIZE]);
    }
    if let Ok(share) = Share::decode(payload) {
        assert_eq!(payload.len(), SHARE_SIZE);
        assert_eq!(Share::decode(&share.encode()[HEADER_SIZE..]).ok(), Some(share));
    }
    let error = refused(payload);
    assert!((error.status() as i32) < 0);
    assert!(!error.to_string().contains(char::is_control));
    let answer = refusal(&error);
    assert!(answer.len() <= HEADER_SIZE + CLOSE_SIZE_MAX);
    assert_eq!(refused(&answer[HEADER_SIZE..]).status(), error.status());
});
