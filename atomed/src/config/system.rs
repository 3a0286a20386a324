//! What the configuration asks of the system: users, and its name. Nothing on the network.

/// The number of a Unix user, by name or number.
pub(super) fn uid_of(user: &str) -> Option<u32> {
    if let Ok(uid) = user.parse() {
        return Some(uid);
    }
    let user = nix::unistd::User::from_name(user).ok()??;
    Some(user.uid.as_raw())
}

/// The name of this machine, as far as it can be shown.
pub(super) fn hostname() -> String {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    if name.is_empty() {
        "machine".to_owned()
    } else {
        name
    }
}
