//! The bytes of a named object, mapped: its header, its slots, and its data.

use crate::error::{Error, Result};
use crate::object::file::{Access, File};
use crate::object::layout::{HOLDERS_MAX, Header, SLOTS_OFFSET, Slot};
use crate::os::mapping::Mapping;
use crate::os::named_memory;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;

/// Where the data of an object are.
pub enum Data<'a> {
    /// Behind its slots.
    Here { size: usize, access: Access },
    /// In an object that another program has made.
    There { fd: BorrowedFd<'a>, size: usize, access: Access },
}

impl Data<'_> {
    fn size(&self) -> usize {
        match self {
            Data::Here { size, .. } | Data::There { size, .. } => *size,
        }
    }

    fn is_writable(&self) -> bool {
        match self {
            Data::Here { access, .. } | Data::There { access, .. } => *access == Access::ReadWrite,
        }
    }
}

/// An object's bytes.
pub struct Memory {
    /// The header and the slots, and often the data behind them.
    control: Mapping,
    /// The data, where they are mapped apart.
    apart: Option<Mapping>,
    data_offset: usize,
    size: usize,
    data_writable: bool,
}

impl Memory {
    /// Maps an object that was checked.
    pub fn new(file: &File, data_offset: usize, data: Data<'_>) -> Result<Memory> {
        let failed = |error| Error::system("mapping the object", &error);
        // It isn't mapped by the descriptor that has the locks: a mapping keeps its open file
        // description, and a forked child has the mapping.
        let mapped = named_memory::reopen(file.fd.as_fd(), file.writable).map_err(failed)?;
        let (size, writable) = (data.size(), data.is_writable());
        let (apart, beyond) = match data {
            Data::Here { .. } if writable == file.writable => (None, size),
            Data::Here { .. } => (Some((mapped.as_fd(), data_offset as u64)), 0),
            Data::There { fd, .. } => (Some((fd, 0)), 0),
        };
        let control = Mapping::of(mapped.as_fd(), 0, data_offset + beyond, file.writable);
        let apart = apart.map(|(fd, at)| Mapping::of(fd, at, size, writable)).transpose();
        let (control, apart) = (control.map_err(failed)?, apart.map_err(failed)?);
        Ok(Memory { control, apart, data_offset, size, data_writable: writable })
    }

    /// What all holders share. If the object may only be read, nothing in it may be changed.
    #[inline]
    pub fn header(&self) -> &Header {
        // SAFETY: the mapping lives as long as `self`, begins page-aligned and has CONTROL_SIZE
        // bytes at least; any bytes are valid atomics.
        unsafe { self.control.base().cast().as_ref() }
    }

    #[inline]
    pub fn slots(&self) -> &[Slot] {
        // SAFETY: as for the header; SLOTS_OFFSET is a multiple of the slots' alignment.
        unsafe {
            let first = self.control.base().add(SLOTS_OFFSET).cast();
            std::slice::from_raw_parts(first.as_ptr(), HOLDERS_MAX)
        }
    }

    /// Where the data begin; valid while `self` lives.
    #[inline]
    pub fn data(&self) -> NonNull<u8> {
        match &self.apart {
            Some(apart) => apart.base(),
            // SAFETY: if the data aren't mapped apart, the control mapping contains them.
            None => unsafe { self.control.base().add(self.data_offset) },
        }
    }

    /// Bytes of data.
    pub fn size(&self) -> usize {
        self.size
    }

    pub fn data_is_writable(&self) -> bool {
        self.data_writable
    }

    /// Copies `bytes` into the data at `offset`.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        assert!(self.data_writable && offset <= self.size && bytes.len() <= self.size - offset);
        // SAFETY: the range lies within the mapping, as just checked. Others may write there at the
        // same time; by pointer that spoils the bytes, and nothing else.
        unsafe {
            let to = self.data().as_ptr().add(offset);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        }
    }

    /// Copies the data at `offset` into `to`.
    pub fn read(&self, offset: usize, to: &mut [MaybeUninit<u8>]) {
        assert!(offset <= self.size && to.len() <= self.size - offset);
        // SAFETY: as for `write`.
        unsafe {
            let from = self.data().as_ptr().add(offset);
            std::ptr::copy_nonoverlapping(from, to.as_mut_ptr().cast(), to.len());
        }
    }
}
