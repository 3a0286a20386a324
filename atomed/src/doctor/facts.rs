//! What support needs beside the findings: settings without names, and sizes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use atome_proto::local::v1::{Facts, StoreFacts};
use atome_proto::{AccountId, Code, Problem};
use atome_store::examine::rows;

use crate::accounts::Accounts;
use crate::api::Peer;
use crate::config::{Config, Remote, Sandbox};

/// Gathers what the asker may know.
pub(super) async fn gather(
    config: &Config,
    accounts: &Accounts,
    peer: Peer,
    limit: Duration,
) -> Result<Facts, Problem> {
    let mut stores = Vec::new();
    for row in accounts.visible(peer).await? {
        let id = row.entry.user_id;
        let path = accounts.store_file(id);
        let measured = tokio::task::spawn_blocking(move || measure(id, &path, limit)).await;
        stores.push(measured.map_err(|error| Problem::new(Code::Internal, error.to_string()))?);
    }
    Ok(Facts {
        configuration: configuration(config, std::env::var("HOME").ok().as_deref()),
        stores,
    })
}

fn measure(account: AccountId, path: &Path, limit: Duration) -> StoreFacts {
    let mut files = BTreeMap::new();
    for entry in path
        .parent()
        .into_iter()
        .flat_map(fs::read_dir)
        .flatten()
        .flatten()
    {
        if let Ok(found) = entry.metadata() {
            files.insert(
                entry.file_name().to_string_lossy().into_owned(),
                found.len(),
            );
        }
    }
    StoreFacts {
        account,
        files,
        // One that cannot be counted is a finding of the doctor already.
        rows: rows(path, limit).unwrap_or_default(),
    }
}

/// The settings in use. The name of the machine and of accounts are their owners' affair, and stay out.
fn configuration(config: &Config, home: Option<&str>) -> BTreeMap<String, String> {
    let path = |path: &Path| without_home(&path.display().to_string(), home);
    let word = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
    let mut settings = vec![
        ("profile", word(&config.profile)),
        ("state_dir", path(&config.state_dir)),
        ("sandbox", sandbox(config.sandbox).to_owned()),
        ("durability", word(&config.durability)),
        ("directory", word(&config.directory)),
        ("secrets.store", word(&config.secrets)),
        ("log.level", config.log_level.to_string()),
        ("log.format", word(&config.log_format)),
        ("access", format!("{} entries", config.access.len())),
    ];
    let socket = config.socket.as_deref();
    settings.push((
        "local.socket",
        socket.map_or_else(|| "handed in".to_owned(), path),
    ));
    settings.extend(config.file.as_deref().map(|file| ("file", path(file))));
    settings.extend(
        config
            .remote
            .iter()
            .flat_map(|remote| of_remote(remote, &path)),
    );
    let own = |(key, value): (&str, String)| (key.to_owned(), value);
    settings.into_iter().map(own).collect()
}

fn of_remote(remote: &Remote, path: &dyn Fn(&Path) -> String) -> Vec<(&'static str, String)> {
    let mut settings = vec![("remote.endpoint", remote.endpoint.to_string())];
    settings.extend(
        remote
            .ca_file
            .as_deref()
            .map(|file| ("remote.ca_file", path(file))),
    );
    let proxy = remote.proxy.as_ref();
    settings.extend(proxy.map(|proxy| ("proxy", format!("{}:{}", proxy.host, proxy.port))));
    settings
}

fn sandbox(mode: Sandbox) -> &'static str {
    let found = Sandbox::WORDS.iter().find(|(_, known)| *known == mode);
    found.map_or("", |(word, _)| word)
}

fn without_home(text: &str, home: Option<&str>) -> String {
    match home.filter(|home| home.len() > 1) {
        Some(home) => text.replace(home, "~"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn names_stay_out_of_the_settings() {
        let text = "state_dir = \"/home/anna/state\"\ndevice = \"annas-laptop\"\n\
                    [local]\nsocket = \"/home/anna/s\"\n[remote]\nendpoint = \"wss://hub.example.org\"\n\
                    [[access]]\nunix_user = 0\naccount = \"anna\"\n";
        let config = Config::parse(None, text, &Environment::default()).unwrap();
        let settings = configuration(&config, Some("/home/anna"));
        assert_eq!(settings["state_dir"], "~/state");
        assert_eq!(settings["access"], "1 entries");
        assert_eq!(settings["sandbox"], "best-effort");
        assert!(!format!("{settings:?}").contains("anna"), "{settings:?}");
    }
}
