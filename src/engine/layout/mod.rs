//! Every number that crosses between the engine and JavaScript, defined once: kinds of records, commands, their words and flags, and what
//! both sides must count alike. The engine has types and constants of it, the addon's `layout()` tells JavaScript the same by name, and
//! `tests/layout.rs` writes `lib/seam/layout.js` and the tables of docs/architecture.md, or says that they are out of date.
//!
//! A record, in either direction, begins `[number | flags << 8] [size in bytes, padded to 4] [connection index]`. Then come words,
//! little-endian, in the order of the fields here, and then bytes.

use std::net::SocketAddr;

#[macro_use]
mod define;
mod tables;

pub use define::{offset_of, put, Field, Line, Named, Prefix, Record, Words};
use define::{only, payload_at};
pub use tables::{groups, name_in_javascript, Group};

constants! {
    /// What each record begins with.
    head: u32 {
        /// Word of the record's size.
        SIZE = 1,
        /// Word of the connection's index.
        INDEX = 2,
        /// Bits of the first word: which kind, or command.
        KIND = 0xff,
        /// The flags are above.
        FLAGS_SHIFT = 8,
    }
}

constants! {
    /// The start line in one word.
    line: u32 {
        /// Bits: the method's index, or the status.
        CODE = 0xffff,
        /// Above: minor version, then the major one.
        VERSION_SHIFT = 16,
    }
}

constants! {
    /// The words of a number that has two. JavaScript is exact to 2^53.
    wide: u32 {
        /// Bits 0 to 31.
        LOW = 0,
        /// Those above.
        HIGH = 1,
    }
}

words! {
    /// Where a payload is: in its record, in a block or in a slab.
    Payload [is_payload = true] {
        length: u32,
        place: u32,
        offset: u32,
    }
}

constants! {
    /// The place of a payload that is not in a block. (A block's number is 0 or more; to JavaScript it is that of a Buffer of the turn's, which is
    /// the payload and nothing else.)
    places: i32 {
        /// In the record.
        IN_RECORD = -1,
        /// In slab 0; slab 1 is the number below, and so on.
        FIRST_SLAB = -2,
        /// In the bytes that JavaScript has just given of a stream of its own.
        IN_GIVEN = i32::MIN,
        /// In the offset: nothing after the payload in its read will be named, so whoever gets it may have its block.
        GIVEN = i32::MIN,
    }
}

words! {
    /// Where a connection's ends are.
    Ends {
        remote_port: u32,
        local_port: u32,
        remote_length: u32,
        local_length: u32,
    }
}

records! {
    /// A connection has been accepted.
    Connection = 1, connection_flags::NAMED, {
        generation: u32,
        /// Its id.
        server: u32,
        ends: Ends,
    }, "remote address, local address";

    /// The head of a request.
    Request = 2, message_flags::NAMED, {
        seq: u32,
        /// Method index | minor << 16 | major << 24.
        line: Line,
        target_length: u32,
        fields_length: u32,
        bytes_read: u64,
    }, "target, then `name NUL value NUL name NUL value` (latin1, no trailing NUL)";

    /// A piece of a message's body.
    Body = 3, &[], {
        payload: Payload,
    }, "the payload, when it is here";

    /// The end of a message with a body.
    End = 4, &[], {
        trailers_length: u32,
        bytes_read: u64,
    }, "trailers as the fields of REQUEST";

    /// The read that brought an upgrade candidate has been parsed: what followed it.
    Upgrade = 5, upgrade_flags::NAMED, {
        seq: u32,
        payload: Payload,
        bytes_read: u64,
    }, "the payload, when it is here" [is_stream = true];

    /// Bytes of the protocol switched to.
    Raw = 6, &[], {
        payload: Payload,
    }, "the payload, when it is here" [is_stream = true];

    /// The peer's FIN, after every request that came before it.
    Eof = 7, &[], {}, "";

    /// The peer broke the protocol.
    ParseError = 8, &[], {
        /// In `parseErrors()`.
        index: u32,
        bytes_parsed: u32,
        payload: Payload,
    }, "the payload, which is the packet, when it is here";

    /// A limit has passed.
    Timeout = 9, Expired::NAMED, {}, "";

    /// What was written has left.
    Ack = 10, &[], {
        /// Bytes of commands, so far.
        flushed: u64,
    }, "";

    /// The connection is gone.
    Closed = 11, closed_flags::NAMED, {
        /// Positive; 0: clean.
        errno: i32,
    }, "";

    /// The head of a response.
    Response = 12, &RESPONSE_FLAGS, {
        seq: u32,
        /// Status | minor << 16 | major << 24.
        line: Line,
        reason_length: u32,
        fields_length: u32,
        field_count: u32,
        bytes_read: u64,
    }, "reason, then fields as in REQUEST";

    /// What came of an attempt to connect.
    Connected = 13, Family::NAMED, {
        generation: u32,
        token: u32,
        ends: Ends,
        /// Positive; 0: connected.
        errno: i32,
    }, "remote address, local address";

    /// The last word of whoever had the connection before.
    Moved = 14, moved_flags::NAMED, {}, "";

    /// Whether JavaScript is to give more bytes of a stream that it moves itself.
    Demand = 15, demand_flags::NAMED, {}, "";
}

