//! The threads driver. A shard: one thread with a tokio current-thread runtime that accepts, reads, parses and writes its
//! connections. Commands come through a queue, one wake a batch; what the connections say is left at the port once a round of the
//! runtime.

mod handle;
pub mod stream;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::io::{self, Write as _};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::pin;
use std::rc::Rc;
use std::sync::{mpsc, Arc};
use std::task::{Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::LocalSet;

use self::handle::{Inbox, Message};
use self::stream::Stream;
use super::blocks::OwnedBlocks;
use super::census::Census;
use super::connections::{Connections, ACCEPT_REST};
use super::connector;
use super::event::Peer;
use super::listener::Bound;
use super::lock::lock;
use super::platform::runtime::UnixListener;
use super::port::Port;
use super::server::Server;
use super::std_stream::StdStream;
use super::transport::Transport;

pub use self::handle::ShardHandle;

/// Bytes of records after which events leave before the round of the runtime is over.
const OUTBOX: usize = 16 * 1024;

/// How long the other deadlines wait, of many that have passed together, while JavaScript deals with the first few and with other connections.
const LOOK_REST: Duration = Duration::from_millis(1);

/// Starts the thread of the shard with that number.
fn start(port: Arc<Port>, inbox: Arc<Inbox>, number: u32) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .on_thread_park(|| CURRENT.with_borrow(|shard| shard.iter().for_each(|shard| shard.round_over())))
        .build()?;
    std::thread::Builder::new().name(format!("turnout-{number}")).spawn(move || {
        or_abort(|| {
            let shard = Rc::new(Shard::new(port, inbox, number));
            CURRENT.with_borrow_mut(|current| *current = Some(shard.clone()));
            LocalSet::new().block_on(&runtime, shard.clone().run());
            shard.stop();
            CURRENT.with_borrow_mut(|current| *current = None);
        });
    })
}

/// Runs what a shard does. A panic ends the process: the connections of the thread would hang for ever, and nobody would know why. The
/// panic hook has written its place; this names the thread once more where somebody has replaced the hook.
fn or_abort<T>(act: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|payload| {
        let said =
            payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("of the threads driver");
        // A closed stderr must not panic again.
        let _ = writeln!(
            io::stderr(),
            "turnout: internal error: thread {name} has panicked, so the process ends: {}",
            said.unwrap_or("no message")
        );
        std::process::abort()
    })
}

/// Starts a task of the shard. The runtime catches what panics in a task, and goes on without it.
fn spawn(task: impl Future<Output = ()> + 'static) {
    tokio::task::spawn_local(async move {
        let mut task = pin!(task);
        std::future::poll_fn(|cx| or_abort(|| task.as_mut().poll(cx))).await;
    });
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Shard>>> = const { RefCell::new(None) };
}

/// Ends an accepting task; when the task has ended, it drops `done`, and whoever waits for that goes on.
#[derive(Default)]
struct Stop {
    notify: Notify,
    done: RefCell<Option<mpsc::Sender<()>>>,
}

struct Shard {
    port: Arc<Port>,
    inbox: Arc<Inbox>,
    connections: RefCell<Connections<Stream>>,
    blocks: RefCell<OwnedBlocks>,
    /// Of the tasks of connections, by slot.
    wakers: RefCell<Vec<Option<Waker>>>,
    /// Ends the accepting task of a server.
    accepting: RefCell<HashMap<u32, Rc<Stop>>>,
    /// Ends the task of a connection under way.
    connecting: RefCell<HashMap<u32, Rc<Notify>>>,
    /// A deadline has come that is earlier than what [`Self::keep_time`] sleeps for.
    sooner: Notify,
    asleep_until: Cell<Option<Instant>>,
    stopping: Cell<bool>,
}

impl Shard {
    fn new(port: Arc<Port>, inbox: Arc<Inbox>, number: u32) -> Self {
        Self {
            connections: RefCell::new(Connections::new(number, port.clone())),
            port,
            inbox,
            blocks: RefCell::default(),
            wakers: RefCell::default(),
            accepting: RefCell::default(),
            connecting: RefCell::default(),
            sooner: Notify::new(),
            asleep_until: Cell::new(None),
            stopping: Cell::new(false),
        }
    }

    /// Before the thread sleeps: what the round has brought leaves.
    fn round_over(&self) {
        let connections = &mut *self.connections.borrow_mut();
        let blocks = &mut *self.blocks.borrow_mut();
        if !blocks.kept.is_empty() {
            connections.outbox.blocks.append(&mut blocks.kept);
            self.port.take_spare(blocks);
        }
        self.port.put(&mut connections.outbox);
    }

