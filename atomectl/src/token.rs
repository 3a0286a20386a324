//! Tokens: from a file or from standard input, never from an argument.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use atome_proto::account::Secret;
use atome_proto::{Code, Problem};

use crate::fault::Fault;
use crate::say::Say;

/// Most bytes that are read of a token's file: a token and more white space than anybody leaves.
const TOKEN_FILE_LEN_MAX: u64 = 4096;

/// A token is 256 random bits in hexadecimal.
const TOKEN_LEN: usize = 64;

/// The right of every user of the machine to read a file. A group may be the service's own.
const READABLE_BY_OTHERS: u32 = 0o004;

/// Why there is no token. Nothing of what was read is told: it may be half of one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("{name} cannot be read: {error}")]
    Read {
        name: String,
        #[source]
        error: io::Error,
    },
    #[error("{0} is no token: a token is 64 hexadecimal digits in lower case, and nothing else")]
    Form(String),
}

impl From<TokenError> for Fault {
    fn from(error: TokenError) -> Self {
        let code = match &error {
            TokenError::Read { error, .. } if error.kind() == io::ErrorKind::NotFound => {
                Code::NotFound
            }
            TokenError::Read { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
                Code::NotAllowed
            }
            TokenError::Read { .. } => Code::BadRequest,
            TokenError::Form(_) => Code::BadData,
        };
        let problem = Problem::new(code, error.to_string());
        match error {
            TokenError::Form(_) => problem
                .hint("on the hub, 'atome-server token create --account NAME' prints one, once"),
            TokenError::Read { .. } => problem,
        }
        .into()
    }
}

/// Reads a token from a file; `-` is standard input. Warns of a file that everyone can read.
pub(crate) fn read(path: &Path, say: Say) -> Result<Secret, TokenError> {
    if path == Path::new("-") {
        return parse("standard input", io::stdin().lock());
    }
    let name = path.display().to_string();
    let failed = |error| TokenError::Read {
        name: name.clone(),
        error,
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_file() && metadata.mode() & READABLE_BY_OTHERS != 0 {
        say.note(&format!(
            "warning: every user of this machine can read {name}; 'chmod o-r' takes that away"
        ));
    }
    parse(&name, file)
}

fn parse(name: &str, from: impl Read) -> Result<Secret, TokenError> {
    let mut bytes = Vec::new();
    from.take(TOKEN_FILE_LEN_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| TokenError::Read {
            name: name.to_owned(),
            error,
        })?;
    let wrong = || TokenError::Form(name.to_owned());
    let token = std::str::from_utf8(bytes.trim_ascii()).map_err(|_| wrong())?;
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if token.len() != TOKEN_LEN || !token.bytes().all(digit) {
        return Err(wrong());
    }
    Ok(Secret(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_64_digits_and_nothing_else() {
        let token = "0123456789abcdef".repeat(4);
        let read = |text: &str| parse("f", text.as_bytes()).map(|secret| secret.0);
        assert_eq!(read(&token).unwrap(), token);
        assert_eq!(read(&format!(" {token}\r\n\n")).unwrap(), token);
        for wrong in [
            String::new(),
            token.to_uppercase(),
            format!("{token}0"),
            format!("{token}\n{token}"),
            token.replace('f', "g"),
            token.replacen("0123", "é01", 1),
            format!("{}{token}", " ".repeat(4096 - 63)),
        ] {
            let error = read(&wrong).unwrap_err();
            assert!(matches!(error, TokenError::Form(_)), "{wrong}");
            assert!(!error.to_string().contains("0123"), "{error}");
        }
    }
}
