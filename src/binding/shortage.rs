//! What happens when N-API has no memory for a Buffer, or does not call: tried by tests in a debug build, where they can ask for it.

#[cfg(debug_assertions)]
use std::cell::Cell;

#[cfg(debug_assertions)]
thread_local! {
    /// How many of the next allocations, and of the next calls of JavaScript, fail.
    static FAILING: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
}

/// The next so many allocations of memory for payloads fail, and the next so many calls of JavaScript.
#[cfg(debug_assertions)]
pub fn fail(allocations: u32, calls: u32) {
    FAILING.set((allocations, calls));
}

/// Whether this allocation is to fail.
pub fn lacks_memory() -> bool {
    #[cfg(debug_assertions)]
    if let (allocations @ 1.., calls) = FAILING.get() {
        FAILING.set((allocations - 1, calls));
        return true;
    }
    false
}

/// Whether this call is to fail.
pub fn lacks_call() -> bool {
    #[cfg(debug_assertions)]
    if let (allocations, calls @ 1..) = FAILING.get() {
        FAILING.set((allocations, calls - 1));
        return true;
    }
    false
}
