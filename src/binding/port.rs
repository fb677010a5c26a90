//! The class JavaScript makes one of per environment.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::{Buffer, Either, Function, Uint8Array};
use napi::{Env, Result};
use napi_derive::napi;

use super::convert::{Config, ListenOptions, Listening, EINVAL};
use super::turn::Crossing;
use crate::engine::net::command;
use crate::engine::net::listener::bind;
use crate::engine::net::port::Port as EventPort;
use crate::engine::net::shard::ShardHandle;

/// The engine as one JavaScript environment reaches it.
pub struct Engine {
    /// Where events are left.
    pub events: Arc<EventPort>,
    shards: RefCell<Vec<ShardHandle>>,
    next_id: Cell<u32>,
}

impl Engine {
    /// Nothing runs until something listens.
    pub fn new(events: Arc<EventPort>) -> Self {
        Self { events, shards: RefCell::default(), next_id: Cell::new(1) }
    }

    /// Hands packed commands to the shards of their connections.
    pub fn dispatch(&self, records: &[u8]) {
        let shards = self.shards.borrow();
        match &shards[..] {
            [] => {}
            [only] => only.commands(records),
            several => {
                let mut rest = records;
                while let Some((command, record)) = command::next(&mut rest) {
                    several[command.index as usize % several.len()].commands(record);
                }
            }
        }
    }

    fn start(&self) -> std::io::Result<()> {
        let mut shards = self.shards.borrow_mut();
        if !shards.is_empty() {
            return Ok(());
        }
        let of = shard_count();
        for number in 0..of {
            shards.push(ShardHandle::start(self.events.clone(), number, of)?);
        }
        Ok(())
    }

    /// Ends the threads; what has been dispatched before is done first.
    pub fn stop(&self) {
        for shard in self.shards.borrow_mut().iter_mut() {
            shard.stop();
        }
    }
}

/// `TURNOUT_THREADS`, or one thread on machines of one or two cores, where the JavaScript thread needs the other one.
fn shard_count() -> u32 {
    if let Some(n) = std::env::var("TURNOUT_THREADS").ok().and_then(|text| text.parse::<u32>().ok()) {
        return n.clamp(1, 64);
    }
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    cores.saturating_sub(1).clamp(1, 4)
}

/// The engine's side of `lib/binding.js`.
#[napi]
pub struct Port {
    engine: Rc<Engine>,
    crossing: Rc<Crossing>,
}

#[napi]
impl Port {
    /// `inbound` takes events, `outbound` has commands; `turn(bytes, blobs)` returns how many bytes of commands it wrote.
    #[napi(constructor)]
    pub fn new(env: Env, inbound: Buffer, outbound: Buffer, turn: Function<'_, (i32,), i32>) -> Result<Self> {
        let crossing = Crossing::open(env, inbound, outbound, turn)?;
        Ok(Self { engine: crossing.engine(), crossing })
    }

    /// The first `bytes` of `outbound` are commands.
    #[napi]
    pub fn flush(&self, bytes: u32) {
        self.crossing.dispatch(bytes as usize);
    }

    /// A write with a large payload; copied once, inside this call. `now`: ahead of every response that has not begun.
    #[napi]
    #[allow(clippy::too_many_arguments)]
    pub fn send(
        &self,
        now: bool,
        index: u32,
        generation: u32,
        seq: u32,
        flags: u32,
        head_length: u32,
        data: Uint8Array,
    ) {
        let shards = self.engine.shards.borrow();
        if shards.is_empty() {
            return;
        }
        let shard = &shards[index as usize % shards.len()];
        let data = data.to_vec();
        let head_length = (head_length as usize).min(data.len());
        shard.large(index, generation, seq, flags, head_length, data, now);
    }

    /// Listens; a negative errno when the system refuses.
    #[napi]
    pub fn listen(&self, options: ListenOptions, config: Config) -> Either<Listening, i32> {
        match self.try_listen(&options, &config) {
            Ok(listening) => Either::A(listening),
            Err(error) => Either::B(-error.raw_os_error().unwrap_or(EINVAL)),
        }
    }

    fn try_listen(&self, options: &ListenOptions, config: &Config) -> std::io::Result<Listening> {
        let bound = bind(&options.endpoint()?, options.backlog)?;
        self.engine.start()?;
        let local = bound.local_addr();
        let id = self.engine.next_id.replace(self.engine.next_id.get() + 1);
        let shards = self.engine.shards.borrow();
        let config = config.server_config();
        let last = shards.len() - 1;
        for shard in &shards[..last] {
            shard.listen(id, bound.try_clone()?, config.clone());
        }
        shards[last].listen(id, bound, config);
        Ok(Listening {
            id,
            address: local.map(|address| address.ip().to_string()).unwrap_or_default(),
            port: local.map_or(0, |address| u32::from(address.port())),
            family: local.map_or(0, |address| if address.is_ipv6() { 6 } else { 4 }),
        })
    }

    /// Changes a server's settings; header limits count for connections yet to come.
    #[napi]
    pub fn configure(&self, id: u32, config: Config) {
        for shard in self.engine.shards.borrow().iter() {
            shard.configure(id, config.server_config());
        }
    }

    /// Stops accepting.
    #[napi]
    pub fn close_listener(&self, id: u32) {
        for shard in self.engine.shards.borrow().iter() {
            shard.close_listener(id);
        }
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

    /// Connections the engine has open, for tests that count.
    #[napi]
    pub fn connections(&self) -> u32 {
        self.engine.events.live() as u32
    }
}