numbers! {
    /// What sort of socket a connection has.
    Family: u32 {
        /// A Unix socket.
        Unix = 0,
        /// TCP over IPv4.
        Ipv4 = 4,
        /// TCP over IPv6.
        Ipv6 = 6,
    }
}

impl Family {
    /// That of a TCP socket with this address.
    pub const fn of_address(address: SocketAddr) -> Self {
        if address.is_ipv6() {
            Family::Ipv6
        } else {
            Family::Ipv4
        }
    }
}

impl Default for Family {
    /// That of a connection without addresses.
    fn default() -> Self {
        Family::Unix
    }
}

constants! {
    /// Flags of CONNECTION.
    connection_flags: u32 {
        /// Bits of the family, as the flags of CONNECTED.
        FAMILY = 7,
        /// Nothing is read before TAP.
        HELD = 8,
    }
}

constants! {
    /// Flags of REQUEST and RESPONSE.
    message_flags: u32 {
        /// The connection persists after this message (RFC 9112 §9.3).
        KEEP_ALIVE = 1,
        /// A candidate, for which the engine waits for DECIDE; of a response, the switch.
        UPGRADE = 2,
        /// BODY, any number of times, and END follow.
        HAS_BODY = 4,
        /// There is at least one Host field.
        HAS_HOST = 8,
        /// `Expect` contains `100-continue`, and the version is not below 1.1.
        EXPECT_CONTINUE = 16,
        /// An `Expect` with any other value.
        EXPECT_OTHER = 32,
        /// The last of a burst: nothing after it is parsed before GO_ON.
        REST = 64,
    }
}

/// Those that a response may have.
const RESPONSE_FLAGS: [Named; 3] = {
    use message_flags::{HAS_BODY, KEEP_ALIVE, UPGRADE};
    only(message_flags::NAMED, [KEEP_ALIVE, UPGRADE, HAS_BODY])
};

constants! {
    /// Flags of UPGRADE.
    upgrade_flags: u32 {
        /// The message's body is complete.
        COMPLETE = 1,
    }
}

numbers! {
    /// Which limit has passed: flags of TIMEOUT.
    Expired: u32 {
        /// Of a head.
        Head = 1,
        /// Of a message.
        Request = 2,
        /// Between two requests.
        KeepAlive = 3,
    }
}

constants! {
    /// Flags of CLOSED.
    closed_flags: u32 {
        /// The failing call was a write.
        WRITING = 1,
    }
}

constants! {
    /// Flags of MOVED.
    moved_flags: u32 {
        /// The peer's FIN has come.
        ENDED = 1,
    }
}

constants! {
    /// Flags of DEMAND.
    demand_flags: u32 {
        /// It is; without, it is to wait for the next one of these.
        MORE = 1,
    }
}

words! {
    /// The words of a command.
    CommandWords {
        generation: u32,
        argument: u32,
        payload_length: u32,
        /// How much of the payload is a message's head, as it is.
        head_length: u32,
    }
}

commands! {
    /// Bytes of the message `seq`, or of the upgraded stream: `head length` bytes as they are, the rest framed.
    Write = 1, "seq", write_flags::NAMED;
    /// Raw bytes ahead of whatever has not been sent.
    WriteNow = 2, "", &const { only(write_flags::NAMED, [write_flags::ACK]) };
    /// Decides about an upgrade candidate.
    Decide = 3, "seq", decide_flags::NAMED;
    /// JavaScript has consumed so much of BODY and RAW.
    Credit = 4, "bytes", &[];
    /// FIN once all queued bytes have left, and what there was to read by then has been told; then ACK.
    Shutdown = 5, "", &[];
    /// One attempt to flush, then close.
    Close = 6, "", close_flags::NAMED;
    /// Close with RST.
    Reset = 7, "", &[];
    /// TCP_NODELAY.
    NoDelay = 8, "0 or 1", &[];
    /// SO_KEEPALIVE.
    KeepAlive = 9, "seconds to the first probe", keep_alive_flags::NAMED;
    /// Outgoing: the response to request `seq` comes next; payload: the limit of its head in decimal digits, empty for MAX_HEADER_SIZE.
    Expect = 10, "seq", expect_flags::NAMED;
    /// The handlers of a burst have run.
    GoOn = 11, "", &[];
    /// Who gets the peer's bytes from now on.
    Tap = 12, "a reader \\| bytes of RAW that JavaScript has had << 8", tap_flags::NAMED;
    /// Payload: bytes for the parser, as if they had been read.
    Feed = 13, "", feed_flags::NAMED;
    /// Another driver, or another process, has the connection: forget it, and say so (MOVED).
    Release = 14, "", &[];
}

