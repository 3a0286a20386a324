//! Findings: what a person should know, each a stable word with its severity and its remedy, in one place.
//!
//! `status` shows those that are there anyway, `doctor` looks for all of them. `docs/findings.md` holds the
//! same table for people.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::AccountId;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Needs someone now.
    Error,
    /// Needs someone soon.
    Warning,
    /// Good to know.
    Info,
    /// Looked at, and as it should be.
    Ok,
}

impl Severity {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Ok => "ok",
        }
    }
}

macro_rules! findings {
    ($($name:ident = $text:literal, $severity:ident, $meaning:literal, $remedy:literal;)*) => {
        /// What was found, as a stable word. `docs/findings.md` holds the table for people.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum FindingCode {
            $(#[doc = $meaning] #[serde(rename = $text)] $name,)*
            /// A finding of a newer program.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl FindingCode {
            /// Every finding that this program may report.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Unknown => "unknown",
                }
            }

            /// How much it matters.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self {
                    $(Self::$name => Severity::$severity,)*
                    Self::Unknown => Severity::Info,
                }
            }

            /// What it means, for a person.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                    Self::Unknown => "A finding of a newer program.",
                }
            }

            /// What to do about it; empty where there is nothing to do.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self {
                    $(Self::$name => $remedy,)*
                    Self::Unknown => "update this program",
                }
            }
        }
    };
}

