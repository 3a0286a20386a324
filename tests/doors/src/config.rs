//! Configuration files of both programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use atome_server::config as hub;
use atomed::config as daemon;

/// The daemon's configuration: refused with a place, a reason and a remedy, or taken and declared.
///
/// # Panics
///
/// Where the reader breaks a promise.
pub fn daemon_config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let file = PathBuf::from("/etc/atome/atomed.toml");
    let environment = daemon::Environment(BTreeMap::new());
    match daemon::Config::parse(Some(file), text, &environment) {
        Ok(config) => {
            assert!(config.state_dir.is_absolute());
            let declared = config.declaration(config.socket.as_deref());
            assert_eq!(declared.remote_endpoint.is_some(), config.remote.is_some());
            assert_eq!(declared.for_hub().local_endpoint, None);
            let (same, changed) = config.reloaded(config.clone());
            assert!(same == config && changed.is_empty());
            if let Some(remote) = &config.remote {
                let written = remote.endpoint.to_string();
                let again = daemon::Endpoint::parse(&written).expect("an endpoint is read");
                assert_eq!(again, remote.endpoint);
                assert!(remote.dialled().1 > 0);
            }
        }
        Err(faults) => {
            assert!(!faults.0.is_empty());
            for fault in &faults.0 {
                assert!(!fault.why.is_empty() && !fault.remedy.is_empty(), "{fault}");
            }
        }
    }
}

/// The hub's configuration, in the same way.
///
/// # Panics
///
/// Where the reader breaks a promise.
pub fn hub_config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let file = PathBuf::from("/etc/atome/atome-server.toml");
    let environment = hub::Environment(BTreeMap::new());
    match hub::Config::parse(file, text, &environment) {
        Ok(config) => {
            assert!(config.database_file().starts_with(&config.state_dir));
            assert_ne!(config.state_dir, Path::new(""));
            let (_, changed) = config.reloaded(config.clone());
            assert_eq!(changed, Vec::<&str>::new());
            assert!(config.limits.connections_max > 0);
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in &errors {
                assert!(!error.why.is_empty() && !error.remedy.is_empty(), "{error}");
            }
        }
    }
}
