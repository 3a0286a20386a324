//! Frames: a message as text (JSON as it is) or as binary (the same JSON, compressed with zstd).

use std::io::Read;

use crate::limit::FRAME_LEN_MAX;

/// How messages are put into frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// JSON as it is, for browsers and debugging.
    #[default]
    Text,
    /// zstd of the same JSON; the capability is called `zstd`.
    Zstd,
}

/// A frame's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameBytes {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Vec<u8>),
}

/// Why a frame cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BadFrame {
    /// The content is no message.
    #[error("the frame cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// The binary content is not zstd, asks for too long a window, or is not UTF-8 within.
    #[error("the frame cannot be decompressed: {0}")]
    Zstd(#[from] std::io::Error),
    /// The message is longer than [`FRAME_LEN_MAX`].
    #[error("the frame is longer than {FRAME_LEN_MAX} bytes")]
    TooLong,
    /// A message type that this program does not know, and that is not optional.
    #[error("a message of type '{0}' is not known here")]
    Unsupported(String),
}

/// Below this a frame is sent as text: compression saves nothing on a `ping`.
const COMPRESS_LEN_MIN: usize = 512;
/// zstd's fastest regular level: 2.75 : 1 on batches of small records at about 290 MB/s.
const LEVEL: i32 = 1;
/// The longest window that a frame may ask its reader to hold, as a power of two: 8 MiB, the least that
/// covers [`FRAME_LEN_MAX`]. A header of six bytes asks for up to 128 MiB otherwise.
const WINDOW_LOG_MAX: u32 = 23;

impl FrameBytes {
    /// Puts the JSON of a message into a frame; short messages are always text.
    ///
    /// # Errors
    ///
    /// [`BadFrame::TooLong`].
    pub fn pack(json: String, encoding: Encoding) -> Result<Self, BadFrame> {
        if json.len() > FRAME_LEN_MAX {
            return Err(BadFrame::TooLong);
        }
        match encoding {
            Encoding::Zstd if json.len() >= COMPRESS_LEN_MIN => {
                Ok(Self::Binary(zstd::bulk::compress(json.as_bytes(), LEVEL)?))
            }
            Encoding::Text | Encoding::Zstd => Ok(Self::Text(json)),
        }
    }

    /// Takes the JSON of a message out of a frame, never more than [`FRAME_LEN_MAX`] bytes of it.
    ///
    /// # Errors
    ///
    /// [`BadFrame::Zstd`] or [`BadFrame::TooLong`].
    pub fn unpack(self) -> Result<String, BadFrame> {
        let json = match self {
            Self::Text(json) => json,
            Self::Binary(bytes) => {
                let limit = u64::try_from(FRAME_LEN_MAX).unwrap_or(u64::MAX) + 1;
                let mut json = String::new();
                let mut decoder = zstd::stream::read::Decoder::new(bytes.as_slice())?;
                decoder.window_log_max(WINDOW_LOG_MAX)?;
                decoder.take(limit).read_to_string(&mut json)?;
                json
            }
        };
        if json.len() > FRAME_LEN_MAX {
            Err(BadFrame::TooLong)
        } else {
            Ok(json)
        }
    }

    /// How many bytes go over the wire.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        match self {
            Self::Text(json) => json.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_gives_back_its_json() {
        for len in [1, COMPRESS_LEN_MIN, FRAME_LEN_MAX] {
            let json = "x".repeat(len);
            for encoding in [Encoding::Text, Encoding::Zstd] {
                let frame = FrameBytes::pack(json.clone(), encoding).unwrap();
                assert_eq!(frame.unpack().unwrap(), json);
            }
        }
        let long = "x".repeat(FRAME_LEN_MAX + 1);
        assert!(matches!(
            FrameBytes::pack(long, Encoding::Text),
            Err(BadFrame::TooLong)
        ));
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let bomb = zstd::bulk::compress(&vec![b'x'; FRAME_LEN_MAX * 4], 19).unwrap();
        assert!(bomb.len() < 10_000);
        assert!(matches!(
            FrameBytes::Binary(bomb).unpack(),
            Err(BadFrame::TooLong)
        ));
        assert!(matches!(
            FrameBytes::Binary(vec![1, 2, 3]).unpack(),
            Err(BadFrame::Zstd(_))
        ));
        // A raw block of two bytes; the byte before it says how long a window is: 8 and 16 MiB.
        let windowed = |window_log: u8| {
            let header = [0x28, 0xb5, 0x2f, 0xfd, 0, (window_log - 10) << 3];
            FrameBytes::Binary([&header[..], &[0x11, 0, 0], b"{}"].concat()).unpack()
        };
        assert_eq!(windowed(23).unwrap(), "{}");
        assert!(matches!(windowed(24), Err(BadFrame::Zstd(_))));
        let latin1 = zstd::bulk::compress(&[0xe9; 600], 1).unwrap();
        assert!(matches!(
            FrameBytes::Binary(latin1).unpack(),
            Err(BadFrame::Zstd(_))
        ));
    }
}
