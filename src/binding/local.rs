//! What only the inline driver needs of a crossing: the loop that calls, the memory that is read into, the alarm for the next deadline, and the
//! scope that JavaScript runs in when the loop calls.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use napi::bindgen_prelude::{Function, JsValue, Unknown};
use napi::{sys, Env, Result};

use super::engine::Engine;
use super::event_loop::{Loop, OnReady};
use super::exception::clear_exception;
use super::life::HomeFunction;
use super::memory::Referenced;
use super::scope::{with_handles, AsyncScope};
use super::shortage::lacks_memory;
use super::slabs::Slabs;
use crate::engine::net::blocks::LentBlocks;
use crate::engine::net::event::Batch;
use crate::engine::net::inline::Inline;

/// See the module.
pub struct Local {
    /// `None` where there is none to be had.
    event_loop: Option<Loop>,
    make_slab: HomeFunction<u32, Unknown<'static>>,
    slabs: RefCell<Slabs>,
    /// What the alarm is set to.
    alarm: Cell<Option<Instant>>,
    /// While the port is kept, since the loop has first called.
    scope: RefCell<Option<Rc<AsyncScope>>>,
}

impl Local {
    /// `slab` makes a buffer to read into.
    ///
    /// # Errors
    /// What N-API says when it cannot make a reference.
    pub fn new(env: Env, event_loop: Option<Loop>, slab: &Function<'_, u32, Unknown<'static>>) -> Result<Self> {
        Ok(Self {
            event_loop,
            make_slab: HomeFunction::new(env, slab)?,
            slabs: RefCell::default(),
            alarm: Cell::new(None),
            scope: RefCell::default(),
        })
    }

    /// Who is called by the loop.
    pub fn set_target(&self, target: Rc<impl OnReady + 'static>) {
        if let Some(event_loop) = &self.event_loop {
            event_loop.set_target(target);
        }
    }

    /// Whether the loop keeps the process alive.
    pub fn set_ref(&self, on: bool) {
        if let Some(event_loop) = &self.event_loop {
            event_loop.set_ref(on);
        }
    }

    /// Asks for a call in the loop's next round. Returns whether there will be one.
    pub fn soon(&self) -> bool {
        self.event_loop.as_ref().is_some_and(Loop::soon)
    }

    /// What the inline driver is called for will be closed.
    pub fn unwatch(&self) {
        if let Some(event_loop) = &self.event_loop {
            event_loop.unwatch();
        }
    }

    /// The loop calls no more.
    pub fn close(&self) {
        if let Some(event_loop) = &self.event_loop {
            event_loop.close();
        }
    }

    /// What would keep the realm alive goes.
    pub fn rest(&self) {
        self.leave_scope();
        *self.slabs.borrow_mut() = Slabs::default();
    }

    /// The environment goes, or nobody will be called.
    pub fn leave_scope(&self) {
        self.scope.take();
    }

    /// Runs what the loop has called for.
    pub fn run(&self, env: sys::napi_env, act: impl FnOnce()) {
        with_handles(env, || {
            let made = self.scope.borrow().clone();
            let Some(scope) = made.or_else(|| AsyncScope::open(env).ok().map(Rc::new)) else { return };
            *self.scope.borrow_mut() = Some(scope.clone());
            scope.run(act);
        });
    }

    /// How many slabs there are.
    pub fn slabs(&self) -> usize {
        self.slabs.borrow().count()
    }

    /// Whether the inline driver runs; the first who asks starts it.
    pub fn has_inline(&self, engine: &Engine) -> bool {
        if engine.inline().is_some() {
            return true;
        }
        let Some(event_loop) = &self.event_loop else { return false };
        let Ok(inline) = Inline::new(engine.events.clone()) else { return false };
        if !event_loop.watch(inline.descriptor()) {
            return false;
        }
        *engine.inline() = Some(inline);
        true
    }

    /// What inline connections have said. JavaScript has been told all that was in the `batch`.
    pub fn take(&self, engine: &Engine, batch: &mut Batch) {
        if engine.inline().is_none() {
            return;
        }
        self.slabs.borrow_mut().deliver();
        if let Some(inline) = &mut *engine.inline() {
            inline.give_outbox(batch);
        }
    }

    /// Inline connections read and parse.
    pub fn turn(&self, engine: &Engine, env: sys::napi_env) {
        if engine.inline().is_none() {
            return;
        }
        self.lend(engine, env, |inline, blocks| inline.turn(blocks));
    }

    /// What JavaScript has commanded leaves, and connections that can go on because of it do.
    pub fn serve(&self, engine: &Engine, env: sys::napi_env) {
        engine.flush_local();
        if !engine.inline().as_ref().is_some_and(Inline::has_more) {
            return;
        }
        self.lend(engine, env, |inline, blocks| inline.serve(blocks));
    }

    /// Lets the driver `act` with slabs to read into.
    fn lend(&self, engine: &Engine, env: sys::napi_env, act: impl FnOnce(&mut Inline, &mut LentBlocks<'_>)) {
        self.supply(env);
        let mut slabs = self.slabs.borrow_mut();
        let mut blocks = slabs.lend();
        if let Some(inline) = &mut *engine.inline() {
            act(inline, &mut blocks);
        }
    }

    /// JavaScript makes the slabs that the driver will want, while nothing of it is borrowed.
    fn supply(&self, env: sys::napi_env) {
        let env = Env::from_raw(env);
        loop {
            let Some(number) = self.slabs.borrow_mut().wanted() else { return };
            let slab = (!lacks_memory())
                .then(|| self.make_slab.borrow_back(&env).and_then(|make| make.call(number)).ok())
                .flatten()
                .and_then(|slab| Referenced::new(env, slab.raw()));
            let made = slab.is_some();
            self.slabs.borrow_mut().supply(number, slab);
            if !made {
                // There was no memory, and JavaScript threw: what is to be read waits.
                clear_exception(&env);
                return;
            }
        }
    }

    /// The loop calls again when the next deadline may have passed. Without a loop to ask the caller must see to that: so much later.
    pub fn set_alarm(&self, engine: &Engine) -> Option<Duration> {
        let at = engine.next_deadline()?;
        if self.alarm.get().is_some_and(|set| set <= at) {
            return None;
        }
        self.alarm.set(Some(at));
        let delay = at.saturating_duration_since(Instant::now());
        match &self.event_loop {
            Some(event_loop) => {
                event_loop.alarm(delay);
                None
            }
            None => Some(delay),
        }
    }

    /// Whether there is a loop that calls.
    pub fn has_loop(&self) -> bool {
        self.event_loop.is_some()
    }

    /// The alarm has gone off.
    pub fn alarm_is_over(&self) {
        self.alarm.set(None);
    }
}
