//! The class `Port`: an environment's engine as JavaScript holds it.

use std::rc::Rc;

use napi::bindgen_prelude::{Either, Unknown};
use napi::{Env, Result};
use napi_derive::napi;

use super::crossing::Crossing;
use super::options::{JsListenOptions, JsListening, JsServerConfig};
use crate::engine::net::command::LargeWrite;

/// What a failure without a number of the system's is reported as: -EIO, or -EINVAL for options that make no sense.
const UNKNOWN: i32 = -5;
const INVALID: i32 = -22;

/// An environment's engine. One per environment is meant, though nothing breaks with more.
#[napi]
pub struct Port {
    crossing: Rc<Crossing>,
}

#[napi]
impl Port {
    /// `inbound` and `outbound` are Buffers of at least 256 KiB, which native touches only within calls on this thread;
    /// `turn(bytes, blobs)` is called for events and returns how many bytes of commands it left in `outbound`.
    ///
    /// # Errors
    /// `InvalidArg` when a buffer is none or too small, or `turn` is no function.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        env: Env,
        inbound: Unknown<'_>,
        outbound: Unknown<'_>,
        turn: Unknown<'_>,
    ) -> Result<Port> {
        let crossing = Crossing::open(env, &inbound, &outbound, &turn)?;
        Ok(Port { crossing })
    }

    /// Takes `bytes` of commands from the outbound buffer.
    ///
    /// # Errors
    /// `InvalidArg` when the buffer is not that long.
    #[napi(catch_unwind)]
    pub fn flush(&self, env: Env, bytes: u32) -> Result<()> {
        self.crossing.flush(env, bytes as usize)
    }

    /// A write (`op` 1 or 2) with a large payload, which is copied once. It follows what has been flushed before.
    #[napi(catch_unwind)]
    #[allow(clippy::too_many_arguments)] // The words of a record, as they stand in the outbound buffer.
    pub fn send(
        &self,
        op: u32,
        connection: u32,
        generation: u32,
        seq: u32,
        flags: u32,
        head_length: u32,
        data: &[u8],
    ) {
        self.crossing.send(LargeWrite {
            op,
            connection,
            generation,
            seq,
            flags,
            head_length: head_length as usize,
            data: data.to_vec(),
        });
    }

    /// Starts a server. Returns what it listens on, or a negative errno.
    #[napi(catch_unwind)]
    pub fn listen(
        &self,
        options: JsListenOptions,
        config: JsServerConfig,
    ) -> Either<JsListening, i32> {
        let Some(options) = options.into_engine() else {
            return Either::B(INVALID);
        };
        match self.crossing.listen(&options, &config.into_engine()) {
            Ok(listening) => Either::A(listening.into()),
            Err(error) => Either::B(error.raw_os_error().map_or(UNKNOWN, |number| -number)),
        }
    }

    /// Changes a live server's configuration.
    #[napi(catch_unwind)]
    pub fn configure(&self, id: u32, config: JsServerConfig) {
        self.crossing.configure(id, &config.into_engine());
    }

    /// Ends listening; the address is free on return.
    #[napi(catch_unwind)]
    pub fn close_listener(&self, id: u32) {
        self.crossing.close_listener(id);
    }

    /// Keeps the event loop alive.
    #[napi(catch_unwind, js_name = "ref")]
    pub fn hold(&self, env: Env) {
        self.crossing.hold(env, true);
    }

    /// Lets the event loop end; so it is at first.
    #[napi(catch_unwind, js_name = "unref")]
    pub fn release(&self, env: Env) {
        self.crossing.hold(env, false);
    }

    /// Connections that are open.
    #[napi(catch_unwind)]
    pub fn connections(&self) -> u32 {
        self.crossing.connections() as u32
    }

    /// Carries out what was flushed, tries once to send what waits, closes everything and ends the threads. Happens by itself when
    /// the environment ends, but not at `process.exit()`.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.crossing.stop();
    }
}
