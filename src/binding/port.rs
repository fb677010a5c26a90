//! `Port`: the addon's class, of which JavaScript makes one for each environment.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;

use napi::bindgen_prelude::{Buffer, Either, Function, JsValue, ObjectFinalize, This, Unknown};
use napi::{Env, Result};
use napi_derive::napi;

use super::convert::{negative, Config, ConnectOptions, ListenOptions, Listening};
use super::crossing::{Crossing, Given};
use super::engine::Engine;
use super::exception::contained;
use super::kept::KeptArray;
use super::memory::Place;
use crate::engine::layout::Family;
use crate::engine::net::command::{Target, Write};
use crate::engine::net::connector;
use crate::engine::net::listener::bind;
use crate::engine::net::platform::HAS_INLINE;
use crate::engine::output::Part;

/// The engine's side of `lib/seam/binding.js`. A panic becomes an exception: what touches the engine runs in [`Crossing::enter`] or
/// [`Crossing::enter_if_whole`], which let nobody use the engine after it; the rest, and what converts arguments, is caught by napi.
#[napi(custom_finalize)]
pub struct Port {
    pub(super) engine: Rc<Engine>,
    pub(super) crossing: Rc<Crossing>,
}

impl ObjectFinalize for Port {
    /// JavaScript cannot reach it any more.
    fn finalize(self, _: Env) -> Result<()> {
        contained(|| self.crossing.close());
        Ok(())
    }
}