    fn leave_early(&self) {
        if self.connections.borrow().outbox.records.len() >= OUTBOX {
            self.round_over();
        }
    }

    /// Wakes the tasks of connections that want to be polled, and the timekeeper when a deadline has moved forward.
    fn after(&self) {
        let connections = &mut *self.connections.borrow_mut();
        let wakers = self.wakers.borrow();
        for at in connections.woken.drain(..) {
            if let Some(Some(waker)) = wakers.get(at as usize) {
                waker.wake_by_ref();
            }
        }
        let sleeps_past = |at: Instant| self.asleep_until.get().is_none_or(|until| at < until);
        if connections.next_deadline().is_some_and(sleeps_past) {
            self.sooner.notify_one();
        }
    }

    async fn run(self: Rc<Self>) {
        spawn(self.clone().keep_time());
        while !self.stopping.get() {
            self.inbox.notify.notified().await;
            self.serve_inbox();
        }
    }

    fn serve_inbox(self: &Rc<Self>) {
        let messages = std::mem::take(&mut *lock(&self.inbox.messages));
        self.connections.borrow_mut().tick();
        let mut adopted = Vec::new();
        let mut flushing = Vec::new();
        for message in messages {
            let connections = &mut *self.connections.borrow_mut();
            match message {
                Message::Records(records) => connections.apply_records(&records),
                Message::Large { write, data } => connections.write_large(&write, data),
                Message::Listen { id, bound, config } => {
                    let server = connections.add_server(id, config, Some(&bound));
                    self.listen(bound, server);
                }
                Message::Serve { id, config } => {
                    connections.add_server(id, config, None);
                }
                Message::Adopt { id, accepted } => adopted.push((id, accepted)),
                Message::Configure { id, config } => connections.configure(id, config),
                Message::CloseListener { id, done } => {
                    connections.remove_server(id);
                    if let Some(stop) = self.accepting.borrow_mut().remove(&id) {
                        stop.done.replace(Some(done));
                        stop.notify.notify_one();
                    }
                }
                Message::Connect { connecting, token } => self.connect(connecting, token),
                Message::Abandon { token } => {
                    if let Some(stop) = self.connecting.borrow_mut().remove(&token) {
                        stop.notify_one();
                    }
                }
                Message::Copy { target, stays, copied } => {
                    let outcome = if !stays && self.port.has_stream_of(target.index) {
                        Err(io::ErrorKind::WouldBlock.into())
                    } else {
                        connections.copy(target, stays)
                    };
                    // Whoever asked may have gone.
                    let _ = copied.send(outcome);
                }
                Message::Census(sender) => {
                    let blocks = self.blocks.borrow().spare() as u32;
                    let connecting = self.connecting.borrow().len() as u32;
                    // Whoever asked may have gone.
                    let _ = sender.send(Census { blocks, connecting, ..connections.census() });
                }
                Message::Flush(done) => flushing.push(done),
                Message::Stop => self.stopping.set(true),
                #[cfg(debug_assertions)]
                Message::Panic(false) => panic!("asked to panic"),
                #[cfg(debug_assertions)]
                Message::Panic(true) => spawn(async { panic!("asked to panic in a task") }),
            }
        }
        self.connections.borrow_mut().flush_dirty();
        drop(flushing);
        for (id, accepted) in adopted {
            self.adopt(id, accepted);
        }
        self.after();
        self.leave_early();
    }

    /// Where the server has gone, or the runtime has no descriptors left, the connection is closed.
    fn adopt(self: &Rc<Self>, id: u32, accepted: StdStream) {
        let Some(server) = self.connections.borrow().server(id) else { return };
        let Ok(stream) = Stream::try_from(accepted) else { return };
        let peer = stream.peer(None, None);
        self.admit(stream, &peer, &server);
    }

    fn listen(self: &Rc<Self>, bound: Bound, server: Rc<Server>) {
        let stop = Rc::new(Stop::default());
        self.accepting.borrow_mut().insert(server.id, stop.clone());
        let shard = self.clone();
        spawn(async move {
            tokio::select! {
                biased;
                () = stop.notify.notified() => {}
                () = shard.accept(bound, server) => {}
            }
            // The listener is gone.
            drop(stop.done.take());
        });
    }

