//! The engine as one JavaScript environment has it: the inline driver if there is one, number 0, shards from 1 on, and the driver of JavaScript's
//! streams, the last number. It knows who looks after what, and nothing of N-API.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use crate::engine::net::census::Census;
use crate::engine::net::command;
use crate::engine::net::inline::Inline;
use crate::engine::net::listener::Bound;
use crate::engine::net::platform::HAS_INLINE;
use crate::engine::net::port::Port as EventPort;
use crate::engine::net::server::ServerConfig;
use crate::engine::net::std_stream::StdStream;
use crate::engine::net::streams::{self, Streams};
use crate::engine::net::threads::ShardHandle;

/// Who is to look after something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The JavaScript thread, by the inline driver, which runs.
    Inline,
    /// So many threads; one of them, where one is enough.
    Threads(u32),
    /// The thread of that number, from 1 on.
    Thread(u32),
    /// JavaScript, which owns the streams.
    Streams,
}

/// See the module.
pub struct Engine {
    /// Where the shards leave events.
    pub events: Arc<EventPort>,
    inline: RefCell<Option<Inline>>,
    shards: RefCell<Vec<ShardHandle>>,
    streams: RefCell<Streams>,
    next_id: Cell<u32>,
}

impl Engine {
    /// Nothing runs until something listens.
    pub fn new(events: Arc<EventPort>) -> Self {
        let streams = RefCell::new(Streams::new(events.clone()));
        Self { events, inline: RefCell::default(), shards: RefCell::default(), streams, next_id: Cell::new(1) }
    }

