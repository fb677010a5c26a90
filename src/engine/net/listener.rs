//! Accepting connections: one task per listening socket, on the first shard, which deals them out.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

use super::event::Ends;
use super::server::{Bind, Bound, Server};
use super::shard::Shard;
use super::stream::Stream;

/// Rest after an accept that failed for want of descriptors or memory: the connection stays in the backlog, and trying at once
/// would only spin.
const BACK_OFF: Duration = Duration::from_millis(75);
/// Connections accepted before other tasks get their turn.
const ACCEPTS_PER_POLL: usize = 16;

enum Socket {
    Tcp(TcpListener, SocketAddr),
    #[cfg(unix)]
    Unix(UnixListener, Option<String>),
}

/// A listening socket. Dropping the socket inside frees the address at once.
pub(super) struct Listener {
    pub(super) server: Arc<Server>,
    socket: RefCell<Option<Socket>>,
    waker: RefCell<Option<Waker>>,
    /// Whose turn the next connection is.
    next: Cell<u32>,
}

impl Listener {
    pub(super) fn new(server: Arc<Server>, bound: Bound) -> io::Result<Listener> {
        let socket = match bound.kind {
            Bind::Ip(local) => Socket::Tcp(TcpListener::from_std(bound.socket.into())?, local),
            #[cfg(unix)]
            Bind::Path(file) => Socket::Unix(UnixListener::from_std(bound.socket.into())?, file),
            #[cfg(not(unix))]
            Bind::Path(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        Ok(Listener {
            server,
            socket: RefCell::new(Some(socket)),
            waker: RefCell::new(None),
            next: Cell::new(0),
        })
    }

    /// Ends listening; removes a Unix socket's file, as libuv does.
    pub(super) fn close(&self) {
        let socket = self.socket.borrow_mut().take();
        #[cfg(unix)]
        if let Some(Socket::Unix(_, Some(file))) = &socket {
            let _ = std::fs::remove_file(file);
        }
        drop(socket);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Accepts until closed.
    pub(super) async fn run(self: Rc<Self>, shard: Rc<Shard>) {
        while let Some(error) = poll_fn(|cx| self.poll_accept(cx, &shard)).await {
            // ECONNABORTED: that connection is gone, the next may be fine.
            if error.kind() != io::ErrorKind::ConnectionAborted {
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }

    /// Ready with an error that ends this round, or with `None` when closed.
    fn poll_accept(&self, cx: &mut Context<'_>, shard: &Rc<Shard>) -> Poll<Option<io::Error>> {
        for _ in 0..ACCEPTS_PER_POLL {
            let socket = self.socket.borrow();
            let accepted = match &*socket {
                None => return Poll::Ready(None),
                Some(Socket::Tcp(listener, local)) => match listener.poll_accept(cx) {
                    Poll::Ready(Ok((stream, peer))) => {
                        let ends = tcp_ends(&stream, peer, *local);
                        Ok((Stream::Tcp(stream), ends))
                    }
                    Poll::Ready(Err(error)) => Err(error),
                    Poll::Pending => {
                        *self.waker.borrow_mut() = Some(cx.waker().clone());
                        return Poll::Pending;
                    }
                },
                #[cfg(unix)]
                Some(Socket::Unix(listener, _)) => match listener.poll_accept(cx) {
                    Poll::Ready(Ok((stream, _))) => Ok((Stream::Unix(stream), Ends::default())),
                    Poll::Ready(Err(error)) => Err(error),
                    Poll::Pending => {
                        *self.waker.borrow_mut() = Some(cx.waker().clone());
                        return Poll::Pending;
                    }
                },
            };
            match accepted {
                Err(error) => return Poll::Ready(Some(error)),
                Ok((stream, ends)) => self.deal(shard, stream, ends),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn deal(&self, shard: &Rc<Shard>, stream: Stream, ends: Ends) {
        let turn = self.next.get();
        self.next.set(turn.wrapping_add(1));
        shard.place(turn, self.server.clone(), stream, ends);
    }
}

/// The address a wildcard listener was reached at has to be asked for; otherwise it is the listener's own.
fn tcp_ends(stream: &tokio::net::TcpStream, peer: SocketAddr, bound: SocketAddr) -> Ends {
    let local = if bound.ip().is_unspecified() {
        stream.local_addr().unwrap_or(bound)
    } else {
        bound
    };
    Ends {
        family: if peer.is_ipv4() { 4 } else { 6 },
        remote_port: peer.port(),
        local_port: local.port(),
        remote: address_text(peer),
        local: address_text(local),
    }
}

fn address_text(address: SocketAddr) -> String {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
        _ => address.ip().to_string(),
    }
}
