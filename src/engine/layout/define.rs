//! How the vocabulary of [`super`] is written down: macros that make types, constants and tables of one definition.

use super::{head, line, wide, Kind};

/// A number with a name and what it means. All that crosses is words, as JavaScript reads them: with a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// In Rust; [`name_in_javascript`](super::name_in_javascript).
    pub name: &'static str,
    /// As a word of JavaScript's.
    pub value: i32,
    /// What it means, a sentence or less.
    pub doc: &'static str,
}

/// A field of a record.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// In Rust; [`name_in_javascript`](super::name_in_javascript).
    pub name: &'static str,
    /// How many words it takes.
    pub words: usize,
    /// What it is made of, unless it is a number.
    pub parts: &'static [Field],
    /// Whether it says where a payload is.
    pub is_payload: bool,
    /// What its name does not say.
    pub doc: &'static str,
}

/// What stands in words of a record.
pub trait Words: Sized {
    /// How many.
    const COUNT: usize;
    /// What it is made of, unless it is a number.
    const FIELDS: &'static [Field] = &[];
    /// Whether it says where a payload is.
    const IS_PAYLOAD: bool = false;
    /// Appends the words.
    fn put(&self, out: &mut Vec<u8>);
    /// Takes the words off the beginning of `bytes`; `None` when they are not all there.
    fn take(bytes: &mut &[u8]) -> Option<Self>;
}

impl Words for u32 {
    const COUNT: usize = 1;
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (word, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(u32::from_le_bytes(*word))
    }
}

impl Words for i32 {
    const COUNT: usize = 1;
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u32).put(out);
    }
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        u32::take(bytes).map(|word| word as i32)
    }
}

/// [`wide`](super::wide) says which word is which.
impl Words for u64 {
    const COUNT: usize = 2;
    fn put(&self, out: &mut Vec<u8>) {
        let mut words = [0; 2];
        words[wide::LOW as usize] = *self as u32;
        words[wide::HIGH as usize] = (*self >> 32) as u32;
        words.iter().for_each(|word| word.put(out));
    }
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let words = [u32::take(bytes)?, u32::take(bytes)?];
        Some(u64::from(words[wide::LOW as usize]) | u64::from(words[wide::HIGH as usize]) << 32)
    }
}

/// The number of a start line and the version, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The method's index, or the status.
    pub code: u16,
    /// Major and minor.
    pub version: (u8, u8),
}

impl Words for Line {
    const COUNT: usize = 1;
    fn put(&self, out: &mut Vec<u8>) {
        let version = u32::from(self.version.0) << 8 | u32::from(self.version.1);
        (u32::from(self.code) | version << line::VERSION_SHIFT).put(out);
    }
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let word = u32::take(bytes)?;
        let version = word >> line::VERSION_SHIFT;
        Some(Self { code: (word & line::CODE) as u16, version: ((version >> 8) as u8, version as u8) })
    }
}

