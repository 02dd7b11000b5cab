//! What reading costs in allocations: for the messages that agents send, nothing.

#![allow(unsafe_code, reason = "an allocator that counts has to be one")]
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use gantry_mcp::{
    answer::{Answer, Format},
    frame::{self, Bounds},
    headers::{Head, classify},
};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations `work` makes on this thread.
fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

const CALL: &[u8] = br#"{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"orders_get","arguments":{"order":"A-17","lines":[1,2,3]},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"agent","version":"1.0"}}}}"#;

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn a_small_call_is_read_and_checked_without_allocating() {
    let headers: [(&str, &[u8]); 3] = [
        ("mcp-protocol-version", b"2026-07-28"),
        ("mcp-method", b"tools/call"),
        ("mcp-name", b"orders_get"),
    ];
    let count = allocations(|| {
        let frame = frame::parse(CALL, &Bounds::default()).unwrap();
        classify(&frame, &Head::read(headers).unwrap()).unwrap();
    });
    assert_eq!(count, 0);
}

#[test]
fn an_escaped_name_costs_one_allocation() {
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\u0061"}}"#;
    let count = allocations(|| drop(frame::parse(body, &Bounds::default()).unwrap()));
    assert_eq!(count, 1);
}

#[test]
fn an_answer_is_read_without_allocating() {
    let event = b"event: message\nid: 1\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\ndata: \"result\":{\"content\":[]}}\n\n";
    let count = allocations(|| {
        let mut answer = Answer::new(Format::EventStream);
        for _ in 0..100 {
            answer.feed(event);
        }
        assert_eq!(answer.events(), 100);
    });
    assert_eq!(count, 0);
}
