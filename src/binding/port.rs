//! The class JavaScript makes one of per environment.

use std::cell::{Cell, RefCell, RefMut};
#[cfg(unix)]
use std::io::ErrorKind;
#[cfg(unix)]
use std::os::fd::IntoRawFd;
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::{Buffer, Either, Function, Uint8ArraySlice};
use napi::{Env, Result};
use napi_derive::napi;

#[cfg(unix)]
use super::convert::Copied;
use super::convert::{Census, Config, ConnectOptions, ListenOptions, Listening, EINVAL};
#[cfg(unix)]
use super::descriptor::{duplicate, of_listener, passed};
#[cfg(unix)]
use super::kept::KeptArray;
use super::turn::Crossing;
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
                if let Some(shard) = self.shards.borrow().get(number as usize - 1) {
                    shard.commands(records);
                }
            }
        }
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

    fn start_shards(&self, count: u32) -> std::io::Result<()> {
        let mut shards = self.shards.borrow_mut();
        while shards.len() < count as usize {
            let number = shards.len() as u32 + 1;
            shards.push(ShardHandle::start(self.events.clone(), number)?);
        }
        Ok(())
    }

    /// Ends the threads and the inline driver; what has been dispatched before is done first.
    pub fn stop(&self) {
        for shard in self.shards.borrow_mut().iter_mut() {
            shard.stop();
        }
        #[cfg(unix)]
        if let Some(inline) = &mut *self.inline() {
            inline.connections.flush_dirty();
            inline.connections.stop();
        }
    }
}

/// The engine's side of `lib/binding.js`.
#[napi]
pub struct Port {
    engine: Rc<Engine>,
    crossing: Rc<Crossing>,
}

