//! The loop where the platform has none that a descriptor of ours could be watched by: a type without values.

use std::rc::Rc;
use std::time::Duration;

use napi::sys;

use super::OnReady;

/// See the module.
pub enum Loop {}

/// Nobody wakes it.
pub enum Waker {}

impl Waker {
    pub fn wake(&self) {
        match *self {}
    }
}

impl Loop {
    pub fn open(_: sys::napi_env) -> Option<Self> {
        None
    }

    pub fn set_target(&self, _: Rc<dyn OnReady>) {
        match *self {}
    }

    pub fn watch(&self, _: i32) -> bool {
        match *self {}
    }

    pub fn unwatch(&self) {
        match *self {}
    }

    pub fn alarm(&self, _: Duration) {
        match *self {}
    }

    pub fn soon(&self) -> bool {
        match *self {}
    }

    pub fn waker(&self) -> Waker {
        match *self {}
    }

    pub fn set_ref(&self, _: bool) {
        match *self {}
    }

    pub fn close(&self) {
        match *self {}
    }
}