/// A closed list of numbers.
macro_rules! numbers {
    ($(#[doc = $about:literal])+ $name:ident: $type:ident {
        $($(#[doc = $doc:literal])+ $variant:ident = $value:literal,)+
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr($type)]
        pub enum $name {
            $($(#[doc = $doc])+ $variant = $value,)+
        }

        impl $name {
            /// What they are.
            pub const ABOUT: &'static str = concat!($($about),+);
            /// All of them, in their order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];
            /// The same with their names.
            pub const NAMED: &'static [Named] = &[
                $(Named { name: stringify!($variant), value: $value, doc: concat!($($doc),+) },)+
            ];

            /// What crosses.
            pub const fn number(self) -> $type {
                self as $type
            }

            /// What the number stands for, if anything.
            pub const fn of(number: $type) -> Option<Self> {
                match number {
                    $($value => Some($name::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

/// Numbers that are combined or calculated with.
macro_rules! constants {
    ($(#[doc = $about:literal])+ $module:ident: $type:ident {
        $($(#[doc = $doc:literal])+ $name:ident = $value:expr,)+
    }) => {
        $(#[doc = $about])+
        pub mod $module {
            use super::Named;
            $($(#[doc = $doc])+ pub const $name: $type = $value;)+
            /// What they are.
            pub const ABOUT: &str = concat!($($about),+);
            /// All of them.
            pub const NAMED: &[Named] = &[
                $(Named { name: stringify!($name), value: $name as i32, doc: concat!($($doc),+) },)+
            ];
        }
    };
}

/// A row of words with names.
macro_rules! words {
    ($(#[doc = $about:literal])+ $name:ident $([is_payload = $is_payload:literal])? {
        $($(#[doc = $doc:literal])* $field:ident: $type:ty,)*
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[allow(missing_docs)] // where the name says it
        pub struct $name {
            $($(#[doc = $doc])* pub $field: $type,)*
        }

        impl Words for $name {
            const COUNT: usize = 0 $(+ <$type as Words>::COUNT)*;
            const FIELDS: &'static [Field] = &[
                $(Field {
                    name: stringify!($field),
                    words: <$type as Words>::COUNT,
                    parts: <$type as Words>::FIELDS,
                    is_payload: <$type as Words>::IS_PAYLOAD,
                    doc: concat!($($doc),*),
                },)*
            ];
            $(const IS_PAYLOAD: bool = $is_payload;)?

            fn put(&self, _out: &mut Vec<u8>) {
                $(self.$field.put(_out);)*
            }

            fn take(_bytes: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: Words::take(_bytes)?,)* })
            }
        }
    };
}

/// Records to JavaScript: kind, flags, words, what the bytes are, and whether these are the stream's.
macro_rules! records {
    ($($(#[doc = $about:literal])+ $kind:ident = $value:literal, $flags:expr, {
        $($(#[doc = $doc:literal])* $field:ident: $type:ty,)*
    }, $bytes:literal $([is_stream = $is_stream:literal])?;)+) => {
        numbers! {
            /// Kinds of records.
            Kind: u32 {
                $($(#[doc = $about])+ $kind = $value,)+
            }
        }

        impl Kind {
            /// The words behind the first three.
            pub const fn fields(self) -> &'static [Field] {
                match self { $(Kind::$kind => record::$kind::FIELDS,)+ }
            }

            /// What its flags are.
            pub const fn flags(self) -> &'static [Named] {
                match self { $(Kind::$kind => $flags,)+ }
            }

            /// What stands behind the words; empty: nothing.
            pub const fn bytes(self) -> &'static str {
                match self { $(Kind::$kind => $bytes,)+ }
            }

            /// Whether its bytes belong to no message, but to whoever has the connection's stream.
            pub const fn is_stream(self) -> bool {
                match self { $(Kind::$kind => matches!(&[$($is_stream)?] as &[bool], [true]),)+ }
            }

            /// Where in the record, in bytes, the [`Payload`] of a kind stands that has one.
            pub const fn payload(self) -> Option<usize> {
                match self { $(Kind::$kind => const { payload_at(record::$kind::FIELDS, Prefix::SIZE) },)+ }
            }
        }

        /// The words of each kind.
        pub mod record {
            #[allow(clippy::wildcard_imports)]
            use super::*;
            $(
                words! {
                    $(#[doc = $about])+
                    $kind { $($(#[doc = $doc])* $field: $type,)* }
                }

                impl Record for $kind {
                    const KIND: Kind = Kind::$kind;
                }
            )+
        }
    };
}

/// Commands from JavaScript: number, what the argument is, flags.
macro_rules! commands {
    ($($(#[doc = $about:literal])+ $op:ident = $value:literal, $argument:literal, $flags:expr;)+) => {
        numbers! {
            /// Commands.
            Op: u32 {
                $($(#[doc = $about])+ $op = $value,)+
            }
        }

        impl Op {
            /// What its argument is; empty: nothing.
            pub const fn argument(self) -> &'static str {
                match self { $(Op::$op => $argument,)+ }
            }

            /// What its flags are.
            pub const fn flags(self) -> &'static [Named] {
                match self { $(Op::$op => $flags,)+ }
            }
        }
    };
}

/// The words of a record to JavaScript.
pub trait Record: Words {
    /// Which it is.
    const KIND: Kind;

    /// The words of a whole `record`; `None` when it is of another kind.
    fn read(record: &[u8]) -> Option<Self> {
        let (prefix, mut rest) = Prefix::read(record)?;
        if Kind::of(prefix.number) != Some(Self::KIND) {
            return None;
        }
        Self::take(&mut rest)
    }
}

/// What each record begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Kind, or command.
    pub number: u32,
    /// Of that kind.
    pub flags: u32,
    /// Of all of the record, in bytes.
    pub size: usize,
    /// The connection.
    pub index: u32,
}

impl Prefix {
    /// In words.
    pub const WORDS: usize = 3;
    /// In bytes.
    pub const SIZE: usize = 4 * Self::WORDS;

    /// That of the first record, and what stands behind it.
    pub fn read(records: &[u8]) -> Option<(Self, &[u8])> {
        let mut rest = records;
        let (first, size, index) = (u32::take(&mut rest)?, u32::take(&mut rest)?, u32::take(&mut rest)?);
        let (number, flags) = (first & head::KIND, first >> head::FLAGS_SHIFT);
        Some((Self { number, flags, size: size as usize, index }, rest))
    }

    /// The size alone.
    pub fn size_of(records: &[u8]) -> Option<usize> {
        u32::take(&mut records.get(4 * head::SIZE as usize..)?).map(|size| size as usize)
    }
}

/// Appends a record: the words, then the bytes.
pub fn put<W: Words>(out: &mut Vec<u8>, number: u32, flags: u32, index: u32, words: &W, bytes: [&[u8]; 2]) {
    let size = (Prefix::SIZE + 4 * W::COUNT + bytes[0].len() + bytes[1].len()).next_multiple_of(4);
    let end = out.len() + size;
    out.reserve(size);
    (number | flags << head::FLAGS_SHIFT).put(out);
    (size as u32).put(out);
    index.put(out);
    words.put(out);
    out.extend_from_slice(bytes[0]);
    out.extend_from_slice(bytes[1]);
    out.resize(end, 0);
}

/// Where the payload among the fields stands, in bytes, when the first field stands at `start`. While compiling: a record has one at most.
pub(super) const fn payload_at(fields: &[Field], start: usize) -> Option<usize> {
    let (mut at, mut i, mut found) = (start, 0, None);
    while i < fields.len() {
        let here = if fields[i].is_payload { Some(at) } else { payload_at(fields[i].parts, at) };
        if here.is_some() {
            assert!(found.is_none());
            found = here;
        }
        at += 4 * fields[i].words;
        i += 1;
    }
    found
}

/// Where the field of that name stands, in bytes behind where the fields begin. To be evaluated while compiling: it panics where there is none.
pub const fn offset_of(fields: &[Field], name: &str) -> usize {
    let (mut at, mut i) = (0, 0);
    while !is_same(fields[i].name, name) {
        at += 4 * fields[i].words;
        i += 1;
    }
    at
}

const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

/// Some of the flags, in the order of their values.
pub(super) const fn only<const N: usize>(all: &[Named], values: [u32; N]) -> [Named; N] {
    let (mut some, mut taken, mut i) = ([all[0]; N], 0, 0);
    while taken < N {
        if all[i].value == values[taken] as i32 {
            some[taken] = all[i];
            taken += 1;
        }
        i += 1;
    }
    some
}
