//! What messages look like in C.

use super::{bytes, there};
use crate::channel::lent::LentId;
use crate::channel::{Channel, Info, View};
use crate::error::{Error, Result};
use std::ffi::c_void;

/// tn_message.flags: the sender waits for a reply; see tn_channel_reply.
#[allow(dead_code, reason = "for C")]
pub const TN_MESSAGE_REQUEST: u32 = 1;
/// tn_message.flags: this answers the request with the same id.
#[allow(dead_code, reason = "for C")]
pub const TN_MESSAGE_REPLY: u32 = 2;

/// tn_slice is a piece of memory. `data` is ignored where `len` is 0.
#[allow(non_camel_case_types)]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tn_slice {
    /// Where it begins.
    pub data: *const c_void,
    /// How many bytes it has.
    pub len: usize,
}

/// tn_message is a received message. Its bytes are 16-byte aligned. Those of a view lie in
/// memory that the peer can still write to (unless views=copy): copy before you validate.
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct tn_message {
    /// Where its bytes are.
    pub data: *const c_void,
    /// How many there are.
    pub len: usize,
    /// The message's type, which the user defines; 0 if none was given.
    pub tag: u32,
    /// The number of the request that this is, or that this answers; else 0.
    pub id: u32,
    /// TN_MESSAGE_REQUEST, TN_MESSAGE_REPLY or 0.
    pub flags: u32,
    /// How many messages were lost just before this one; 0 on shm: and local:, which lose none.
    pub missed: u32,
    /// The library's; leave it as it is until the message is released.
    pub private_: u64,
    /// 0; reserved for later versions.
    pub reserved: [u64; 4],
}

/// tn_loan is room to write a message in place. It is 16-byte aligned.
#[allow(non_camel_case_types)]
#[repr(C)]
pub struct tn_loan {
    /// Where to write the message.
    pub data: *mut c_void,
    /// How many bytes there is room for.
    pub len: usize,
    /// The library's; leave it as it is until the loan is committed or discarded.
    pub private_: u64,
    /// 0; reserved for later versions.
    pub reserved: [u64; 2],
}

/// What `private_` holds: the id of a view or loan, and a mark of its channel, so that it isn't
/// taken for one of another channel. It is never 0.
pub(super) fn token(channel: &Channel, id: LentId) -> u64 {
    (id.to_bits() + 1) | (u64::from(channel.core.mark) << LentId::BITS)
}

const NOT_OPEN: &str = "it is not open on this channel; give each view and loan back once, on the \
                        channel that it came from";

pub(super) fn lent_id(channel: &Channel, token: u64) -> Result<LentId> {
    let mark = token >> LentId::BITS == u64::from(channel.core.mark);
    let bits = (token & ((1 << LentId::BITS) - 1)).checked_sub(1).filter(|_| mark);
    let missing = || Error::invalid(NOT_OPEN);
    bits.map(LentId::from_bits).ok_or_else(missing)
}

/// Up to this many slices are kept without an allocation.
const FEW: usize = 8;

/// Slices from C.
pub(super) enum Slices<'a> {
    Few([&'a [u8]; FEW], usize),
    Many(Vec<&'a [u8]>),
}

impl<'a> std::ops::Deref for Slices<'a> {
    type Target = [&'a [u8]];
    fn deref(&self) -> &[&'a [u8]] {
        match self {
            Slices::Few(all, count) => &all[..*count],
            Slices::Many(all) => all,
        }
    }
}

/// Takes over slices from C.
///
/// # Safety
/// `slices` is NULL or valid for `count` slices, each of them NULL or valid for its length.
pub(super) unsafe fn slices<'a>(slices: *const tn_slice, count: usize) -> Result<Slices<'a>> {
    if count == 0 {
        return Ok(Slices::Few([&[]; FEW], 0));
    }
    there((!slices.is_null()).then_some(()), "the list of slices")?;
    if count > isize::MAX as usize / size_of::<tn_slice>() {
        return Err(Error::invalid(format!(
            "{count} slices are more than memory can have; pass how many there are"
        )));
    }
    // SAFETY: not NULL, and by this function's contract.
    let slices = unsafe { std::slice::from_raw_parts(slices, count) };
    // SAFETY: as above.
    let mut all = slices.iter().map(|slice| unsafe { bytes(slice.data, slice.len) });
    if count > FEW {
        let mut many = Vec::new();
        many.try_reserve_exact(count).map_err(|_| Error::no_memory())?;
        for slice in all {
            many.push(slice?);
        }
        return Ok(Slices::Many(many));
    }
    let mut few: [&[u8]; FEW] = [&[]; FEW];
    for place in &mut few[..count] {
        *place = all.next().expect("there are as many")?;
    }
    Ok(Slices::Few(few, count))
}

/// A view that goes to C, which gives it back with tn_channel_release.
pub(super) fn lent(view: View<'_>, channel: &Channel) -> tn_message {
    let (id, bytes, info) = view.into_parts();
    message(&info, bytes.as_mut_ptr().cast(), token(channel, id))
}

pub(super) fn message(info: &Info, data: *const c_void, private_: u64) -> tn_message {
    let &Info { len, tag, id, flags } = info;
    tn_message { data, len, tag, id, flags, missed: 0, private_, reserved: [0; 4] }
}

/// Stores how much room a message needs.
pub(super) fn too_large(needed: usize) -> tn_message {
    message(&Info { len: needed, ..Info::default() }, std::ptr::null(), 0)
}
