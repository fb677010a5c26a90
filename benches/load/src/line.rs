//! What a connection of the load is made of: a TCP socket, and TLS over it where the server wants that.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::Resumption;
use rustls::crypto::{ring, CryptoProvider};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

/// Bytes of one read from a socket below TLS.
const READ_SIZE: usize = 128 * 1024;

pub struct Line {
    stream: TcpStream,
    tls: Option<Box<Tls>>,
}

struct Tls {
    connection: ClientConnection,
    /// Bytes as they came.
    received: Vec<u8>,
    /// What they were, and how much of it has been read.
    plain: Vec<u8>,
    taken: usize,
}

impl Line {
    pub fn connect(
        address: SocketAddr,
        tls: Option<&Arc<ClientConfig>>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let tls = match tls {
            None => None,
            Some(config) => {
                let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
                let connection = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
                Some(Box::new(Tls { connection, received: vec![0; READ_SIZE], plain: Vec::new(), taken: 0 }))
            }
        };
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, tls })
    }

    /// Whether a read that does not fill its buffer leaves nothing to read; decrypted bytes come record by record.
    pub fn tells_its_end(&self) -> bool {
        self.tls.is_none()
    }

    /// Sends what TLS has ready; an error of the kind `WouldBlock` when it is not all gone.
    pub fn push(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            while tls.connection.wants_write() {
                tls.connection.write_tls(&mut self.stream)?;
            }
        }
        Ok(())
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.write(bytes) };
        // Before the handshake is over, and while the socket takes nothing, TLS keeps what it gets, up to a limit of its own.
        let taken = tls.connection.writer().write(bytes)?;
        match self.push() {
            Err(error) if taken == 0 => Err(error),
            Err(error) if !blocked(&error) => Err(error),
            _ if taken == 0 => Err(ErrorKind::WouldBlock.into()),
            _ => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.read(buffer) };
        if tls.taken == tls.plain.len() {
            tls.fill(&mut self.stream)?;
        }
        let length = buffer.len().min(tls.plain.len() - tls.taken);
        buffer[..length].copy_from_slice(&tls.plain[tls.taken..tls.taken + length]);
        tls.taken += length;
        Ok(length)
    }
}

impl Tls {
    /// Reads until there is plain text; there is none when the peer has ended.
    fn fill(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        self.plain.clear();
        self.taken = 0;
        while self.plain.is_empty() {
            let length = stream.read(&mut self.received)?;
            if length == 0 {
                return Ok(());
            }
            let mut rest = &self.received[..length];
            while !rest.is_empty() {
                self.connection.read_tls(&mut rest)?;
                let state = self.connection.process_new_packets().map_err(io::Error::other)?;
                let from = self.plain.len();
                self.plain.resize(from + state.plaintext_bytes_to_read(), 0);
                self.connection.reader().read_exact(&mut self.plain[from..])?;
                if state.peer_has_closed() {
                    return Ok(());
                }
            }
            // The handshake's next words.
            while self.connection.wants_write() {
                match self.connection.write_tls(stream) {
                    Err(error) if blocked(&error) => break,
                    other => other?,
                };
            }
        }
        Ok(())
    }
}

pub fn blocked(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected | ErrorKind::Interrupted)
}

/// TLS as Node's client would begin it, each handshake a whole one; whose certificate it is does not matter here.
pub fn tls_config() -> Arc<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("ring has a suite for each version")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
