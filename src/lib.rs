//! The native half of the npm package `turnout`: an HTTP/1.1 engine ([`engine`]) and, behind the feature `binding`,
//! its crossing into Node.
#![warn(missing_docs)]

pub mod engine;

// A test build registers nothing with Node, so the functions that only Node calls look unused there.
#[cfg(feature = "binding")]
#[cfg_attr(test, allow(dead_code))]
mod binding;
