//! Request methods (RFC 9110 §9.1): a closed list, case-sensitive, as Node's parser has it.

/// A request method, as its index in [`METHODS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Method(pub u8);

/// The methods a request may have, in the order of [`Method`]'s index.
/// `PRI` is only ever an error; `DESCRIBE` to `FLUSH` are RTSP's and need an RTSP version.
pub const METHODS: &[&str] = &[
    "DELETE",
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "COPY",
    "LOCK",
    "MKCOL",
    "MOVE",
    "PROPFIND",
    "PROPPATCH",
    "SEARCH",
    "UNLOCK",
    "BIND",
    "REBIND",
    "UNBIND",
    "ACL",
    "REPORT",
    "MKACTIVITY",
    "CHECKOUT",
    "MERGE",
    "M-SEARCH",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "PATCH",
    "PURGE",
    "MKCALENDAR",
    "LINK",
    "UNLINK",
    "SOURCE",
    "PRI",
    "DESCRIBE",
    "ANNOUNCE",
    "SETUP",
    "PLAY",
    "PAUSE",
    "TEARDOWN",
    "GET_PARAMETER",
    "SET_PARAMETER",
    "REDIRECT",
    "RECORD",
    "FLUSH",
    "QUERY",
];

impl Method {
    /// `GET`
    pub const GET: Method = Method(1);
    /// `POST`
    pub const POST: Method = Method(3);
    /// `CONNECT`: always a request to switch protocols (RFC 9110 §9.3.6).
    pub const CONNECT: Method = Method(5);
    /// `OPTIONS`, which RTSP has too.
    pub const OPTIONS: Method = Method(6);
    /// `SOURCE`: Icecast's, the one method of an ICE version.
    pub const SOURCE: Method = Method(33);
    /// `PRI`: the first word of the HTTP/2 preface.
    pub const PRI: Method = Method(34);
    /// `QUERY`
    pub const QUERY: Method = Method(46);

    /// The method's name; empty for an index outside [`METHODS`].
    pub fn name(self) -> &'static str {
        METHODS.get(usize::from(self.0)).copied().unwrap_or("")
    }

    /// The method called `name`, case-sensitive.
    pub(super) fn of(name: &[u8]) -> Option<Method> {
        let common = match name {
            b"GET" => Some(Method::GET),
            b"POST" => Some(Method::POST),
            _ => None,
        };
        common.or_else(|| METHODS.iter().position(|method| method.as_bytes() == name).map(|index| Method(index as u8)))
    }

    /// Whether it goes with an HTTP version; `PRI` does not count.
    pub(super) fn is_http(self) -> bool {
        self.0 < Method::PRI.0 || self == Method::QUERY
    }

    /// Whether it goes with an RTSP version.
    pub(super) fn is_rtsp(self) -> bool {
        matches!(self, Method::GET | Method::POST | Method::OPTIONS)
            || (self.0 > Method::PRI.0 && self.0 < Method::QUERY.0)
    }
}
