//! The native half of the npm package `turnout`: an HTTP/1.1 engine ([`engine`]) and, behind the feature `binding`,
//! its crossing into Node.
#![warn(missing_docs)]

pub mod engine;

#[cfg(feature = "binding")]
// In test builds napi registers nothing, so what only JavaScript calls looks unused.
#[cfg_attr(test, allow(dead_code))]
mod binding;