findings! {
    DaemonOk = "daemon-ok", Ok, "The daemon answers, and is of atomectl's version.", "";
    NoDaemon = "no-daemon", Error, "No daemon answers.",
        "start atomed ('systemctl start atomed', or 'atomed --config FILE'), or name its socket with --socket or ATOME_SOCKET";
    DaemonFails = "daemon-fails", Error, "The daemon answers with an error, or not in time.",
        "look at the daemon's log, and start it again";
    DaemonVersion = "daemon-version", Warning, "The daemon is of another version than atomectl.",
        "start the daemon again after an update, and install both programs from one package";
    DeclarationUnusable = "declaration-unusable", Warning, "A runtime declaration is left over from a daemon that is gone, or cannot be read.",
        "start atomed again: it writes its own; or remove the file";
    ConfigurationWrong = "configuration-wrong", Error, "The configuration of atomectl cannot be used.",
        "correct the file, or remove it";
    SocketOk = "socket-ok", Ok, "The socket is there, and this user may open it.", "";
    SocketDenied = "socket-denied", Error, "This user may not open the socket.",
        "join the group that owns the socket ('usermod -aG GROUP USER', then log in anew), or ask who runs the daemon";
    SocketOpen = "socket-open", Warning, "Every user of this machine may open the socket.",
        "set SocketMode=0660 in atomed.socket, or start the daemon again: it makes its socket with mode 0660";
    StoreOk = "store-ok", Ok, "The store is sound.", "";
    StoreUnusable = "store-unusable", Error, "The store does not open, or does not answer.",
        "do what the message says, then start the daemon again; the store was left untouched";
    StoreDamaged = "store-damaged", Error, "The store is damaged.",
        "check the disk ('dmesg', 'smartctl -a'), then start the daemon again: it moves the damaged file aside and saves from it what it can; what the hub has comes back from there";
    StoreQuarantined = "store-quarantined", Warning, "A damaged store of the account was moved aside, and is kept.",
        "see with 'atomectl sync wait' and 'sync verify' that all is there; then look at the disk ('dmesg', 'smartctl -a'), and remove the folder that the message names";
    StoreUnchecked = "store-unchecked", Info, "The check of the store was not finished in its time.",
        "run doctor again while the machine has less to do";
    DiskOk = "disk-ok", Ok, "The disk of the state directory has room.", "";
    LowSpace = "low-space", Warning, "The disk of the state directory has less than 1 GiB of room.",
        "make room on the disk; nothing is lost, and writing goes on until it is full";
    NoSpace = "no-space", Error, "The disk of the state directory has less than 64 MiB of room.",
        "make room on the disk now; what was acknowledged is safe, new writes are refused (on a small disk below 2 %), and work resumes by itself";
    FilesOk = "files-ok", Ok, "The files of the state directory are closed to others.", "";
    FilesOpen = "files-open", Error, "Files of the state directory are open to other users, or are another user's.",
        "give each file that is named back to the daemon's user ('chown'), with mode 0600 for files and 0700 for folders ('chmod')";
    SecretsOk = "secrets-ok", Ok, "The store of secrets answers.", "";
    SecretsUnreachable = "secrets-unreachable", Error, "The store of secrets does not answer.",
        "for secrets.store = \"keyring\": unlock the keyring, and run the daemon in the user's session; for \"file\": see that the folder secrets below state_dir is the daemon's own";
    ClockOk = "clock-ok", Ok, "The clock of this machine is right.", "";
    ClockAhead = "clock-ahead", Warning, "This machine's clock is ahead of the hub's; the hub's time is used instead.",
        "set the clock, by NTP for instance ('timedatectl set-ntp true')";
    ClockBehind = "clock-behind", Warning, "This machine's clock is behind the hub's.",
        "set the clock, by NTP for instance ('timedatectl set-ntp true')";
    ClockWrong = "clock-wrong", Error, "This machine's clock stands before this program was made.",
        "set the clock ('timedatectl set-ntp true'): certificates and sessions cannot be judged by it";
    HubNone = "hub-none", Ok, "No hub is configured: full offline mode, and nothing is dialled.", "";
    NameOk = "name-ok", Ok, "The hub's host has an address.", "";
    NameUnresolved = "name-unresolved", Warning, "The name of the hub's host cannot be resolved.",
        "check the network and its DNS ('getent hosts NAME'), and the spelling in [remote] endpoint; local work goes on";
    HubIsHere = "hub-is-here", Error, "The hub's name leads to this very machine, which production refuses.",
        "correct /etc/hosts or the DNS, or [remote] endpoint";
    HubUnreachable = "hub-unreachable", Warning, "The hub does not accept connections.",
        "check the network, the port in [remote] endpoint, and whether the hub runs; local work goes on";
    TlsOk = "tls-ok", Ok, "The hub's certificate is trusted and is in its name.", "";
    TlsNone = "tls-none", Warning, "The connection to the hub is not encrypted.",
        "give the hub a certificate, and write wss:// in [remote] endpoint";
    CertificateEnding = "certificate-ending", Warning, "The hub's certificate ends within 14 days.",
        "tell who runs the hub to renew its certificate";
    CertificateOver = "certificate-over", Error, "The hub's certificate has ended, or has not begun.",
        "check this machine's clock first, then tell who runs the hub to renew its certificate";
    CertificateName = "certificate-name", Error, "The hub's certificate is in another name.",
        "write the name that stands in the certificate in [remote] endpoint, or give the hub a certificate in this name";
    CertificateUntrusted = "certificate-untrusted", Error, "The hub's certificate is signed by nobody that is trusted here.",
        "name the authority's certificate in [remote] ca_file, or install it on this machine; a hub must send all certificates up to its root's";
    TlsFailed = "tls-failed", Error, "The TLS handshake with the hub failed.",
        "check that [remote] endpoint names the hub's TLS port, and that nothing in between breaks TLS";
    HubOk = "hub-ok", Ok, "The hub answers, and speaks this daemon's protocol.", "";
    HubStrange = "hub-strange", Error, "What answers at the hub's address is no Atome hub.",
        "check host and port in [remote] endpoint, and what stands before the hub (a proxy, a captive portal)";
    VersionSkew = "version-skew", Warning, "The hub speaks another version of the sync protocol; local work goes on.",
        "update whichever of the two is older";
    SandboxOk = "sandbox-ok", Ok, "The kernel enforces all that it is asked to ('atomectl runtime' shows what).", "";
    SandboxPartial = "sandbox-partial", Warning, "The kernel does not enforce all that it is asked to.",
        "run Linux 6.12 or later with Landlock enabled, or set sandbox = \"off\" to accept it";
    SandboxOff = "sandbox-off", Info, "The kernel is asked to enforce nothing.", "set sandbox = \"best-effort\"";
    DevelopmentProfile = "development-profile", Warning,
        "The development profile is on: plain connections and a hub on this machine are allowed.",
        "set profile = \"production\" wherever real data is";
    DurabilityNormal = "durability-normal", Info, "A power cut may take the last moments of acknowledged writes.",
        "set durability = \"full\" to have each write on the disk before it is acknowledged";
    SyncOk = "sync-ok", Ok, "Nothing waits for the hub.", "";
    WorkPending = "work-pending", Info, "Commits wait for the hub.",
        "nothing: they go by themselves once the hub is in reach ('atomectl sync status' shows how it stands)";
    PendingOld = "pending-old", Warning, "Commits have waited for the hub for more than 7 days.",
        "bring this machine to the hub, or see with 'atomectl sync status' what keeps it away";
    CommitsRefused = "commits-refused", Warning, "The hub refused commits, and they wait for a person.",
        "look at them with 'atomectl sync refused', then retry or discard each";
    AuthRequired = "auth-required", Error, "The hub asks for a login; local work goes on, nothing is lost.",
        "log in again with 'atomectl login NAME'";
    NameConflict = "name-conflict", Error,
        "The hub has given this name or phone number to another account; local work goes on.",
        "take another name with 'atomectl account resolve NAME --name NEW'; or, where the hub's account is yours too, make them one with 'atomectl account resolve NAME --join'";
    SessionExpiring = "session-expiring", Warning,
        "The session at the hub ends unless this machine reaches the hub before.",
        "connect the machine, or log in again afterwards with 'atomectl login NAME'; local work goes on, nothing is lost";
    ReplicaForked = "replica-forked", Warning,
        "A copy of this store was at work; this one goes on under a new replica id.",
        "stop the other copy, if it still runs; nothing was lost";
    NoProgress = "no-progress", Warning, "The hub answers the same again and again, and nothing moves.",
        "look at 'atomectl sync verify' ('--repair' mends what is damaged here), and at the hub's log";
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that a person should know: a member of `health` in `GET /v1/status`, and of `GET /v1/doctor`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it is, as a stable word.
    pub code: FindingCode,
    /// How much it matters: that of its code.
    pub severity: Severity,
    /// The account that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Since when, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// What it is, for a person. No name of an account and no value stands in it.
    pub message: String,
    /// What to do about it; empty where there is nothing to do.
    pub remedy: String,
}

