//! Dialling: TCP, then TLS where the endpoint says so. Used by the sync link and by the account client.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use atome_proto::runtime::Profile;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::endpoint::{Endpoint, is_own_address};
use crate::config::{Proxy, Remote};

/// How long one address may take to accept before the next one is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the TLS handshake may take.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);
/// How many addresses of a name are tried.
const ADDRESSES_MAX: usize = 8;
/// Days that are looked ahead for the end of a certificate: ten years.
const DAYS_MAX: u64 = 3650;
/// Longest head of a proxy's answer.
const PROXY_HEAD_LEN_MAX: usize = 8 << 10;

/// Certificates that cannot be taken from a file, or from the system.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read as PEM.
    #[error("{0} cannot be read as PEM certificates: {1}")]
    Pem(PathBuf, rustls::pki_types::pem::Error),
    /// The file has no certificate.
    #[error("{0} holds no certificate")]
    Empty(PathBuf),
    /// A certificate cannot be trusted as a root.
    #[error("{0} holds a certificate that cannot be a root: {1}")]
    Root(PathBuf, rustls::Error),
    /// The system has no roots.
    #[error(
        "this system has no certificate roots; install its ca-certificates, or set remote.ca_file"
    )]
    NoRoots,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Why the hub was not reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("the name {0} cannot be resolved: {1}")]
    Resolve(String, io::Error),
    /// The name leads to this very machine, which production refuses.
    #[error("the name {0} leads to this very machine, which production refuses")]
    OwnMachine(String),
    /// No address accepted.
    #[error("{0} does not accept connections: {1}")]
    Connect(SocketAddr, io::Error),
    /// The TLS handshake failed.
    #[error("TLS with {0} failed: {1}")]
    Tls(String, io::Error),
    /// The proxy does not connect on.
    #[error("the proxy {0} does not connect on: {1}")]
    Proxy(String, io::Error),
    /// The host cannot stand in a certificate.
    #[error("{0} is no name that a certificate can have")]
    Name(String),
}

/// Whom to trust, and what makes the handshake with it.
#[derive(Clone)]
struct Trust {
    tls: TlsConnector,
    roots: Arc<RootCertStore>,
}

impl Trust {
    fn read(remote: &Remote) -> Result<Self, TrustError> {
        let roots = Arc::new(trusted(remote.ca_file.as_deref())?);
        let tls = connector(Arc::clone(&roots))?;
        Ok(Self { tls, roots })
    }
}

/// Opens connections to the one hub of the configuration.
#[derive(Clone)]
pub struct Dialer {
    endpoint: Endpoint,
    profile: Profile,
    /// Shared by all clones, so that all trust anew what one is told to; absent where there is no TLS.
    trust: Option<Arc<RwLock<Trust>>>,
    proxy: Option<Proxy>,
}

impl Dialer {
    /// Prepares TLS for the hub: the certificates of `ca_file`, or the system's.
    ///
    /// # Errors
    ///
    /// [`TrustError`].
    pub fn new(remote: &Remote, profile: Profile) -> Result<Self, TrustError> {
        let trust = if remote.endpoint.tls {
            Some(Arc::new(RwLock::new(Trust::read(remote)?)))
        } else {
            None
        };
        Ok(Self {
            endpoint: remote.endpoint.clone(),
            profile,
            trust,
            proxy: remote.proxy.clone(),
        })
    }

    /// Reads again whom to trust, for the connections to come.
    ///
    /// # Errors
    ///
    /// [`TrustError`]; then those are trusted that were before.
    pub fn trust_again(&self, remote: &Remote) -> Result<(), TrustError> {
        if let Some(trust) = &self.trust {
            let fresh = Trust::read(remote)?;
            *trust.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
        Ok(())
    }

    fn trust(&self) -> Option<Trust> {
        let trust = self.trust.as_ref()?;
        let trust = trust.read().unwrap_or_else(PoisonError::into_inner);
        Some(trust.clone())
    }

    /// Where it dials.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Dials: each address of the name in turn, then TLS.
    ///
    /// # Errors
    ///
    /// [`DialError`], of the last address tried.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a connection on its way is dropped.
    pub async fn dial(&self) -> Result<Stream, DialError> {
        let stream = match &self.proxy {
            Some(proxy) => self.through(proxy).await?,
            None => connect(&self.endpoint.host, self.endpoint.port, self.profile).await?,
        };
        // Frames are written whole; waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let Some(Trust { tls, .. }) = self.trust() else {
            return Ok(Stream::Plain(stream));
        };
        let host = &self.endpoint.host;
        let name = ServerName::try_from(host.clone()).map_err(|_| DialError::Name(host.clone()))?;
        match timeout(TLS_TIMEOUT, tls.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
            Ok(Err(error)) => Err(DialError::Tls(host.clone(), error)),
            Err(_) => Err(DialError::Tls(host.clone(), io::ErrorKind::TimedOut.into())),
        }
    }

