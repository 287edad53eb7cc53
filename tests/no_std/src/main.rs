//! A program without std that links every crate without I/O.
//!
//! It is only checked, never run. `std` brings a panic handler of its own, so if any crate in the tree links
//! it, rustc refuses this program for having two (E0152).

#![no_std]
#![no_main]

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;
use core::ptr;

use mqtt_broker as _;
use mqtt_capture as _;
use mqtt_parts as _;
use mqtt_proto as _;
use mqtt_session as _;

/// An allocator that has no memory: `alloc` must find one to link, and nothing here runs.
struct NoMemory;

// SAFETY: null is how `alloc` says that it has no memory, so no block exists that `dealloc` could be given.
// The trait cannot be implemented without `unsafe`; this package is no crate of ours that a user gets.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _layout: Layout) -> *mut u8 {
        ptr::null_mut()
    }

    unsafe fn dealloc(&self, _block: *mut u8, _layout: Layout) {}
}

#[global_allocator]
static ALLOCATOR: NoMemory = NoMemory;

#[panic_handler]
fn on_panic(_info: &PanicInfo<'_>) -> ! {
    loop {}
}