impl Finding {
    /// A finding in the words of its code.
    #[must_use]
    pub fn new(code: FindingCode) -> Self {
        Self {
            code,
            severity: code.severity(),
            account: None,
            since: None,
            message: code.meaning().to_owned(),
            remedy: code.remedy().to_owned(),
        }
    }

    /// The same with a message of its own.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The same about an account.
    #[must_use]
    pub fn of(mut self, account: AccountId) -> Self {
        self.account = Some(account);
        self
    }

    /// The same since a time, in RFC 3339.
    #[must_use]
    pub fn since(mut self, since: String) -> Self {
        self.since = Some(since);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_has_a_remedy_unless_it_is_fine() {
        for code in FindingCode::ALL {
            let fine = code.severity() == Severity::Ok;
            assert_eq!(code.remedy().is_empty(), fine, "{code}");
            assert_eq!(
                code.as_str().ends_with("-ok"),
                fine && *code != FindingCode::HubNone
            );
            assert!(
                code.meaning().ends_with('.') && !code.remedy().ends_with('.'),
                "{code}"
            );
        }
    }

    #[test]
    fn a_finding_of_a_newer_program_is_read() {
        let text = r#"{"code":"no-such","severity":"warning","message":"m","remedy":"r"}"#;
        let finding: Finding = serde_json::from_str(text).unwrap();
        assert_eq!(finding.code, FindingCode::Unknown);
        for code in FindingCode::ALL {
            let text = serde_json::to_string(code).unwrap();
            assert_eq!(text, format!("\"{code}\""));
            assert_eq!(serde_json::from_str::<FindingCode>(&text).unwrap(), *code);
        }
    }
}
