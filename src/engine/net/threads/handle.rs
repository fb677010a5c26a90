//! The way to a shard, from the JavaScript thread: what is asked of it goes into its inbox, and some of it is waited for.

use std::cell::Cell;
use std::io;
use std::sync::{mpsc, Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Notify;

use crate::engine::net::census::Census;
use crate::engine::net::command::{Target, Write};
use crate::engine::net::connection::Copied;
use crate::engine::net::listener::Bound;
use crate::engine::net::lock::lock;
use crate::engine::net::port::Port;
use crate::engine::net::server::ServerConfig;
use crate::engine::net::std_stream::StdStream;

/// What is asked of a shard.
pub(super) enum Message {
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

pub(super) struct Inbox {
    pub(super) messages: Mutex<Vec<Message>>,
    pub(super) notify: Notify,
}

/// The way to a shard, and its thread.
pub struct ShardHandle {
    inbox: Arc<Inbox>,
    thread: Option<JoinHandle<()>>,
    /// Whether a turn goes on, and how many bytes have been left for the shard during it without waking it.
    in_turn: Cell<bool>,
    unwoken: Cell<usize>,
}

/// How often whoever waits for a thread looks whether that still runs.
const STOPPED_CHECK: Duration = Duration::from_millis(50);

/// Bytes of commands and payloads that wait for the end of a turn; with more the shard begins while the turn goes on.
const WAKE_AT: usize = 16 * 1024;

impl ShardHandle {
    /// Starts the shard with that number: its connections' indices are `number` modulo [`STRIDE`](crate::engine::net::connections::STRIDE).
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn start(port: Arc<Port>, number: u32) -> io::Result<ShardHandle> {
        let inbox = Arc::new(Inbox { messages: Mutex::default(), notify: Notify::new() });
        let for_thread = inbox.clone();
        let thread = super::start(port, for_thread, number)?;
        Ok(ShardHandle { inbox, thread: Some(thread), in_turn: Cell::default(), unwoken: Cell::default() })
    }

    fn send(&self, message: Message) {
        lock(&self.inbox.messages).push(message);
        self.inbox.notify.notify_one();
    }

    /// A turn of JavaScript's begins: what connections are told is done when it is over, with one wake-up.
    pub fn begin_turn(&self) {
        self.in_turn.set(true);
    }

    /// The turn is over.
    pub fn end_turn(&self) {
        self.in_turn.set(false);
        if self.unwoken.take() > 0 {
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

    /// What the thread replies; `None` when it lets go of the other end, or has ended and left that in the inbox.
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
        let unwoken = self.unwoken.get() + bytes;
        if self.in_turn.get() && unwoken < WAKE_AT {
            self.unwoken.set(unwoken);
        } else {
            self.unwoken.set(0);
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

    /// A copy of a connection's socket, after all that has been asked; waits for the thread. See [`Connections::copy`](crate::engine::net::connections::Connections::copy).
    ///
    /// # Errors
    /// As there; `WouldBlock`, too, while bytes of the stream wait to be taken by JavaScript.
    pub fn copy(&self, target: Target, stays: bool) -> io::Result<Copied> {
        let (copied, receiver) = mpsc::channel();
        self.send(Message::Copy { target, stays, copied });
        self.answer(&receiver).unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))
    }

    /// What there is, after all that has been asked; waits for the thread. `None` when that has ended.
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
            // There is no panic to hear of: one on a shard ends the process.
            let _ = thread.join();
        }
    }

    /// The thread panics, `in_task`: where the runtime would catch that.
    #[cfg(debug_assertions)]
    pub fn panic(&self, in_task: bool) {
        self.send(Message::Panic(in_task));
    }
}
