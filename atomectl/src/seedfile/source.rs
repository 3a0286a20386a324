//! Where records come from: a file, or standard input; plain, gzip or zstd. Read twice, from the start.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use tempfile::SpooledTempFile;

use crate::seedfile::SeedError;
use crate::seedfile::lines::Lines;

/// How much of what can be read only once is kept in memory, before it goes to a file without a name.
const SPOOL_LEN_MAX: usize = 8 << 20;

/// The first bytes of a gzip member. Source: RFC 1952, section 2.3.1.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The first bytes of a zstd frame. Source: RFC 8878, section 3.1.1.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Logarithm of the longest window, 128 MiB, that a zstd file may ask for: what `zstd -d` takes without being
/// asked for more, and what `zstd --long` writes. A frame's 8 MiB would refuse those, and `zstd --ultra`'s.
const WINDOW_LOG_MAX: u32 = 27;

/// Records' source, which can be read again and again.
pub(crate) struct Source {
    name: String,
    bytes: Bytes,
    len: u64,
}

enum Bytes {
    File(File),
    Spool(SpooledTempFile),
}

impl Source {
    /// Opens a file; `-` is standard input. What cannot be read twice, such as a pipe, is read to its end.
    pub(crate) fn open(path: &Path) -> Result<Self, SeedError> {
        let name = path.display().to_string();
        let failed = |error| SeedError::Open {
            name: name.clone(),
            error,
        };
        if path == Path::new("-") {
            return Self::spool("standard input".to_owned(), io::stdin().lock());
        }
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        if !metadata.is_file() {
            return Self::spool(name, file);
        }
        Ok(Self {
            name,
            bytes: Bytes::File(file),
            len: metadata.len(),
        })
    }

    pub(super) fn spool(name: String, mut from: impl Read) -> Result<Self, SeedError> {
        let mut spool = SpooledTempFile::new(SPOOL_LEN_MAX);
        match io::copy(&mut from, &mut spool) {
            Ok(len) => Ok(Self {
                name,
                bytes: Bytes::Spool(spool),
                len,
            }),
            Err(error) => Err(SeedError::Open { name, error }),
        }
    }

    /// What to call it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How many bytes it has as it stands, packed or not.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Its lines from the start.
    pub(crate) fn lines(&mut self) -> Result<Lines<'_>, SeedError> {
        let name = self.name.clone();
        let read = Rc::new(Cell::new(0));
        let reader = unpacked(&mut self.bytes, read.clone()).map_err(|error| SeedError::Open {
            name: name.clone(),
            error,
        })?;
        Ok(Lines::new(name, reader, read))
    }
}

fn unpacked(bytes: &mut Bytes, read: Rc<Cell<u64>>) -> io::Result<Box<dyn BufRead + '_>> {
    bytes.seek(SeekFrom::Start(0))?;
    let mut raw = BufReader::with_capacity(128 << 10, Counted { bytes, read });
    let start = raw.fill_buf()?;
    if start.starts_with(&GZIP) {
        let unpacked = MultiGzDecoder::new(raw);
        Ok(Box::new(BufReader::with_capacity(128 << 10, unpacked)))
    } else if start.starts_with(&ZSTD) {
        let mut unpacked = zstd::stream::read::Decoder::with_buffer(raw)?;
        unpacked.window_log_max(WINDOW_LOG_MAX)?;
        Ok(Box::new(BufReader::with_capacity(128 << 10, unpacked)))
    } else {
        Ok(Box::new(raw))
    }
}

/// Counts the bytes that are read, for progress.
struct Counted<R> {
    bytes: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = self.bytes.read(into)?;
        let more = u64::try_from(len).unwrap_or_default();
        self.read.set(self.read.get().saturating_add(more));
        Ok(len)
    }
}

impl Read for Bytes {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(into),
            Self::Spool(spool) => spool.read(into),
        }
    }
}

impl Seek for Bytes {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Spool(spool) => spool.seek(to),
        }
    }
}

#[cfg(test)]
impl Source {
    /// A source of these bytes.
    pub(crate) fn of_bytes(name: &str, bytes: &[u8]) -> Self {
        Self::spool(name.to_owned(), bytes).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn lines(source: &mut Source) -> Result<Vec<String>, SeedError> {
        let mut found = Vec::new();
        let mut lines = source.lines()?;
        while let Some(line) = lines.next()? {
            found.push(format!("{} {}", line.number, line.text.unwrap()));
        }
        Ok(found)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text.as_bytes()).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn gzip_and_zstd_are_recognised_and_a_source_is_read_again() {
        let two_members = [gzip("a\nb"), gzip("c\n")].concat();
        let zstd = zstd::encode_all("a\nbc\n".as_bytes(), 1).unwrap();
        for bytes in [b"a\nbc\n".to_vec(), two_members, zstd] {
            let mut source = Source::of_bytes("x", &bytes);
            for _ in 0..2 {
                assert_eq!(lines(&mut source).unwrap(), ["1 a", "2 bc"]);
            }
        }
    }

    #[test]
    fn a_window_is_as_long_as_the_zstd_command_allows() {
        // A raw block of two bytes; the byte before it says how long a window is.
        let windowed = |window_log: u8| {
            let header = [0x28, 0xb5, 0x2f, 0xfd, 0, (window_log - 10) << 3];
            let bytes = [&header[..], &[0x11, 0, 0], b"a\n"].concat();
            lines(&mut Source::of_bytes("x.zst", &bytes))
        };
        assert_eq!(windowed(27).unwrap(), ["1 a"]);
        let error = windowed(28).unwrap_err().to_string();
        assert!(error.starts_with("x.zst:"), "{error}");
    }

    #[test]
    fn a_packed_file_that_breaks_off_is_told() {
        let mut bytes = gzip(&"line\n".repeat(10_000));
        bytes.truncate(bytes.len() - 20);
        let mut source = Source::of_bytes("x.gz", &bytes);
        let error = lines(&mut source).unwrap_err();
        assert!(error.to_string().starts_with("x.gz:"), "{error}");
    }

    #[test]
    fn what_cannot_be_opened_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let code = |path: &Path| {
            let error = Source::open(path).map(|source| source.len()).unwrap_err();
            crate::fault::Fault::from(error).exit().number()
        };
        assert_eq!(code(&folder.path().join("none")), 3);
        assert_eq!(code(folder.path()), 2);
    }

    #[test]
    fn what_is_large_and_comes_once_is_spooled() {
        let bytes = b"0123456789\n".repeat(SPOOL_LEN_MAX / 11 + 1000);
        let mut source = Source::of_bytes("x", &bytes);
        assert_eq!(lines(&mut source).unwrap().len(), bytes.len() / 11);
    }
}