#[napi]
impl Port {
    /// `inbound` takes events, `outbound` has commands; `turn(bytes, blocks)` returns how many bytes of commands it wrote;
    /// `slab(number)` makes a buffer for large payloads; `later(milliseconds)` calls [`Self::resume`] then, 0: in the loop's next round,
    /// where there is no libuv for that; `libuv`: what has the names of libuv's functions in this process is libuv.
    #[napi(constructor, catch_unwind)]
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        env: Env,
        this: This<'_>,
        inbound: Unknown<'_>,
        outbound: Unknown<'_>,
        turn: Function<'_, (i32,), i32>,
        slab: Function<'_, u32, Unknown<'static>>,
        later: Function<'_, u32, ()>,
        libuv: bool,
    ) -> Result<Self> {
        let crossing = Crossing::open(env, &this.object, Given { inbound, outbound, turn, slab, later, libuv })?;
        Ok(Self { engine: crossing.engine(), crossing })
    }

    /// Whether the engine has something that will still speak to JavaScript: without, the port may be collected.
    #[napi(catch_unwind)]
    pub fn keep(&self, on: bool) {
        self.crossing.keep(on);
    }

    /// The first `bytes` of `outbound` are commands.
    #[napi(catch_unwind)]
    pub fn flush(&self, env: Env, bytes: u32) -> Result<()> {
        self.crossing.enter_if_whole(|| self.crossing.flush(env, bytes as usize))
    }

    /// Goes on with what one turn was too short for.
    #[napi(catch_unwind)]
    pub fn resume(&self, env: Env) {
        self.crossing.resume(env);
    }

    /// The process ends: the first `bytes` of `outbound` are the last commands, and what they write leaves now, even inside a turn.
    #[napi(catch_unwind)]
    pub fn leave(&self, bytes: u32) -> Result<()> {
        self.crossing.enter_if_whole(|| {
            self.crossing.dispatch(bytes as usize);
            self.engine.flush();
        })
    }

    /// A write with a large payload, a Uint8Array, after the first `bytes` of `outbound`. `ahead`: before every response that has not begun.
    #[napi(catch_unwind)]
    #[allow(clippy::too_many_arguments, unsafe_code)]
    pub fn send(
        &self,
        env: Env,
        bytes: u32,
        ahead: bool,
        index: u32,
        generation: u32,
        seq: u32,
        flags: u32,
        head_length: u32,
        data: Unknown<'_>,
    ) -> Result<()> {
        self.crossing.enter_if_whole(|| {
            self.crossing.dispatch(bytes as usize);
            let Some(place) = Place::of(env, data.raw()) else { return };
            let part = Part { seq, flags, head: (head_length as usize).min(place.len()) };
            let write = Write { target: Target { index, generation }, ahead, part };
            match write.target.thread() {
                0 => {
                    if let Some(inline) = &mut *self.engine.inline() {
                        if place.is_shared() {
                            // Rust's writes take slices, under which no other thread may write.
                            // SAFETY: nothing has run JavaScript since it was looked up.
                            inline.write_large(&write, unsafe { place.copy() });
                        } else {
                            // SAFETY: as above; used up before this call returns, and nothing in it runs JavaScript. Payloads are copied and
                            // handed to the kernel, not looked into.
                            let bytes = unsafe { place.bytes() };
                            inline.write_borrowed(&write, bytes, || KeptArray::keep(env, data.raw()));
                        }
                    }
                    self.crossing.sent(env);
                }
                number => {
                    if let Some(shard) = self.engine.shard(number) {
                        // SAFETY: nothing has run JavaScript since it was looked up.
                        shard.large(write, unsafe { place.copy() });
                    }
                }
            }
        })
    }

    /// Takes an upgraded stream over from its thread, whose bytes stand in the slot `seq` and come after `handed` others. Returns
    /// its new index and generation; nothing when it cannot be now, an empty list when it never can.
    #[napi(catch_unwind)]
    pub fn take_over(&self, index: u32, generation: u32, seq: u32, handed: f64) -> Result<Option<Vec<u32>>> {
        self.crossing.enter(|| {
            if !HAS_INLINE {
                return Some(Vec::new());
            }
            let handover = self.engine.events.handover(Target { index, generation })?;
            if !self.crossing.has_inline() {
                return Some(Vec::new());
            }
            let stream = handover.take(handed as u64)?;
            // Its thread keeps a socket that cannot be watched.
            let taken = self.engine.inline().as_mut()?.take_over(stream, seq, handed as u64).ok()?;
            Some(vec![taken.index, taken.generation])
        })
    }

    /// Listens with `threads` threads, 0: on this thread's own loop if it can; a negative errno when the system refuses.
    #[napi(catch_unwind)]
    pub fn listen(&self, options: ListenOptions, config: Config, threads: u32) -> Result<Either<Listening, i32>> {
        self.crossing.enter(|| match self.try_listen(&options, &config, threads) {
            Ok(listening) => Either::A(listening),
            Err(error) => Either::B(negative(&error)),
        })
    }

    fn try_listen(&self, options: &ListenOptions, config: &Config, threads: u32) -> io::Result<Listening> {
        let bound = bind(&options.endpoint()?, options.backlog)?;
        let local = bound.local_addr();
        let descriptor = bound.descriptor()?;
        let id = self.engine.listen(self.crossing.on(threads, None), bound, config.server_config())?;
        Ok(Listening {
            id,
            address: local.map(|address| address.ip().to_string()).unwrap_or_default(),
            port: local.map_or(0, |address| u32::from(address.port())),
            family: local.map_or(Family::Unix, Family::of_address).number(),
            fd: descriptor.into_number(),
        })
    }

    /// A server that does not listen: its connections are adopted, or, with `threads` of STREAMS, are streams of JavaScript's. Returns its number,
    /// or a negative errno.
    #[napi(catch_unwind)]
    pub fn serve(&self, config: Config, threads: u32) -> Result<i32> {
        self.crossing.enter(|| {
            let served = self.engine.serve(self.crossing.on(threads, None), config.server_config());
            served.map_or_else(|error| negative(&error), |id| id as i32)
        })
    }

    /// A stream of JavaScript's is a connection to server `id`, which [`Self::serve`] has given for streams, or, without, of our own making;
    /// `is_being_told`: records that [`Self::give`] has returned are being walked. Returns its index and generation.
    #[napi(catch_unwind)]
    pub fn open(&self, is_being_told: bool, id: Option<u32>) -> Result<Vec<u32>> {
        self.crossing.enter(|| {
            let opened = self.engine.streams().open(id, is_being_told);
            opened.map_or_else(|_| Vec::new(), |Target { index, generation }| vec![index, generation])
        })
    }

    /// After the first `bytes` of `outbound`: a stream of JavaScript's has brought `data`, a Uint8Array, or (null) has ended. Returns how many bytes of
    /// records have been put into the Uint8Array `records`; those that do not go in there, by themselves.
    #[napi(catch_unwind)]
    pub fn give(
        &self,
        env: Env,
        bytes: u32,
        index: u32,
        generation: u32,
        data: Unknown<'_>,
        records: Unknown<'_>,
    ) -> Result<Either<u32, Buffer>> {
        self.crossing.enter(|| {
            self.crossing.dispatch(bytes as usize);
            let data = Place::of(env, data.raw());
            self.crossing.give(env, Target { index, generation }, data, Place::of(env, records.raw()))
        })
    }

    /// Begins to connect, on the thread of the number `thread` (0: this one, on its own loop), which has connections already; without, on one of
    /// `threads` threads or, 0, on this thread's own loop if it can. What comes of it is a CONNECTED record with `token`, unless the system
    /// refuses at once: then this is a negative errno, else 0.
    #[napi(catch_unwind)]
    pub fn connect(&self, options: ConnectOptions, token: u32, threads: u32, thread: Option<u32>) -> Result<i32> {
        self.crossing.enter(|| {
            let driver = self.crossing.on(threads, thread);
            let connecting = options.remote().and_then(|remote| connector::connect(&remote)).inspect(|connecting| {
                if let Some(type_of_service) = options.type_of_service {
                    connector::mark(connecting, type_of_service);
                }
            });
            let begun = connecting.and_then(|connecting| self.engine.connect(driver, connecting, token));
            begun.map_or_else(|error| negative(&error), |()| 0)
        })
    }

    /// Gives up on a connection under way; a CONNECTED record may already be on its way.
    #[napi(catch_unwind)]
    pub fn abandon(&self, token: u32) -> Result<()> {
        self.crossing.enter_if_whole(|| self.engine.abandon(token))
    }

    /// Changes a server's settings; header limits count for connections yet to come.
    #[napi(catch_unwind)]
    pub fn configure(&self, id: u32, config: Config) -> Result<()> {
        self.crossing.enter_if_whole(|| self.engine.configure(id, config.server_config()))
    }

    /// Stops accepting.
    #[napi(catch_unwind)]
    pub fn close_listener(&self, id: u32) -> Result<()> {
        self.crossing.enter_if_whole(|| self.engine.close_listener(id))
    }

    /// The process has channels to others, whose messages come between the events of connections.
    #[napi(catch_unwind)]
    pub fn share_loop(&self) {
        self.crossing.share_loop();
    }

    /// Keeps the process alive.
    #[napi(js_name = "ref", catch_unwind)]
    pub fn reference(&self) {
        self.crossing.set_ref(true);
    }

    /// Lets the process end.
    #[napi(catch_unwind)]
    pub fn unref(&self) {
        self.crossing.set_ref(false);
    }

    /// What the engine has, for tests that count; `engine::net::census` says what each count is. Waits for its threads.
    #[napi(catch_unwind)]
    pub fn census(&self) -> Result<HashMap<&'static str, u32>> {
        self.crossing.enter(|| self.crossing.census().named().collect())
    }

    /// Connections the engine has open, for tests that count.
    #[napi(catch_unwind)]
    pub fn connections(&self) -> u32 {
        self.engine.events.live() as u32
    }
}

#[cfg(debug_assertions)]
#[napi]
impl Port {
    /// Panics where `place` says: in this "call", in the next "turn", on a "thread", or in a "task" of one. What a panic does is tested
    /// with it; a build for users has no such thing.
    #[napi(catch_unwind)]
    pub fn panic(&self, place: String) -> Result<()> {
        self.crossing.enter(|| match &*place {
            "turn" => self.crossing.panic_in_turn(),
            "thread" | "task" => self.engine.panic_on_threads(place == "task"),
            _ => panic!("asked to panic in a {place}"),
        })
    }

    /// Memory for the next so many payloads is not to be had, and the next so many calls of JavaScript do not happen: for tests.
    #[napi(catch_unwind)]
    pub fn lack(&self, allocations: u32, calls: u32) {
        super::shortage::fail(allocations, calls);
    }
}
