//! TLS: with a certificate of a test's own authority.

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::world::{PROTOCOL, World, ask, dial, hello};

const NAME: &str = "hub.example";

fn certificate(folder: &Path) -> CertifiedKey<KeyPair> {
    let made = generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
    std::fs::write(folder.join("hub.crt"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("hub.key"), made.signing_key.serialize_pem()).unwrap();
    made
}

async fn connect(world: &World, trusted: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(world.listen).await.unwrap();
    let name = ServerName::try_from(NAME).unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

async fn start(folder: tempfile::TempDir) -> World {
    let lines = "[tls]\ncert_file = \"hub.crt\"\nkey_file = \"hub.key\"\n";
    World::start_in(folder, lines).await
}

#[tokio::test]
async fn everything_goes_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let made = certificate(folder.path());
    let world = start(folder).await;
    let trusted = made.cert.pem();

    let stream = connect(&world, &trusted).await.unwrap();
    let reply = ask(stream, "GET", "/healthz", "", "").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "ok\n"));

    let stream = connect(&world, &trusted).await.unwrap();
    let body = crate::world::registration("alice").to_string();
    let reply = ask(stream, "POST", "/api/v1/auth/register", "", &body).await;
    let bearer = format!("Bearer {}", reply.json()["token"].as_str().unwrap());

    let stream = connect(&world, &trusted).await.unwrap();
    let mut login = crate::world::login("alice", crate::world::PASSWORD);
    login["cookie"] = true.into();
    let reply = ask(stream, "POST", "/api/v1/auth/login", "", &login.to_string()).await;
    let cookie = reply.header("set-cookie").unwrap();
    assert!(
        cookie.starts_with("__Host-atome_session="),
        "no other host can have set it"
    );

    let stream = connect(&world, &trusted).await.unwrap();
    let headers = [PROTOCOL, ("Authorization", bearer.as_str())];
    let mut client = dial(stream, world.listen, &headers).await.unwrap();
    client.say(&hello(1, &[])).await;
    client.hear_a("welcome").await;
    drop(client);

    let stranger = certificate(world.folder.path()).cert.pem();
    assert!(connect(&world, &stranger).await.is_err());
    world.stop().await;
}

#[tokio::test]
async fn what_is_not_tls_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let made = certificate(folder.path());
    let world = start(folder).await;
    let mut plain = TcpStream::connect(world.listen).await.unwrap();
    let mut answer = Vec::new();
    tokio::io::AsyncWriteExt::write_all(&mut plain, b"GET / HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    drop(tokio::io::AsyncReadExt::read_to_end(&mut plain, &mut answer).await);
    assert!(!answer.starts_with(b"HTTP"));
    connect(&world, &made.cert.pem()).await.unwrap();
    world.stop().await;
}
