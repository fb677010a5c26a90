//! What native keeps of JavaScript's. A crossing lives as long as its `Port`, and a `Port` as long as JavaScript can reach it, or the
//! engine has something that will still speak to JavaScript (a server, a connection, an attempt to connect): only meanwhile native keeps
//! it alive, and by that the whole realm it was made in. So a realm that has closed what it opened can be collected: jest makes one of each
//! test file.

use std::cell::Cell;
use std::ffi::{c_void, CStr};
use std::marker::PhantomData;
use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, Function, JsValue, JsValuesTupleIntoVec, Object, Unknown};
use napi::{sys, Env, Error, Result, Status};

use super::memory::Place;

/// N-API's answer as a Result.
pub fn check(status: sys::napi_status) -> Result<()> {
    if status == sys::Status::napi_ok {
        Ok(())
    } else {
        Err(Error::from_status(Status::from(status)))
    }
}

/// A reference that does not keep its value alive. Made, used and dropped on the thread of its environment.
pub struct Weak {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

impl Weak {
    /// # Errors
    /// What N-API says when it has no memory.
    #[allow(unsafe_code)]
    pub fn new(env: Env, value: sys::napi_value) -> Result<Self> {
        let (env, mut reference) = (env.raw(), ptr::null_mut());
        // SAFETY: the caller is called by JavaScript, with a value of that call; the out pointer is a local.
        check(unsafe { sys::napi_create_reference(env, value, 0, &mut reference) })?;
        Ok(Self { env, reference })
    }

    /// The value, alive as long as the handle scope that is open; `None` when it has been collected.
    #[allow(unsafe_code)]
    pub fn value(&self) -> Option<sys::napi_value> {
        let mut value = ptr::null_mut();
        // SAFETY: on the thread of the environment, inside a call of JavaScript's or a handle scope of the caller's; the reference is this
        // object's own, the out pointer a local. A value that is gone leaves it null.
        let status = unsafe { sys::napi_get_reference_value(self.env, self.reference, &mut value) };
        (status == sys::Status::napi_ok && !value.is_null()).then_some(value)
    }
}

impl Drop for Weak {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: on the thread of the environment, at the latest when N-API finalizes the Port, which it does before it goes itself; the
        // reference is this object's own.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

/// The JavaScript `Port`, which has everything native uses of JavaScript's as properties.
pub struct Home {
    port: Weak,
    kept: Cell<bool>,
}

impl Home {
    /// Not kept yet. `properties` of the object, by name, keep what native has only weak references to. They are defined, not set, and
    /// stand in no list: to set an element of an array is to ask Array.prototype, where a program's setter would be shown them.
    ///
    /// # Errors
    /// What N-API says.
    #[allow(unsafe_code)]
    pub fn new(env: Env, port: &Object<'_>, properties: &[(&CStr, sys::napi_value)]) -> Result<Self> {
        let descriptors: Vec<_> = properties
            .iter()
            .map(|&(name, value)| sys::napi_property_descriptor {
                utf8name: name.as_ptr(),
                name: ptr::null_mut(),
                method: None,
                getter: None,
                setter: None,
                value,
                // Neither writable nor configurable: nobody takes it away.
                attributes: sys::PropertyAttributes::default,
                data: ptr::null_mut::<c_void>(),
            })
            .collect();
        // SAFETY: inside a call of JavaScript's, with values of that call; names are C strings that outlive it, and so does the list, which has
        // as many descriptors as is said.
        check(unsafe { sys::napi_define_properties(env.raw(), port.raw(), descriptors.len(), descriptors.as_ptr()) })?;
        Ok(Self { port: Weak::new(env, port.raw())?, kept: Cell::new(false) })
    }

    /// Whether JavaScript still has it. If so, everything native uses lives as long as the handle scope that is open.
    pub fn is_alive(&self) -> bool {
        self.port.value().is_some()
    }

    /// Whether native keeps it alive.
    pub fn is_kept(&self) -> bool {
        self.kept.get()
    }

    /// Keeps it, and the realm it was made in, from being collected, or lets go of it.
    #[allow(unsafe_code)]
    pub fn keep(&self, on: bool) {
        if self.kept.replace(on) == on {
            return;
        }
        let Weak { env, reference } = self.port;
        let mut count = 0;
        // SAFETY: called by JavaScript with the object as `this`, so it has not been collected; the count is one when it is taken away. The
        // out pointer is a local.
        unsafe {
            if on {
                sys::napi_reference_ref(env, reference, &mut count);
            } else {
                sys::napi_reference_unref(env, reference, &mut count);
            }
        }
    }
}

/// A function that lives with its [`Home`].
pub struct HomeFunction<A: JsValuesTupleIntoVec, R: FromNapiValue> {
    function: Weak,
    signature: PhantomData<fn(A) -> R>,
}

impl<A: JsValuesTupleIntoVec, R: FromNapiValue> HomeFunction<A, R> {
    /// # Errors
    /// As [`Weak::new`].
    pub fn new(env: Env, function: &Function<'_, A, R>) -> Result<Self> {
        Ok(Self { function: Weak::new(env, function.raw())?, signature: PhantomData })
    }

    /// The function itself, for as long as the handle scope is open.
    ///
    /// # Errors
    /// When it has been collected.
    #[allow(unsafe_code)]
    pub fn borrow_back<'env>(&self, env: &'env Env) -> Result<Function<'env, A, R>> {
        let value = self.value().ok_or_else(|| Error::from_status(Status::GenericFailure))?;
        // SAFETY: the value is a function of this environment, in the handle scope that is open.
        unsafe { Function::from_napi_value(env.raw(), value) }
    }

    /// As N-API knows it.
    pub fn value(&self) -> Option<sys::napi_value> {
        self.function.value()
    }
}

/// A Buffer that lives with its [`Home`].
pub struct HomeBytes {
    env: Env,
    array: Weak,
}

impl HomeBytes {
    /// # Errors
    /// As [`Weak::new`].
    pub fn new(env: Env, buffer: &Unknown<'_>) -> Result<Self> {
        Ok(Self { env, array: Weak::new(env, buffer.raw())? })
    }

    /// Where it lies until JavaScript runs again. Inside a call on the JavaScript thread that has found the home alive, as every entry and
    /// every turn does.
    ///
    /// # Panics
    /// When it is not there. `lib/` shows nobody the buffer, so nobody can have detached it.
    pub fn place(&self) -> Place {
        self.array
            .value()
            .and_then(|array| Place::of(self.env, array))
            .filter(|place| !place.is_shared() && place.len() > 0)
            .expect("the memory that records cross in has been taken away")
    }
}
