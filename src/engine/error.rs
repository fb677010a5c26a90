//! What a peer can do wrong, one variant per rule broken, with the code and the reason Node's 'clientError' shows.

use std::fmt;

macro_rules! parse_errors {
    ($($variant:ident $code:literal $reason:literal;)*) => {
        /// The rule of RFC 9112 (or the limit) which the peer's bytes broke. Each is one code and reason of Node's parser,
        /// so that 'clientError' listeners see what they see there.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum ParseError {
            $(#[doc = concat!("`", $code, "`: ", $reason)] $variant,)*
        }

        impl ParseError {
            /// Every error, in the order of [`ParseError::index`].
            pub const ALL: &'static [ParseError] = &[$(ParseError::$variant,)*];

            /// Node's error code, as `HPE_INVALID_METHOD`.
            pub const fn code(self) -> &'static str {
                match self { $(ParseError::$variant => $code,)* }
            }

            /// Node's text for it, as in `error.reason`.
            pub const fn reason(self) -> &'static str {
                match self { $(ParseError::$variant => $reason,)* }
            }
        }
    };
}

parse_errors! {
    InvalidMethod "HPE_INVALID_METHOD" "Invalid method encountered";
    NoSpaceAfterMethod "HPE_INVALID_METHOD" "Expected space after method";
    TargetStart "HPE_INVALID_URL" "Unexpected start char in url";
    TargetScheme "HPE_INVALID_URL" "Unexpected char in url schema";
    TargetAuthority "HPE_INVALID_URL" "Unexpected char in url server";
    TargetDoubleAt "HPE_INVALID_URL" "Double @ in url";
    TargetPath "HPE_INVALID_URL" "Invalid char in url path";
    TargetQuery "HPE_INVALID_URL" "Invalid char in url query";
    TargetFragment "HPE_INVALID_URL" "Invalid char in url fragment start";
    TargetWhitespace "HPE_INVALID_URL" "Invalid characters in url";
    TargetLineEnd "HPE_INVALID_URL" "Expected CRLF";
    MethodNotForHttp "HPE_INVALID_CONSTANT" "Invalid method for HTTP/x.x request";
    MethodNotForRtsp "HPE_INVALID_CONSTANT" "Invalid method for RTSP/x.x request";
    MethodNotForIce "HPE_INVALID_CONSTANT" "Expected SOURCE method for ICE/x.x request";
    InvalidProtocol "HPE_INVALID_CONSTANT" "Expected HTTP/, RTSP/ or ICE/";
    InvalidMajorVersion "HPE_INVALID_VERSION" "Invalid major version";
    NoDotInVersion "HPE_INVALID_VERSION" "Expected dot";
    InvalidMinorVersion "HPE_INVALID_VERSION" "Invalid minor version";
    UnknownVersion "HPE_INVALID_VERSION" "Invalid HTTP version";
    NoCrlfAfterVersion "HPE_INVALID_VERSION" "Expected CRLF after version";
    NoSpaceAfterVersion "HPE_INVALID_VERSION" "Expected space after version";
    InvalidStatusCode "HPE_INVALID_STATUS" "Invalid status code";
    InvalidStatusLine "HPE_INVALID_STATUS" "Invalid response status";
    NoCrAfterStatusLine "HPE_CR_EXPECTED" "Missing expected CR after response line";
    NoHttp2Preface "HPE_INVALID_VERSION" "Expected HTTP/2 Connection Preface";
    NoLfAfterVersion "HPE_STRICT" "Expected CRLF after version";
    Http2Preface "HPE_PAUSED_H2_UPGRADE" "Pause on PRI/Upgrade";
    SpaceAfterStartLine "HPE_UNEXPECTED_SPACE" "Unexpected space after start line";
    FieldChar "HPE_INVALID_HEADER_TOKEN" "Invalid header field char";
    FieldName "HPE_INVALID_HEADER_TOKEN" "Invalid header token";
    FieldValue "HPE_INVALID_HEADER_TOKEN" "Invalid header value char";
    NoCrAfterFieldValue "HPE_CR_EXPECTED" "Missing expected CR after header value";
    NoLfAfterFieldValue "HPE_LF_EXPECTED" "Missing expected LF after header value";
    WhitespaceAfterFieldValue "HPE_INVALID_HEADER_TOKEN" "Unexpected whitespace after header value";
    NoLfAfterEmptyValue "HPE_STRICT" "Expected LF after CR";
    NoLfAfterHead "HPE_STRICT" "Expected LF after headers";
    HeaderOverflow "HPE_HEADER_OVERFLOW" "Header overflow";
    TransferEncodingWithContentLength "HPE_INVALID_TRANSFER_ENCODING" "Transfer-Encoding can't be present with Content-Length";
    EmptyTransferEncoding "HPE_INVALID_TRANSFER_ENCODING" "Empty Transfer-Encoding";
    InvalidTransferEncoding "HPE_INVALID_TRANSFER_ENCODING" "Invalid `Transfer-Encoding` header value";
    UnframedTransferEncoding "HPE_INVALID_TRANSFER_ENCODING" "Request has invalid `Transfer-Encoding`";
    ContentLengthWithTransferEncoding "HPE_INVALID_CONTENT_LENGTH" "Content-Length can't be present with Transfer-Encoding";
    EmptyContentLength "HPE_INVALID_CONTENT_LENGTH" "Empty Content-Length";
    ContentLengthOverflow "HPE_INVALID_CONTENT_LENGTH" "Content-Length overflow";
    InvalidContentLength "HPE_INVALID_CONTENT_LENGTH" "Invalid character in Content-Length";
    DuplicateContentLength "HPE_UNEXPECTED_CONTENT_LENGTH" "Duplicate Content-Length";
    ChunkSizeOverflow "HPE_INVALID_CHUNK_SIZE" "Chunk size overflow";
    InvalidChunkSize "HPE_INVALID_CHUNK_SIZE" "Invalid character in chunk size";
    NoCrAfterChunkSize "HPE_CR_EXPECTED" "Missing expected CR after chunk size";
    NoLfAfterChunkSize "HPE_STRICT" "Expected LF after chunk size";
    NoCrAfterChunkData "HPE_CR_EXPECTED" "Missing expected CR after chunk data";
    NoLfAfterChunkData "HPE_STRICT" "Expected LF after chunk data";
    ChunkExtensionStart "HPE_STRICT" "Invalid character in chunk extensions";
    ChunkExtensionName "HPE_STRICT" "Invalid character in chunk extensions name";
    NoCrAfterChunkExtensionName "HPE_CR_EXPECTED" "Missing expected CR after chunk extension name";
    ChunkExtensionValue "HPE_STRICT" "Invalid character in chunk extensions value";
    NoCrAfterChunkExtensionValue "HPE_CR_EXPECTED" "Missing expected CR after chunk extension value";
    ChunkExtensionQuotedValue "HPE_STRICT" "Invalid character in chunk extensions quoted value";
    ChunkExtensionQuotedPair "HPE_STRICT" "Invalid quoted-pair in chunk extensions quoted value";
    ChunkExtensionAfterQuote "HPE_STRICT" "Invalid character in chunk extensions quote value";
    ChunkExtensionsOverflow "HPE_CHUNK_EXTENSIONS_OVERFLOW" "Chunk extensions overflow";
    DataAfterClose "HPE_CLOSED_CONNECTION" "Data after `Connection: close`";
    InvalidEof "HPE_INVALID_EOF_STATE" "Invalid EOF state";
}

impl ParseError {
    /// The error's place in [`ParseError::ALL`]: how it is named across the seam.
    pub const fn index(self) -> u32 {
        self as u32
    }

    /// The status of the answer Node gives when nobody listens to 'clientError'.
    pub const fn status(self) -> u16 {
        match self {
            ParseError::HeaderOverflow => 431,
            ParseError::ChunkExtensionsOverflow => 413,
            _ => 400,
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.reason())
    }
}

impl std::error::Error for ParseError {}
