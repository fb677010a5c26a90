//! The class JavaScript makes one of per environment.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::io;
#[cfg(unix)]
use std::io::ErrorKind;
#[cfg(unix)]
use std::os::fd::IntoRawFd;
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::{Either, Function, JsValue, ObjectFinalize, This, Unknown};
use napi::{Env, Result};
use napi_derive::napi;

#[cfg(unix)]
use super::convert::Copied;
use super::convert::{Census, Config, ConnectOptions, ListenOptions, Listening, EINVAL};
#[cfg(unix)]
use super::descriptor::{duplicate, of_listener, passed};
#[cfg(unix)]
use super::exception::contained;
#[cfg(unix)]
use super::kept::KeptArray;
use super::memory::Place;
use super::turn::{Crossing, Given};
use crate::engine::net::command;
use crate::engine::net::connections::STRIDE;
use crate::engine::net::connector;
#[cfg(unix)]
use crate::engine::net::inline::Inline;
#[cfg(unix)]
use crate::engine::net::listener::adopt;
use crate::engine::net::listener::bind;
use crate::engine::net::port::Port as EventPort;
use crate::engine::net::threads::ShardHandle;

/// The engine as one JavaScript environment reaches it: the inline driver if there is one, number 0, and shards from 1 on.
pub struct Engine {
    /// Where the shards leave events.
    pub events: Arc<EventPort>,
    #[cfg(unix)]
    inline: RefCell<Option<Inline>>,
    shards: RefCell<Vec<ShardHandle>>,
    next_id: Cell<u32>,
}

impl Engine {
    /// Nothing runs until something listens.
    pub fn new(events: Arc<EventPort>) -> Self {
        Self {
            events,
            #[cfg(unix)]
            inline: RefCell::default(),
            shards: RefCell::default(),
            next_id: Cell::new(1),
        }
    }

    /// The inline driver, if anything has asked for it.
    #[cfg(unix)]
    pub fn inline(&self) -> RefMut<'_, Option<Inline>> {
        self.inline.borrow_mut()
    }

    /// Hands packed commands to the threads of their connections. Those of the inline driver are applied; what they write is sent by
    /// [`Self::flush_inline`].
    pub fn dispatch(&self, records: &[u8]) {
        #[cfg(unix)]
        if self.shards.borrow().is_empty() {
            self.give(Some(0), records);
            return;
        }
        // Runs of records for one thread leave as one: its wake-ups are fewer, and what was written together stays together.
        let (mut run, mut rest, mut at) = (records, records, records);
        let mut number = None;
        while let Some((command, _)) = command::next(&mut rest) {
            let next = command.index % STRIDE;
            if number.is_some_and(|number| number != next) {
                self.give(number, &run[..run.len() - at.len()]);
                run = at;
            }
            number = Some(next);
            at = rest;
        }
        self.give(number, &run[..run.len() - at.len()]);
    }

    /// Records for the connections of the thread `number`, 0 being the inline driver.
    fn give(&self, number: Option<u32>, records: &[u8]) {
        match number {
            None => {}
            #[cfg(unix)]
            Some(0) => {
                if let Some(inline) = &mut *self.inline() {
                    inline.connections.apply_records(records);
                }
            }
            Some(number) => {
                if let Some(shard) = self.shard(number) {
                    shard.commands(records);
                }
            }
        }
    }

    /// The shard of that number, if there is one.
    fn shard(&self, number: u32) -> Option<Ref<'_, ShardHandle>> {
        let at = number.checked_sub(1)? as usize;
        Ref::filter_map(self.shards.borrow(), |shards| shards.get(at)).ok()
    }

    /// A turn of JavaScript's begins: threads are woken for what it writes when it is over.
    pub fn hold(&self) {
        self.shards.borrow().iter().for_each(ShardHandle::hold);
    }

    /// The turn is over.
    pub fn release(&self) {
        self.shards.borrow().iter().for_each(ShardHandle::release);
    }

    /// Sends what inline connections were told. Returns whether there is something for a turn to do.
    #[cfg(unix)]
    pub fn flush_inline(&self) -> bool {
        match &mut *self.inline() {
            Some(inline) => {
                inline.connections.flush_dirty();
                inline.has_more() || !inline.connections.outbox.is_empty()
            }
            None => false,
        }
    }

    /// The first `threads` shards, at least one and at most as many as there may be; those that are missing are started.
    fn start_shards(&self, threads: u32) -> io::Result<Ref<'_, [ShardHandle]>> {
        let count = threads.clamp(1, STRIDE - 1);
        {
            let mut shards = self.shards.borrow_mut();
            while shards.len() < count as usize {
                let number = shards.len() as u32 + 1;
                shards.push(ShardHandle::start(self.events.clone(), number)?);
            }
        }
        Ok(Ref::map(self.shards.borrow(), |shards| shards.get(..count as usize).unwrap_or_default()))
    }

    /// One of the first `threads` shards, by `number`.
    fn pick(&self, threads: u32, number: u32) -> io::Result<Ref<'_, ShardHandle>> {
        let shards = self.start_shards(threads)?;
        Ref::filter_map(shards, |shards| shards.get(number as usize % shards.len().max(1)))
            .map_err(|_| io::ErrorKind::NotFound.into())
    }

    /// Ends the threads; what has been dispatched before is done first. They all end at the same time.
    pub fn stop_threads(&self) {
        let shards = self.shards.take();
        shards.iter().for_each(ShardHandle::ask_to_stop);
        for mut shard in shards {
            shard.stop();
        }
    }

    /// Ends the inline driver; what has been dispatched before is sent as far as the kernel takes it.
    #[cfg(unix)]
    pub fn stop_inline(&self) {
        if let Some(mut inline) = self.inline.take() {
            inline.connections.flush_dirty();
            inline.connections.stop();
        }
    }
}

