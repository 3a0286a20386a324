//! What the configuration asks of the system: users, and its name. Nothing on the network.

/// The number of a user, else why there is none, and what would be right.
pub(super) fn uid_of(user: &str) -> Result<u32, (String, &'static str)> {
    if let Ok(uid) = user.parse() {
        return Ok(uid);
    }
    match nix::unistd::User::from_name(user) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err((
            format!("there is no Unix user '{user}' on this machine"),
            "write the name or the number of one, or make that user first",
        )),
        // The sandbox of a daemon that runs knows the list as it was at the start.
        Err(error) => Err((
            format!("the Unix user '{user}' cannot be looked up: {error}"),
            "write the user's number ('id -u' tells it), or restart the daemon: users that were made \
             since its start it does not see",
        )),
    }
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