    /// The inline driver, if anything has asked for it.
    pub fn inline(&self) -> RefMut<'_, Option<Inline>> {
        self.inline.borrow_mut()
    }

    /// The driver of streams that JavaScript owns.
    pub fn streams(&self) -> RefMut<'_, Streams> {
        self.streams.borrow_mut()
    }

    /// The shard of that number, if there is one.
    pub fn shard(&self, number: u32) -> Option<Ref<'_, ShardHandle>> {
        let at = number.checked_sub(1)? as usize;
        Ref::filter_map(self.shards.borrow(), |shards| shards.get(at)).ok()
    }

    /// Hands packed commands to the threads of their connections. Those of the inline driver are applied; what they write is sent by
    /// [`Self::flush_local`].
    pub fn dispatch(&self, records: &[u8]) {
        if HAS_INLINE && self.shards.borrow().is_empty() && self.streams.borrow().is_empty() {
            self.give(0, records);
            return;
        }
        // Runs of records for one thread leave as one: its wake-ups are fewer, and what was written together stays together.
        let (mut run, mut rest, mut at) = (records, records, records);
        let mut number = None;
        while let Some((command, _)) = command::next(&mut rest) {
            let next = command.target.thread();
            if let Some(number) = number.filter(|&number| number != next) {
                self.give(number, &run[..run.len() - at.len()]);
                run = at;
            }
            number = Some(next);
            at = rest;
        }
        if let Some(number) = number {
            self.give(number, &run[..run.len() - at.len()]);
        }
    }

    /// Records for the connections of the thread `number`, 0 being the inline driver.
    fn give(&self, number: u32, records: &[u8]) {
        if number == 0 {
            if let Some(inline) = &mut *self.inline() {
                inline.commands(records);
            }
        } else if number == streams::NUMBER {
            self.streams().commands(records);
        } else if let Some(shard) = self.shard(number) {
            shard.commands(records);
        }
    }

    /// A turn of JavaScript's begins: threads are woken for what it writes when it is over.
    pub fn begin_turn(&self) {
        self.shards.borrow().iter().for_each(ShardHandle::begin_turn);
    }

    /// The turn is over.
    pub fn end_turn(&self) {
        self.shards.borrow().iter().for_each(ShardHandle::end_turn);
    }

    /// Does what the connections of this thread were told. Returns whether there is something for a turn to do.
    pub fn flush_local(&self) -> bool {
        let has_news = self.streams().serve();
        self.inline().as_mut().is_some_and(Inline::flush) || has_news
    }

    /// When the connections of this thread are to be looked at although nothing happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        let inline = self.inline().as_ref().and_then(Inline::next_deadline);
        self.streams().next_deadline().into_iter().chain(inline).min()
    }

    /// What all connections were told has been done, and sent as far as the kernel takes it.
    pub fn flush(&self) {
        self.shards.borrow().iter().for_each(ShardHandle::flush);
        self.flush_local();
    }

    /// Accepts connections. Returns the server's number.
    ///
    /// # Errors
    /// When the system gives no thread or no descriptor: then nobody accepts.
    pub fn listen(&self, on: On, bound: Bound, config: ServerConfig) -> io::Result<u32> {
        let id = self.new_id();
        match (on, &mut *self.inline()) {
            (On::Inline, Some(inline)) => inline.listen(id, bound, config)?,
            _ => {
                if let Some((last, others)) = self.start_shards(on)?.split_last() {
                    // All of them or none.
                    let handles = others.iter().map(|_| bound.try_clone()).collect::<io::Result<Vec<_>>>()?;
                    for (shard, bound) in others.iter().zip(handles) {
                        shard.listen(id, bound, config.clone());
                    }
                    last.listen(id, bound, config);
                }
            }
        }
        Ok(id)
    }

    /// A server that does not listen: its connections are adopted. Returns its number.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn serve(&self, on: On, config: ServerConfig) -> io::Result<u32> {
        let id = self.new_id();
        match (on, &mut *self.inline()) {
            (On::Inline, Some(inline)) => inline.add_server(id, config),
            (On::Streams, _) => self.streams().add_server(id, config),
            _ => self.start_shards(on)?.iter().for_each(|shard| shard.serve(id, config.clone())),
        }
        Ok(id)
    }

    /// Waits for a connection under way; what comes of it is told with `token`, which chooses the thread if nobody has.
    ///
    /// # Errors
    /// When the kernel cannot watch the socket, the system gives no thread, or there is none of that number.
    pub fn connect(&self, on: On, connecting: StdStream, token: u32) -> io::Result<()> {
        match (on, &mut *self.inline()) {
            (On::Inline, Some(inline)) => inline.connect(connecting, token),
            _ => {
                self.pick(on, token)?.connect(connecting, token);
                Ok(())
            }
        }
    }

    /// Gives up on a connection under way, if it still is.
    pub fn abandon(&self, token: u32) {
        self.shards.borrow().iter().for_each(|shard| shard.abandon(token));
        if let Some(inline) = &mut *self.inline() {
            inline.abandon(token);
        }
    }

    /// A server's settings change.
    pub fn configure(&self, id: u32, config: ServerConfig) {
        self.shards.borrow().iter().for_each(|shard| shard.configure(id, config.clone()));
        if let Some(inline) = &mut *self.inline() {
            inline.configure(id, config.clone());
        }
        self.streams().configure(id, config);
    }

    /// Stops accepting: when this returns, the port is free.
    pub fn close_listener(&self, id: u32) {
        let shards = self.shards.borrow();
        let closing: Vec<_> = shards.iter().map(|shard| (shard, shard.close_listener(id))).collect();
        closing.iter().for_each(|(shard, closed)| shard.await_closed(closed));
        if let Some(inline) = &mut *self.inline() {
            inline.close_listener(id);
        }
        self.streams().remove_server(id);
    }

    /// What there is; waits for the threads.
    pub fn census(&self) -> Census {
        let mut sum = Census::default();
        for census in self.shards.borrow().iter().filter_map(ShardHandle::census) {
            sum.add(&census);
        }
        if let Some(inline) = &*self.inline() {
            sum.add(&inline.census());
        }
        sum.add(&self.streams().census());
        let (undelivered, blocks) = self.events.waiting();
        sum.undelivered += undelivered as u32;
        sum.blocks += blocks as u32;
        sum
    }

    fn new_id(&self) -> u32 {
        self.next_id.replace(self.next_id.get() + 1)
    }

    /// The shards that are meant, at least one and at most as many as there may be; those that are missing are started, except for one that was
    /// named.
    fn start_shards(&self, on: On) -> io::Result<Ref<'_, [ShardHandle]>> {
        let meant = match on {
            On::Inline | On::Streams => 0..1,
            On::Threads(threads) => 0..threads.clamp(1, streams::NUMBER - 1) as usize,
            On::Thread(number) => {
                let at = number.checked_sub(1).ok_or(io::ErrorKind::NotFound)? as usize;
                return Ref::filter_map(self.shards.borrow(), |shards| shards.get(at..at + 1))
                    .map_err(|_| io::ErrorKind::NotFound.into());
            }
        };
        {
            let mut shards = self.shards.borrow_mut();
            while shards.len() < meant.end {
                let number = shards.len() as u32 + 1;
                shards.push(ShardHandle::start(self.events.clone(), number)?);
            }
        }
        Ok(Ref::map(self.shards.borrow(), |shards| shards.get(meant).unwrap_or_default()))
    }

    /// One of the shards that are meant; `by` chooses.
    pub(super) fn pick(&self, on: On, by: u32) -> io::Result<Ref<'_, ShardHandle>> {
        let shards = self.start_shards(on)?;
        Ref::filter_map(shards, |shards| shards.get(by as usize % shards.len().max(1)))
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

    /// Ends the drivers of this thread; what has been dispatched before is sent as far as the kernel takes it.
    pub fn stop_local(&self) {
        self.streams().stop();
        let inline = self.inline.take();
        if let Some(mut inline) = inline {
            inline.stop();
        }
    }

    /// Every thread panics, `in_task`: where the runtime would catch that.
    #[cfg(debug_assertions)]
    pub fn panic_on_threads(&self, in_task: bool) {
        self.shards.borrow().iter().for_each(|shard| shard.panic(in_task));
    }
}