constants! {
    /// Flags of WRITE and WRITE_NOW.
    write_flags: u32 {
        /// Frame the payload after the head as one chunk (RFC 9112 §7.1).
        CHUNKED = 1,
        /// The message ends here.
        LAST = 2,
        /// Close the connection once everything is flushed.
        CLOSE = 4,
        /// Tell when flushed.
        ACK = 8,
        /// With LAST: the payload brings its own last chunk and trailer section, and is not framed.
        TRAILERS = 16,
    }
}

constants! {
    /// Flags of DECIDE.
    decide_flags: u32 {
        /// The connection is JavaScript's.
        ACCEPTED = 1,
    }
}

constants! {
    /// Flags of CLOSE.
    close_flags: u32 {
        /// Only if something is left to send.
        UNLESS_SENT = 1,
        /// Unless a request has begun to come, or waits for its answer.
        UNLESS_BUSY = 2,
    }
}

constants! {
    /// Flags of KEEP_ALIVE.
    keep_alive_flags: u32 {
        /// It is to be on.
        ON = 1,
    }
}

constants! {
    /// Flags of EXPECT.
    expect_flags: u32 {
        /// The request is a HEAD.
        HEAD = 1,
        /// The request is a CONNECT.
        CONNECT = 2,
        /// Accept what insecureHTTPParser accepts.
        INSECURE = 4,
        /// There is no request: for now the connection is a plain stream (RAW).
        NOTHING = 8,
        /// Accept control characters in field values.
        RELAXED = 16,
    }
}

numbers! {
    /// How much of what comes is checked: `validation` of a server's configuration.
    Validation: u32 {
        /// What RFC 9112 asks for.
        Strict = 0,
        /// Control characters may stand in field values, NUL, CR and LF excepted: Node's `httpValidation: 'relaxed'`.
        Relaxed = 1,
        /// What only insecureHTTPParser gets past as well.
        Insecure = 2,
    }
}

impl Validation {
    /// Whether what only lenient parsing lets pass does.
    pub const fn is_lenient(self) -> bool {
        matches!(self, Validation::Insecure)
    }

    /// Whether control characters may stand in field values.
    pub const fn passes_controls(self) -> bool {
        !matches!(self, Validation::Strict)
    }

    /// The laxer of the two.
    pub const fn or(self, other: Self) -> Self {
        if self.number() < other.number() {
            other
        } else {
            self
        }
    }
}

impl Default for Validation {
    /// That of whoever says nothing.
    fn default() -> Self {
        Validation::Strict
    }
}

numbers! {
    /// Who gets the peer's bytes: the low bits of TAP's argument.
    Reader: u32 {
        /// The protocol core, once JavaScript has had all that was told as RAW; until then RAW goes on.
        Parser = 0,
        /// JavaScript, as RAW.
        Javascript = 1,
        /// Nobody for now.
        Nobody = 2,
        /// Nobody, there will be none: another driver has seen the FIN.
        Ended = 3,
    }
}

constants! {
    /// The argument of TAP.
    tap: u32 {
        /// Bits: who reads.
        READER = 0xff,
        /// Above: how many bytes of RAW JavaScript has had, as many bits as there are. More are never on their way.
        HAD_SHIFT = 8,
    }
}

constants! {
    /// Flags of TAP.
    tap_flags: u32 {
        /// HTTP has not begun, or is over: whoever reads is a program, and no limit of time counts.
        PLAIN = 1,
    }
}

constants! {
    /// Flags of FEED.
    feed_flags: u32 {
        /// And the end of the input; EOF follows.
        END = 1,
    }
}

constants! {
    /// What `turn()` is called with instead of a number of bytes.
    turns: i32 {
        /// The last turn threw, which has been reported: go on after the record that threw.
        AFTER_THROW = -1,
        /// A handler runs a nested event loop: go on after its record.
        NESTED = -2,
        /// One record, larger than the buffer, is the first payload.
        LARGE = -3,
        /// The engine has failed, no connection is left.
        BROKEN = -4,
    }
}

constants! {
    /// What both sides count by.
    limits: u32 {
        /// Bytes of one read, and of a slab.
        READ_SIZE = 66 * 1024,
        /// A connection's index is `number << STRIDE_BITS | thread`; thread 0 is JavaScript's own, the inline driver.
        STRIDE_BITS = 6,
        /// In a thread's place: connections over streams that JavaScript owns and moves.
        STREAMS = (1 << STRIDE_BITS) - 1,
        /// Bytes of a head, unless somebody says otherwise.
        MAX_HEADER_SIZE = 16 * 1024,
        /// Fields of a head, unless somebody says otherwise: what Node's `maxHeadersCount` amounts to.
        MAX_FIELDS = 1000,
        /// Bytes of BODY and RAW on their way to JavaScript without CREDIT after which the engine stops reading.
        WINDOW = 128 * 1024,
    }
}
