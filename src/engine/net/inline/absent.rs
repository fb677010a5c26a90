//! The inline driver where the platform has none: a type without values. Every server and client has threads.
#![allow(missing_docs, clippy::missing_errors_doc)]

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::blocks::Blocks;
use super::census::Census;
use super::command::{Target, Write};
use super::connection::Copied;
use super::event::Batch;
use super::listener::Bound;
use super::port::Port;
use super::server::ServerConfig;
use super::std_stream::StdStream;
use crate::engine::output::Payload;

/// See the module.
pub enum Inline {}

impl Inline {
    pub fn new(_: Arc<Port>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn descriptor(&self) -> i32 {
        match *self {}
    }

    pub fn listen(&mut self, _: u32, _: Bound, _: ServerConfig) -> io::Result<()> {
        match *self {}
    }

    pub fn add_server(&mut self, _: u32, _: ServerConfig) {
        match *self {}
    }

    pub fn configure(&mut self, _: u32, _: ServerConfig) {
        match *self {}
    }

    pub fn close_listener(&mut self, _: u32) {
        match *self {}
    }

    pub fn adopt(&mut self, _: u32, _: StdStream) -> io::Result<()> {
        match *self {}
    }

    pub fn take_over(&mut self, _: StdStream, _: u32, _: u64) -> io::Result<Target> {
        match *self {}
    }

    pub fn copy(&mut self, _: Target, _: bool) -> io::Result<Copied> {
        match *self {}
    }

    pub fn connect(&mut self, _: StdStream, _: u32) -> io::Result<()> {
        match *self {}
    }

    pub fn abandon(&mut self, _: u32) {
        match *self {}
    }

    pub fn tick(&mut self) {
        match *self {}
    }

    pub fn commands(&mut self, _: &[u8]) {
        match *self {}
    }

    pub fn write_large(&mut self, _: &Write, _: Vec<u8>) {
        match *self {}
    }

    pub fn write_borrowed(&mut self, _: &Write, _: &[u8], _: impl FnOnce() -> Option<Box<dyn Payload>>) {
        match *self {}
    }

    pub fn flush(&mut self) -> bool {
        match *self {}
    }

    pub fn give_outbox(&mut self, _: &mut Batch) {
        match *self {}
    }

    pub fn turn(&mut self, _: &mut impl Blocks) {
        match *self {}
    }

    pub fn serve(&mut self, _: &mut impl Blocks) {
        match *self {}
    }

    pub fn has_more(&self) -> bool {
        match *self {}
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        match *self {}
    }

    pub fn census(&self) -> Census {
        match *self {}
    }

    pub fn stop(&mut self) {
        match *self {}
    }
}
