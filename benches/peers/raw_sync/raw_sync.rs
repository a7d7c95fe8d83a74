//! raw_sync's mutex in memory of the crate shared_memory, behind the C functions that raw_sync.c calls.
//!
//! Any failure panics, which ends the process: a contestant that can't do its work must not win.

use std::ffi::{CStr, c_char};
use std::mem;

use raw_sync::locks::{LockImpl, LockInit, Mutex};
use shared_memory::{Shmem, ShmemConf};

/// The mutex, and the memory that it lies in.
pub struct Lock {
    mutex: Box<dyn LockImpl>,
    _memory: Shmem,
}

/// Where what the mutex guards begins, which isn't used here.
const DATA: usize = 1024;

fn conf(name: *const c_char) -> ShmemConf {
    let name = unsafe { CStr::from_ptr(name) };
    ShmemConf::new().size(4096).os_id(name.to_str().unwrap())
}

#[unsafe(no_mangle)]
pub extern "C" fn raw_sync_create(name: *const c_char) -> *mut Lock {
    let memory = conf(name).create().unwrap();
    let start = memory.as_ptr();
    let (mutex, _) = unsafe { Mutex::new(start, start.add(DATA)).unwrap() };
    Box::into_raw(Box::new(Lock { mutex, _memory: memory }))
}

#[unsafe(no_mangle)]
pub extern "C" fn raw_sync_open(name: *const c_char) -> *mut Lock {
    let memory = conf(name).open().unwrap();
    let start = memory.as_ptr();
    let (mutex, _) = unsafe { Mutex::from_existing(start, start.add(DATA)).unwrap() };
    Box::into_raw(Box::new(Lock { mutex, _memory: memory }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn raw_sync_lock(lock: *const Lock) {
    mem::forget(unsafe { (*lock).mutex.lock().unwrap() });
}

/// What dropping the guard does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn raw_sync_unlock(lock: *const Lock) {
    unsafe { (*lock).mutex.release().unwrap() };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn raw_sync_free(lock: *mut Lock) {
    drop(unsafe { Box::from_raw(lock) });
}