    async fn accept(self: Rc<Self>, bound: Bound, server: Rc<Server>) {
        let local = bound.local_addr().filter(|address| !address.ip().is_unspecified());
        // The runtime refuses a listener only when the process has no descriptors left for it: then nobody can be served.
        match bound {
            Bound::Tcp(listener) => {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                loop {
                    match listener.accept().await {
                        Ok((stream, remote)) => {
                            let stream = Stream::from(stream);
                            let peer = stream.peer(Some(remote), local);
                            self.admit(stream, &peer, &server);
                        }
                        Err(error) => rest(&error).await,
                    }
                }
            }
            Bound::Unix(listener) => {
                let Ok(listener) = UnixListener::from_std(listener) else { return };
                loop {
                    match listener.accept().await {
                        Ok((stream, _)) => self.admit(stream.into(), &Peer::default(), &server),
                        Err(error) => rest(&error).await,
                    }
                }
            }
        }
    }

    fn connect(self: &Rc<Self>, connecting: StdStream, token: u32) {
        let stop = Rc::new(Notify::new());
        self.connecting.borrow_mut().insert(token, stop.clone());
        let shard = self.clone();
        spawn(async move {
            let outcome = tokio::select! {
                biased;
                () = stop.notified() => return,
                outcome = established(connecting) => outcome,
            };
            shard.connecting.borrow_mut().remove(&token);
            match outcome {
                Ok(stream) => {
                    let peer = stream.peer(None, None);
                    shard.admit_with(|connections| connections.admit_outgoing(stream, &peer, token));
                }
                Err(error) => {
                    let errno = error.raw_os_error().unwrap_or(0);
                    shard.connections.borrow_mut().outbox.connected(token, Err(errno));
                }
            }
        });
    }

    fn admit(self: &Rc<Self>, stream: Stream, peer: &Peer, server: &Rc<Server>) {
        self.admit_with(|connections| connections.admit(stream, peer, server));
    }

    fn admit_with(self: &Rc<Self>, admit: impl FnOnce(&mut Connections<Stream>) -> u32) {
        let at = {
            let connections = &mut *self.connections.borrow_mut();
            connections.tick();
            admit(connections)
        };
        let wakers = &mut *self.wakers.borrow_mut();
        if wakers.len() <= at as usize {
            wakers.resize(at as usize + 1, None);
        }
        wakers[at as usize] = None;
        spawn(self.clone().serve(at));
    }

    /// The task of the connection in a slot.
    async fn serve(self: Rc<Self>, at: u32) {
        std::future::poll_fn(|cx| {
            {
                let mut wakers = self.wakers.borrow_mut();
                let Some(waker) = wakers.get_mut(at as usize) else { return Poll::Ready(()) };
                if waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
                    *waker = Some(cx.waker().clone());
                }
            }
            let polled = {
                let connections = &mut *self.connections.borrow_mut();
                connections.tick();
                connections.poll(at, cx, &mut *self.blocks.borrow_mut())
            };
            if polled == Poll::Pending {
                self.after();
            }
            self.leave_early();
            polled
        })
        .await;
    }

    async fn keep_time(self: Rc<Self>) {
        loop {
            let next = self.connections.borrow().next_deadline();
            self.asleep_until.set(next);
            let Some(next) = next else {
                self.sooner.notified().await;
                continue;
            };
            tokio::select! {
                () = tokio::time::sleep_until(next.into()) => {
                    let now = Instant::now();
                    self.connections.borrow_mut().look(now);
                    self.after();
                    if self.connections.borrow().next_deadline().is_some_and(|at| at <= now) {
                        tokio::time::sleep(LOOK_REST).await;
                    }
                }
                () = self.sooner.notified() => {}
            }
        }
    }

    /// The environment is going: one attempt to send what is queued, then everything closes.
    fn stop(self: &Rc<Self>) {
        self.serve_inbox();
        self.connections.borrow_mut().stop();
    }
}

/// Waits until a socket has connected, or cannot.
async fn established(connecting: StdStream) -> io::Result<Stream> {
    let stream = Stream::try_from(connecting)?;
    loop {
        stream.writable().await?;
        match connector::outcome(&stream.sock_ref()) {
            Some(0) => return Ok(stream),
            Some(errno) => return Err(io::Error::from_raw_os_error(errno)),
            None => tokio::task::yield_now().await,
        }
    }
}

/// Accepting rests when no descriptor is left; an error that concerns only the connection to be accepted does not stop it.
async fn rest(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        tokio::time::sleep(ACCEPT_REST).await;
    }
}
