//! The threads driver. A shard: one thread with a tokio current-thread runtime that accepts, reads, parses and writes its
//! connections. Commands come through a queue, one wake a batch; what the connections say is left at the port once a turn of the
//! runtime.

pub mod stream;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::io::{self, Write as _};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::pin;
use std::rc::Rc;
use std::sync::{mpsc, Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::LocalSet;

use self::stream::Stream;
use super::blocks::OwnedBlocks;
use super::census::Census;
use super::command::{Target, Write};
use super::connection::Copied;
use super::connections::{Connections, ACCEPT_REST};
use super::connector;
use super::event::Peer;
use super::listener::Bound;
use super::platform::runtime::UnixListener;
use super::port::{lock, Port};
use super::server::{Server, ServerConfig};
use super::std_stream::StdStream;
use super::transport::Transport;

/// Bytes of records after which a turn's events leave before the turn is over.
const OUTBOX: usize = 16 * 1024;

/// What is asked of a shard.
enum Message {
    /// Packed commands.
    Records(Vec<u8>),
    /// A write with a large payload.
    Large {
        write: Write,
        data: Vec<u8>,
    },
    Listen {
        id: u32,
        bound: Bound,
        config: ServerConfig,
    },
    Serve {
        id: u32,
        config: ServerConfig,
    },
    Adopt {
        id: u32,
        accepted: StdStream,
    },
    Configure {
        id: u32,
        config: ServerConfig,
    },
    CloseListener {
        id: u32,
        /// Dropped once the listener is closed.
        done: mpsc::Sender<()>,
    },
    Connect {
        connecting: StdStream,
        token: u32,
    },
    Abandon {
        token: u32,
    },
    /// A copy of a connection's socket, for whoever waits for it.
    Copy {
        target: Target,
        stays: bool,
        copied: mpsc::Sender<io::Result<Copied>>,
    },
    /// What there is, for whoever waits for it.
    Census(mpsc::Sender<Census>),
    /// Dropped once everything before it has been done and tried to be sent.
    Flush(mpsc::Sender<()>),
    Stop,
    /// In the inbox, or in a task.
    #[cfg(debug_assertions)]
    Panic(bool),
}

struct Inbox {
    messages: Mutex<Vec<Message>>,
    notify: Notify,
}

/// The way to a shard, and its thread.
pub struct ShardHandle {
    inbox: Arc<Inbox>,
    thread: Option<JoinHandle<()>>,
    /// Whether the shard is not woken for what it is told, and the bytes it has not been woken for.
    holding: Cell<bool>,
    held: Cell<usize>,
}

/// How often the wait for a thread looks whether that still runs.
const STOPPED_CHECK: Duration = Duration::from_millis(50);

/// Between deadlines that have passed together: JavaScript deals with a few of them and with who asks meanwhile.
const LOOK_REST: Duration = Duration::from_millis(1);

/// Bytes of commands and payloads that wait for the end of a turn; with more the shard begins while the turn goes on.
const HOLD: usize = 16 * 1024;

impl ShardHandle {
    /// Starts the shard with that number: its connections' indices are `number` modulo [`super::connections::STRIDE`].
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn start(port: Arc<Port>, number: u32) -> io::Result<ShardHandle> {
        let inbox = Arc::new(Inbox { messages: Mutex::default(), notify: Notify::new() });
        let for_thread = inbox.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .on_thread_park(|| CURRENT.with_borrow(|shard| shard.iter().for_each(|shard| shard.turn_over())))
            .build()?;
        let thread = std::thread::Builder::new().name(format!("turnout-{number}")).spawn(move || {
            or_abort(|| {
                let shard = Rc::new(Shard::new(port, for_thread, number));
                CURRENT.with_borrow_mut(|current| *current = Some(shard.clone()));
                LocalSet::new().block_on(&runtime, shard.clone().run());
                shard.stop();
                CURRENT.with_borrow_mut(|current| *current = None);
            });
        })?;
        Ok(ShardHandle { inbox, thread: Some(thread), holding: Cell::default(), held: Cell::default() })
    }

    fn send(&self, message: Message) {
        lock(&self.inbox.messages).push(message);
        self.inbox.notify.notify_one();
    }

    /// A turn of JavaScript's begins: what connections are told is done when it is over, with one wake-up.
    pub fn hold(&self) {
        self.holding.set(true);
    }

    /// The turn is over.
    pub fn release(&self) {
        self.holding.set(false);
        if self.held.take() > 0 {
            self.inbox.notify.notify_one();
        }
    }

    /// Returns when what connections were told before has been done, and sent as far as the kernel takes it.
    pub fn flush(&self) {
        let (done, flushed) = mpsc::channel();
        self.send(Message::Flush(done));
        // Nothing is ever sent: the wait ends when the other end is gone.
        self.answer(&flushed);
    }

    /// What the thread answers; `None` when it lets go of the other end, or has ended and left that in the inbox.
    fn answer<T>(&self, receiver: &mpsc::Receiver<T>) -> Option<T> {
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            match receiver.recv_timeout(STOPPED_CHECK) {
                Ok(answer) => return Some(answer),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }

    /// The shard has `bytes` more to do.
    fn wake(&self, bytes: usize) {
        let held = self.held.get() + bytes;
        if self.holding.get() && held < HOLD {
            self.held.set(held);
        } else {
            self.held.set(0);
            self.inbox.notify.notify_one();
        }
    }

    /// Packed commands, all for this shard's connections.
    pub fn commands(&self, records: &[u8]) {
        let mut messages = lock(&self.inbox.messages);
        match messages.last_mut() {
            Some(Message::Records(last)) => last.extend_from_slice(records),
            _ => messages.push(Message::Records(records.to_vec())),
        }
        drop(messages);
        self.wake(records.len());
    }

    /// One write with a large payload.
    pub fn large(&self, write: Write, data: Vec<u8>) {
        let bytes = data.len();
        lock(&self.inbox.messages).push(Message::Large { write, data });
        self.wake(bytes);
    }

    /// Accepts connections of server `id`.
    pub fn listen(&self, id: u32, bound: Bound, config: ServerConfig) {
        self.send(Message::Listen { id, bound, config });
    }

    /// A server without a listener: its connections are adopted.
    pub fn serve(&self, id: u32, config: ServerConfig) {
        self.send(Message::Serve { id, config });
    }

    /// Takes in a connection of server `id` that somebody else has accepted.
    pub fn adopt(&self, id: u32, accepted: StdStream) {
        self.send(Message::Adopt { id, accepted });
    }

    /// Changes a server's configuration.
    pub fn configure(&self, id: u32, config: ServerConfig) {
        self.send(Message::Configure { id, config });
    }

    /// Stops accepting; connections live on. [`Self::await_closed`] takes what is returned.
    pub fn close_listener(&self, id: u32) -> mpsc::Receiver<()> {
        let (done, closed) = mpsc::channel();
        self.send(Message::CloseListener { id, done });
        closed
    }

    /// Returns when the listener is closed: its port is free for whoever listens next.
    pub fn await_closed(&self, closed: &mpsc::Receiver<()>) {
        // Nothing is ever sent: the wait ends when the other end is gone.
        self.answer(closed);
    }

    /// Waits for a connection under way; what comes of it is told with `token`.
    pub fn connect(&self, connecting: StdStream, token: u32) {
        self.send(Message::Connect { connecting, token });
    }

    /// Gives up on a connection under way, if it still is.
    pub fn abandon(&self, token: u32) {
        self.send(Message::Abandon { token });
    }

    /// A copy of a connection's socket, behind all that has been asked; waits for the thread. See [`Connections::copy`].
    ///
    /// # Errors
    /// As there; `WouldBlock`, too, while bytes of the stream wait to be taken by JavaScript.
    pub fn copy(&self, target: Target, stays: bool) -> io::Result<Copied> {
        let (copied, receiver) = mpsc::channel();
        self.send(Message::Copy { target, stays, copied });
        self.answer(&receiver).unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))
    }

    /// What there is, behind all that has been asked; waits for the thread. `None` when that has ended.
    pub fn census(&self) -> Option<Census> {
        let (sender, receiver) = mpsc::channel();
        self.send(Message::Census(sender));
        self.answer(&receiver)
    }

    /// The thread will end as [`Self::stop`] says; that waits for it.
    pub fn ask_to_stop(&self) {
        self.send(Message::Stop);
    }

    /// Applies what has been asked, tries once to send what is queued, closes everything and ends the thread.
    pub fn stop(&mut self) {
        self.ask_to_stop();
        if let Some(thread) = self.thread.take() {
            // A shard does not panic and live.
            let _ = thread.join();
        }
    }

    /// The thread panics, `in_task`: where the runtime would catch that.
    #[cfg(debug_assertions)]
    pub fn panic(&self, in_task: bool) {
        self.send(Message::Panic(in_task));
    }
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

/// Ends an accepting task, which then lets go of who waits for that.
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

    /// Before the thread sleeps: what the turn has brought leaves.
    fn turn_over(&self) {
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
            self.turn_over();
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
                    // Who asked may have gone.
                    let _ = copied.send(outcome);
                }
                Message::Census(sender) => {
                    let blocks = self.blocks.borrow().spare() as u32;
                    let connecting = self.connecting.borrow().len() as u32;
                    // Who asked may have gone.
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

    /// A server that is gone, or a runtime without descriptors, lets the connection go.
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
        // A listener the runtime does not take is one it has no descriptors for: the process is past serving.
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
        match connector::outcome(&stream.socket()) {
            Some(0) => return Ok(stream),
            Some(errno) => return Err(io::Error::from_raw_os_error(errno)),
            None => tokio::task::yield_now().await,
        }
    }
}

/// Accepting rests when there is nothing to accept with; an error of one connection is that connection's.
async fn rest(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        tokio::time::sleep(ACCEPT_REST).await;
    }
}