    /// How many whole days from `wall_ms` (milliseconds since 1970) on the hub's certificates are still
    /// good, ten years at most; `None` where they are not good now.
    #[must_use]
    pub fn days_left(&self, certificates: &[CertificateDer<'_>], wall_ms: u64) -> Option<u64> {
        let (end, above) = certificates.split_first()?;
        let name = ServerName::try_from(self.endpoint.host.as_str()).ok()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let Trust { roots, .. } = self.trust()?;
        let judge = WebPkiServerVerifier::builder_with_provider(roots, provider)
            .build()
            .ok()?;
        // The same judge as in the handshake, asked about days to come: the first end in the chain counts.
        let is_good = |days: u64| {
            let seconds = (wall_ms / 1000).saturating_add(days.saturating_mul(86_400));
            let then = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            judge
                .verify_server_cert(end, above, &name, &[], then)
                .is_ok()
        };
        let (mut good, mut over) = (0, DAYS_MAX + 1);
        if !is_good(good) {
            return None;
        }
        while over - good > 1 {
            let middle = good.midpoint(over);
            if is_good(middle) {
                good = middle;
            } else {
                over = middle;
            }
        }
        Some(good)
    }

    /// Asks the proxy to connect on; who the hub is, is for the proxy to find out.
    async fn through(&self, proxy: &Proxy) -> Result<TcpStream, DialError> {
        // A proxy on this very machine is no hub on it.
        let mut stream = connect(&proxy.host, proxy.port, Profile::Development).await?;
        let tunnel = timeout(TLS_TIMEOUT, tunnel(&mut stream, &self.endpoint));
        let tunnelled = tunnel
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        tunnelled.map_err(|error| DialError::Proxy(proxy.host.clone(), error))?;
        Ok(stream)
    }
}

/// Connects to each address of a name in turn.
async fn connect(host: &str, port: u16, profile: Profile) -> Result<TcpStream, DialError> {
    let addresses = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| DialError::Resolve(host.to_owned(), error))?;
    let mut last = DialError::Resolve(host.to_owned(), io::ErrorKind::NotFound.into());
    for address in addresses.take(ADDRESSES_MAX) {
        if profile == Profile::Production && is_own_address(address.ip()) {
            last = DialError::OwnMachine(host.to_owned());
            continue;
        }
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = DialError::Connect(address, error),
            Err(_) => last = DialError::Connect(address, io::ErrorKind::TimedOut.into()),
        }
    }
    Err(last)
}

/// Opens a tunnel. Source: RFC 9110, section 9.3.6.
async fn tunnel(stream: &mut TcpStream, endpoint: &Endpoint) -> io::Result<()> {
    let to = endpoint.host_and_port();
    let ask = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head belongs to the hub already.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == PROXY_HEAD_LEN_MAX {
            return Err(io::Error::other("its answer is too long"));
        }
        head.push(stream.read_u8().await?);
    }
    let line = head.split(|b| *b == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let status = line.split(' ').nth(1).unwrap_or_default();
    if status.len() == 3 && status.starts_with('2') {
        Ok(())
    } else {
        Err(io::Error::other(format!("it answered '{line}'")))
    }
}

/// The certificates of `ca_file`, or the system's roots.
fn trusted(ca_file: Option<&Path>) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_file {
        for certificate in read_certificates(path)? {
            roots
                .add(certificate)
                .map_err(|error| TrustError::Root(path.to_owned(), error))?;
        }
    } else {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err(TrustError::NoRoots);
        }
    }
    Ok(roots)
}

fn connector(roots: Arc<RootCertStore>) -> Result<TlsConnector, TrustError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Reads the certificates of a PEM file, one at least.
///
/// # Errors
///
/// [`TrustError::Pem`] or [`TrustError::Empty`].
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let pem = |error| TrustError::Pem(path.to_owned(), error);
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(pem)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(pem)?;
    if certificates.is_empty() {
        return Err(TrustError::Empty(path.to_owned()));
    }
    Ok(certificates)
}

/// A connection to the hub.
#[derive(Debug)]
pub enum Stream {
    /// TLS.
    Tls(Box<TlsStream<TcpStream>>),
    /// Plain, in the development profile.
    Plain(TcpStream),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
