//! The file of a configuration, as bytes of a sensible length; what stands in it is not known here.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Bytes of a configuration that are read. It is a page of text; beyond this it is something else.
const FILE_LEN_MAX: u64 = 1 << 20;

/// Reads a file, or what else stands under that name, whole; never more than 1 MiB of it.
///
/// # Errors
///
/// What the system says; [`ErrorKind::FileTooLarge`]; [`ErrorKind::InvalidData`] where it is no UTF-8.
pub fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    let len = File::open(path)?
        .take(FILE_LEN_MAX + 1)
        .read_to_string(&mut text)?;
    if u64::try_from(len).is_ok_and(|len| len <= FILE_LEN_MAX) {
        return Ok(text);
    }
    Err(Error::new(
        ErrorKind::FileTooLarge,
        format!("it is longer than {FILE_LEN_MAX} bytes"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_whatever_it_says_of_its_length() {
        let path = std::env::temp_dir().join(format!("atome-service-{}", std::process::id()));
        let of_len = |len: u64| {
            std::fs::write(&path, "#".repeat(usize::try_from(len).unwrap())).unwrap();
            read(&path)
        };
        let longest = of_len(FILE_LEN_MAX);
        let longer = of_len(FILE_LEN_MAX + 1);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(longest.unwrap().len(), 1 << 20);
        assert_eq!(longer.unwrap_err().kind(), ErrorKind::FileTooLarge);
        // Its length is 0, and it has no end.
        let endless = read(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(endless.kind(), ErrorKind::FileTooLarge);
    }
}
