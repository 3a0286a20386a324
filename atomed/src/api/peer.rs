//! Who is asking: the Unix user at the other end of the socket, as the kernel says.

use std::io;

use tokio::net::UnixStream;

/// The asker. There is no other proof of identity on the local socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The Unix user's number.
    pub uid: u32,
}

impl Peer {
    /// Asks the kernel.
    ///
    /// # Errors
    ///
    /// Where the connection ended before it could be asked.
    pub fn of(stream: &UnixStream) -> io::Result<Self> {
        let credentials = stream.peer_cred()?;
        Ok(Self {
            uid: credentials.uid(),
        })
    }

    /// Whether the asker administers the machine. Administering shows accounts, not their data.
    #[must_use]
    pub fn is_root(self) -> bool {
        self.uid == 0
    }
}