/// The engine's side of `lib/binding.js`. A panic becomes an exception: what touches the engine runs in [`Crossing::enter`] or
/// [`Crossing::enter_if_whole`], which give that up behind it; the rest, and what converts arguments, is caught by napi.
#[napi(custom_finalize)]
pub struct Port {
    engine: Rc<Engine>,
    crossing: Rc<Crossing>,
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
    /// `slab(number)` makes a buffer for large payloads; `later()` calls [`Self::resume`] in the loop's next round, where there is no
    /// libuv for that.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        env: Env,
        this: This<'_>,
        inbound: Unknown<'_>,
        outbound: Unknown<'_>,
        turn: Function<'_, (i32,), i32>,
        slab: Function<'_, u32, Unknown<'static>>,
        later: Function<'_, (), ()>,
    ) -> Result<Self> {
        let crossing = Crossing::open(env, &this.object, Given { inbound, outbound, turn, slab, later })?;
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
            self.engine.shards.borrow().iter().for_each(ShardHandle::flush);
            #[cfg(unix)]
            self.engine.flush_inline();
        })
    }

    /// A write with a large payload, a Uint8Array, behind the first `bytes` of `outbound`. `ahead`: before every response that has not begun.
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
            let head_length = (head_length as usize).min(place.len());
            match index % STRIDE {
                #[cfg(unix)]
                0 => {
                    if let Some(inline) = &mut *self.engine.inline() {
                        let connections = &mut inline.connections;
                        if place.is_shared() {
                            // Rust's writes take slices, under which no other thread may write.
                            connections.write_large(index, generation, seq, flags, head_length, place.copy(), ahead);
                        } else {
                            // SAFETY: used up before this call returns, and nothing in it runs JavaScript. Payloads are copied and
                            // handed to the kernel, not looked into.
                            let bytes = unsafe { place.bytes() };
                            let keep = || KeptArray::keep(env, data.raw());
                            connections.write_borrowed(index, generation, seq, flags, head_length, bytes, keep, ahead);
                        }
                    }
                    self.crossing.sent(env);
                }
                number => {
                    if let Some(shard) = self.engine.shard(number) {
                        shard.large(index, generation, seq, flags, head_length, place.copy(), ahead);
                    }
                }
            }
        })
    }

    /// Takes an upgraded stream over from its thread, whose bytes stand in the slot `seq` and come behind `handed` others. Returns
    /// its new index and generation; nothing when it cannot be now, an empty list when it never can.
    #[napi(catch_unwind)]
    pub fn take_over(&self, index: u32, generation: u32, seq: u32, handed: f64) -> Result<Option<Vec<u32>>> {
        self.crossing.enter(|| {
            #[cfg(unix)]
            {
                let handover = self.engine.events.handover(index, generation)?;
                if !self.crossing.has_inline() {
                    return Some(Vec::new());
                }
                let handed = handed as u64;
                let stream = handover.take(handed)?;
                // Its thread keeps a socket that cannot be watched.
                let taken = self.engine.inline().as_mut()?.take_over(stream, seq, handed).ok()?;
                Some(vec![taken.0, taken.1])
            }
            #[cfg(not(unix))]
            {
                let _ = (index, generation, seq, handed);
                Some(Vec::new())
            }
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
        #[cfg(unix)]
        let fd = of_listener(&bound)?;
        let id = self.engine.next_id.replace(self.engine.next_id.get() + 1);
        let config = config.server_config();
        if threads == 0 && self.crossing.has_inline() {
            #[cfg(unix)]
            if let Some(inline) = &mut *self.engine.inline() {
                inline.listen(id, bound, config)?;
            }
        } else if let Some((last, others)) = self.engine.start_shards(threads)?.split_last() {
            // All of them or none.
            let handles = others.iter().map(|_| bound.try_clone()).collect::<io::Result<Vec<_>>>()?;
            for (shard, bound) in others.iter().zip(handles) {
                shard.listen(id, bound, config.clone());
            }
            last.listen(id, bound, config);
        }
        Ok(Listening {
            id,
            address: local.map(|address| address.ip().to_string()).unwrap_or_default(),
            port: local.map_or(0, |address| u32::from(address.port())),
            family: local.map_or(0, |address| if address.is_ipv6() { 6 } else { 4 }),
            #[cfg(unix)]
            fd: fd.into_raw_fd(),
            #[cfg(not(unix))]
            fd: -1,
        })
    }

    /// A server that does not listen: its connections are adopted. Returns its number, or a negative errno.
    #[napi(catch_unwind)]
    pub fn serve(&self, config: Config, threads: u32) -> Result<i32> {
        self.crossing.enter(|| {
            let id = self.engine.next_id.replace(self.engine.next_id.get() + 1);
            let config = config.server_config();
            if threads == 0 && self.crossing.has_inline() {
                #[cfg(unix)]
                if let Some(inline) = &mut *self.engine.inline() {
                    inline.connections.add_server(id, config, None);
                }
                return id as i32;
            }
            match self.engine.start_shards(threads) {
                Ok(shards) => shards.iter().for_each(|shard| shard.serve(id, config.clone())),
                Err(error) => return negative(&error),
            }
            id as i32
        })
    }

    /// Begins to connect, on one of `threads` threads or, 0, on this thread's own loop if it can. What comes of it is a CONNECTED
    /// record with `token`, unless the system refuses at once: then this is a negative errno, else 0.
    #[napi(catch_unwind)]
    pub fn connect(&self, options: ConnectOptions, token: u32, threads: u32) -> Result<i32> {
        self.crossing.enter(|| self.try_connect(&options, token, threads).map_or_else(|error| negative(&error), |()| 0))
    }

    fn try_connect(&self, options: &ConnectOptions, token: u32, threads: u32) -> io::Result<()> {
        let connecting = connector::connect(&options.remote()?)?;
        if let Some(type_of_service) = options.type_of_service {
            connector::mark(&connecting, type_of_service);
        }
        if threads == 0 && self.crossing.has_inline() {
            #[cfg(unix)]
            if let Some(inline) = &mut *self.engine.inline() {
                return inline.connect(connecting, token);
            }
        }
        self.engine.pick(threads, token)?.connect(connecting, token);
        Ok(())
    }

    /// Gives up on a connection under way; a CONNECTED record may already be on its way.
    #[napi(catch_unwind)]
    pub fn abandon(&self, token: u32) -> Result<()> {
        self.crossing.enter_if_whole(|| {
            self.engine.shards.borrow().iter().for_each(|shard| shard.abandon(token));
            #[cfg(unix)]
            if let Some(inline) = &mut *self.engine.inline() {
                inline.abandon(token);
            }
        })
    }

    /// Changes a server's settings; header limits count for connections yet to come.
    #[napi(catch_unwind)]
    pub fn configure(&self, id: u32, config: Config) -> Result<()> {
        self.crossing.enter_if_whole(|| {
            let config = config.server_config();
            self.engine.shards.borrow().iter().for_each(|shard| shard.configure(id, config.clone()));
            #[cfg(unix)]
            if let Some(inline) = &mut *self.engine.inline() {
                inline.connections.configure(id, config);
            }
        })
    }

    /// Stops accepting.
    #[napi(catch_unwind)]
    pub fn close_listener(&self, id: u32) -> Result<()> {
        self.crossing.enter_if_whole(|| {
            let shards = self.engine.shards.borrow();
            let closing: Vec<_> = shards.iter().map(|shard| (shard, shard.close_listener(id))).collect();
            closing.iter().for_each(|(shard, closed)| shard.await_closed(closed));
            #[cfg(unix)]
            if let Some(inline) = &mut *self.engine.inline() {
                inline.close_listener(id);
            }
        })
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

    /// What the engine holds, for tests that count. Waits for its threads.
    #[napi(catch_unwind)]
    pub fn census(&self) -> Result<Census> {
        self.crossing.enter(|| {
            let mut sum = crate::engine::net::census::Census::default();
            for census in self.engine.shards.borrow().iter().filter_map(ShardHandle::census) {
                sum.add(&census);
            }
            #[cfg(unix)]
            if let Some(inline) = &*self.engine.inline() {
                sum.add(&inline.census());
            }
            let (undelivered, blocks) = self.engine.events.held();
            sum.undelivered += undelivered as u32;
            sum.blocks += blocks as u32;
            self.crossing.census(sum)
        })
    }

    /// Connections the engine has open, for tests that count.
    #[napi(catch_unwind)]
    pub fn connections(&self) -> u32 {
        self.engine.events.live() as u32
    }
}

#[cfg(unix)]
#[napi]
impl Port {
    /// Takes in a copy of the connection `fd`, which stays the caller's to close, for the server `id` that `serve()` has made. A
    /// negative errno when that cannot be, else 0.
    #[napi(catch_unwind)]
    pub fn adopt(&self, env: Env, id: u32, fd: i32, threads: u32) -> Result<i32> {
        self.crossing.enter(|| {
            let outcome = duplicate(fd).and_then(adopt).and_then(|accepted| {
                if threads == 0 {
                    if let Some(inline) = &mut *self.engine.inline() {
                        return inline.adopt(id, accepted);
                    }
                }
                self.engine.pick(threads, fd as u32)?.adopt(id, accepted);
                Ok(())
            });
            self.crossing.sent(env);
            outcome.map_or_else(|error| negative(&error), |()| 0)
        })
    }

    /// A descriptor of a connection for another process, behind what it has been told. Unless it `stays` with this one as well, it is read
    /// no more, and RELEASE is to follow. 0 when that cannot be now: something waits to be sent, or to be given to JavaScript. A negative
    /// errno when it cannot be at all.
    #[napi(catch_unwind)]
    pub fn copy_descriptor(&self, env: Env, index: u32, generation: u32, stays: bool) -> Result<Either<Copied, i32>> {
        self.crossing.enter(|| {
            if !stays && self.crossing.has_stream_of(index) {
                return Either::B(0);
            }
            let copied = match index % STRIDE {
                0 => self.engine.inline().as_mut().map(|inline| inline.copy(index, generation, stays)),
                number => {
                    let shards = self.engine.shards.borrow();
                    shards.get(number as usize - 1).map(|shard| shard.copy(index, generation, stays))
                }
            };
            self.crossing.sent(env);
            match copied {
                Some(Ok(copied)) => Either::A(passed(copied)),
                Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => Either::B(0),
                Some(Err(error)) => Either::B(negative(&error)),
                None => Either::B(-EINVAL),
            }
        })
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
            "thread" | "task" => self.engine.shards.borrow().iter().for_each(|shard| shard.panic(place == "task")),
            _ => panic!("asked to panic in a {place}"),
        })
    }

    /// Memory for the next so many payloads is not to be had, and the next so many calls of JavaScript do not happen: for tests.
    #[napi]
    pub fn lack(&self, allocations: u32, calls: u32) {
        super::shortage::fail(allocations, calls);
    }
}

/// What JavaScript gets for an error of the system.
fn negative(error: &io::Error) -> i32 {
    -error.raw_os_error().unwrap_or(EINVAL)
}