#[napi]
impl Port {
    /// `inbound` takes events, `outbound` has commands; `turn(bytes, blocks)` returns how many bytes of commands it wrote;
    /// `slab(number)` makes a buffer for large payloads; `later()` calls [`Self::resume`] in the loop's next round.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        inbound: Buffer,
        outbound: Buffer,
        turn: Function<'_, (i32,), i32>,
        slab: Function<'_, u32, Buffer>,
        later: Function<'_, (), ()>,
    ) -> Result<Self> {
        let crossing = Crossing::open(env, inbound, outbound, turn, slab, later)?;
        Ok(Self { engine: crossing.engine(), crossing })
    }

    /// The first `bytes` of `outbound` are commands.
    #[napi]
    pub fn flush(&self, env: Env, bytes: u32) {
        self.crossing.flush(env, bytes as usize);
    }

    /// Goes on with what one turn was too short for.
    #[napi]
    pub fn resume(&self, env: Env) {
        self.crossing.resume(env);
    }

    /// The process ends: the first `bytes` of `outbound` are the last commands, and what they write leaves now, even inside a turn.
    #[napi]
    pub fn leave(&self, bytes: u32) {
        self.crossing.dispatch(bytes as usize);
        self.engine.shards.borrow().iter().for_each(ShardHandle::flush);
        #[cfg(unix)]
        self.engine.flush_inline();
    }

    /// A write with a large payload, behind the first `bytes` of `outbound`. `ahead`: before every response that has not begun.
    #[napi]
    #[allow(clippy::too_many_arguments)]
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
        data: Uint8ArraySlice<'_>,
    ) {
        self.crossing.dispatch(bytes as usize);
        let head_length = (head_length as usize).min(data.len());
        match index % STRIDE {
            #[cfg(unix)]
            0 => {
                if let Some(inline) = &mut *self.engine.inline() {
                    inline.connections.write_borrowed(
                        index,
                        generation,
                        seq,
                        flags,
                        head_length,
                        &data,
                        || KeptArray::keep(env, &data),
                        ahead,
                    );
                }
                self.crossing.sent(env);
            }
            number => {
                if let Some(shard) = self.engine.shards.borrow().get(number as usize - 1) {
                    shard.large(index, generation, seq, flags, head_length, data.to_vec(), ahead);
                }
            }
        }
    }

    /// Takes an upgraded stream over from its thread, whose bytes stand in the slot `seq` and come behind `handed` others. Returns
    /// its new index and generation; nothing when it cannot be now, an empty list when it never can.
    #[napi]
    pub fn take_over(&self, env: Env, index: u32, generation: u32, seq: u32, handed: f64) -> Option<Vec<u32>> {
        #[cfg(unix)]
        {
            let handover = self.engine.events.handover(index, generation)?;
            if !self.crossing.has_inline(env) {
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
            let _ = (env, index, generation, seq, handed);
            Some(Vec::new())
        }
    }

    /// Listens with `threads` threads, 0: on this thread's own loop if it can; a negative errno when the system refuses.
    #[napi]
    pub fn listen(&self, env: Env, options: ListenOptions, config: Config, threads: u32) -> Either<Listening, i32> {
        match self.try_listen(env, &options, &config, threads) {
            Ok(listening) => Either::A(listening),
            Err(error) => Either::B(-error.raw_os_error().unwrap_or(EINVAL)),
        }
    }

    fn try_listen(
        &self,
        env: Env,
        options: &ListenOptions,
        config: &Config,
        threads: u32,
    ) -> std::io::Result<Listening> {
        let bound = bind(&options.endpoint()?, options.backlog)?;
        let local = bound.local_addr();
        #[cfg(unix)]
        let fd = of_listener(&bound)?;
        let id = self.engine.next_id.replace(self.engine.next_id.get() + 1);
        let config = config.server_config();
        if threads == 0 && self.crossing.has_inline(env) {
            #[cfg(unix)]
            if let Some(inline) = &mut *self.engine.inline() {
                inline.listen(id, bound, config)?;
            }
        } else {
            let count = threads.clamp(1, STRIDE - 1);
            self.engine.start_shards(count)?;
            let shards = self.engine.shards.borrow();
            let last = count as usize - 1;
            for shard in &shards[..last] {
                shard.listen(id, bound.try_clone()?, config.clone());
            }
            shards[last].listen(id, bound, config);
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
    #[napi]
    pub fn serve(&self, env: Env, config: Config, threads: u32) -> i32 {
        let id = self.engine.next_id.replace(self.engine.next_id.get() + 1);
        let config = config.server_config();
        if threads == 0 && self.crossing.has_inline(env) {
            #[cfg(unix)]
            if let Some(inline) = &mut *self.engine.inline() {
                inline.connections.add_server(id, config, None);
            }
            return id as i32;
        }
        let count = threads.clamp(1, STRIDE - 1);
        if let Err(error) = self.engine.start_shards(count) {
            return -error.raw_os_error().unwrap_or(EINVAL);
        }
        for shard in &self.engine.shards.borrow()[..count as usize] {
            shard.serve(id, config.clone());
        }
        id as i32
    }

    /// Takes in a copy of the connection `fd`, which stays the caller's to close, for the server `id` that `serve()` has made. A
    /// negative errno when that cannot be, else 0.
    #[napi]
    #[cfg(unix)]
    pub fn adopt(&self, env: Env, id: u32, fd: i32, threads: u32) -> i32 {
        let outcome = duplicate(fd).and_then(adopt).and_then(|accepted| {
            if threads == 0 {
                if let Some(inline) = &mut *self.engine.inline() {
                    return inline.adopt(id, accepted);
                }
            }
            let count = threads.clamp(1, STRIDE - 1);
            self.engine.shards.borrow()[(fd as u32 % count) as usize].adopt(id, accepted);
            Ok(())
        });
        self.crossing.sent(env);
        outcome.map_or_else(|error| -error.raw_os_error().unwrap_or(EINVAL), |()| 0)
    }

    /// A descriptor of a connection for another process, behind what it has been told. Unless it `stays` with this one as well, it is read
    /// no more, and RELEASE is to follow. 0 when that cannot be now: something waits to be sent, or to be given to JavaScript. A negative
    /// errno when it cannot be at all.
    #[napi]
    #[cfg(unix)]
    pub fn copy_descriptor(&self, env: Env, index: u32, generation: u32, stays: bool) -> Either<Copied, i32> {
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
            Some(Err(error)) => Either::B(-error.raw_os_error().unwrap_or(EINVAL)),
            None => Either::B(-EINVAL),
        }
    }

    /// Begins to connect, on one of `threads` threads or, 0, on this thread's own loop if it can. What comes of it is a CONNECTED
    /// record with `token`, unless the system refuses at once: then this is a negative errno, else 0.
    #[napi]
    pub fn connect(&self, env: Env, options: ConnectOptions, token: u32, threads: u32) -> i32 {
        match self.try_connect(env, &options, token, threads) {
            Ok(()) => 0,
            Err(error) => -error.raw_os_error().unwrap_or(EINVAL),
        }
    }

    fn try_connect(&self, env: Env, options: &ConnectOptions, token: u32, threads: u32) -> std::io::Result<()> {
        let connecting = connector::connect(&options.remote()?)?;
        if threads == 0 && self.crossing.has_inline(env) {
            #[cfg(unix)]
            if let Some(inline) = &mut *self.engine.inline() {
                return inline.connect(connecting, token);
            }
        }
        let count = threads.clamp(1, STRIDE - 1);
        self.engine.start_shards(count)?;
        self.engine.shards.borrow()[(token % count) as usize].connect(connecting, token);
        Ok(())
    }

    /// Gives up on a connection under way; a CONNECTED record may already be on its way.
    #[napi]
    pub fn abandon(&self, token: u32) {
        for shard in self.engine.shards.borrow().iter() {
            shard.abandon(token);
        }
        #[cfg(unix)]
        if let Some(inline) = &mut *self.engine.inline() {
            inline.abandon(token);
        }
    }

    /// Changes a server's settings; header limits count for connections yet to come.
    #[napi]
    pub fn configure(&self, id: u32, config: Config) {
        for shard in self.engine.shards.borrow().iter() {
            shard.configure(id, config.server_config());
        }
        #[cfg(unix)]
        if let Some(inline) = &mut *self.engine.inline() {
            inline.connections.configure(id, config.server_config());
        }
    }

    /// Stops accepting.
    #[napi]
    pub fn close_listener(&self, id: u32) {
        for shard in self.engine.shards.borrow().iter() {
            shard.close_listener(id);
        }
        #[cfg(unix)]
        if let Some(inline) = &mut *self.engine.inline() {
            inline.close_listener(id);
        }
    }

    /// The process has channels to others, whose messages come between the events of connections.
    #[napi]
    pub fn share_loop(&self) {
        self.crossing.share_loop();
    }

    /// Keeps the process alive.
    #[napi(js_name = "ref")]
    pub fn reference(&self, env: Env) {
        self.crossing.set_ref(env, true);
    }

    /// Lets the process end.
    #[napi]
    pub fn unref(&self, env: Env) {
        self.crossing.set_ref(env, false);
    }

    /// What the engine holds, for tests that count. Waits for its threads.
    #[napi]
    pub fn census(&self) -> Census {
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
    }

    /// Connections the engine has open, for tests that count.
    #[napi]
    pub fn connections(&self) -> u32 {
        self.engine.events.live() as u32
    }
}
