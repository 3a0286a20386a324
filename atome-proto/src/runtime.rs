//! The runtime declaration: what a program says that it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What kind of client runtime it is. A hub is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeType {
    /// A daemon: works offline, serves its own machine over a Unix socket.
    Daemon,
    /// A page or a script that is online only.
    Browser,
}

/// How strict the configuration is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// TLS only, certificates checked, no loopback remote.
    #[default]
    Production,
    /// Plain connections and loopback allowed, and said aloud.
    Development,
}

/// What a runtime declares: printed by `atomectl runtime`, written beside the socket, sent in `hello`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeDeclaration {
    /// Daemon or browser.
    pub runtime_type: RuntimeType,
    /// Whether it serves its own machine.
    pub has_local_server: bool,
    /// Where it does so; never defaulted, and never sent to a hub.
    pub local_endpoint: Option<String>,
    /// The hub that it dials; absent in full offline mode.
    pub remote_endpoint: Option<String>,
    /// How strict its configuration is taken.
    pub profile: Profile,
    /// What the kernel refuses it, in words by name, as far as it really does; no paths stand in them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub enforced: BTreeMap<String, String>,
    /// The process, where the declaration stands in a file, so that a stale one is recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
}

impl RuntimeDeclaration {
    /// The declaration as it may cross the network: without the local endpoint and the process.
    #[must_use]
    pub fn for_hub(&self) -> Self {
        Self {
            local_endpoint: None,
            pid: None,
            ..self.clone()
        }
    }
}
