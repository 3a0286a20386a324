//! Limits, each checked before memory is taken for what it bounds.

/// Longest particle key, in bytes of UTF-8.
pub const KEY_LEN_MAX: usize = 255;
/// Longest external key, type or kind, in bytes of UTF-8: one index entry, well under a page.
pub const NAME_LEN_MAX: usize = 255;
/// Longest value, in bytes of canonical JSON: 1 MiB.
pub const VALUE_LEN_MAX: usize = 1 << 20;
/// Longest commit, in bytes of its JSON: 4 MiB.
pub const COMMIT_LEN_MAX: usize = 4 << 20;
/// Most changes (one `set`, `unset` or `add` of one key each) in a commit.
pub const COMMIT_CHANGES_MAX: usize = 10_000;
/// Deepest nesting of arrays and objects in a value.
pub const NESTING_MAX: usize = 64;
/// Longest frame, in bytes of its JSON: a commit of the greatest length and what stands around it.
pub const FRAME_LEN_MAX: usize = COMMIT_LEN_MAX + (64 << 10);
/// What a frame of several commits or pages aims at, in bytes: large enough to compress well and to
/// share one transaction, small enough that a window of them is little memory.
pub const FRAME_LEN_TARGET: usize = 256 << 10;
/// Frames that may be on the way in one direction: covers a slow round trip at a megabyte.
pub const WINDOW_FRAMES: u32 = 4;
/// Most feed entries or commits in a frame.
pub const FRAME_ENTRIES_MAX: usize = 2_000;
/// Bytes of texts from which on reading them takes longer than handing that to another thread.
pub const READ_BESIDE_LEN: usize = 16 << 10;
/// How far ahead of the hub's clock a stamp may be, in milliseconds, before the hub clamps it.
pub const CLOCK_AHEAD_MAX_MS: u64 = 60_000;
/// Longest line of a seed file, in bytes: as much as a commit can hold.
pub const SEED_LINE_LEN_MAX: usize = COMMIT_LEN_MAX;
/// Records that one seed or verify request carries; one request of `seed` is one commit or a few.
pub const SEED_CHUNK_RECORDS: usize = 1_000;
/// Longest body of a local request, in bytes.
pub const LOCAL_BODY_LEN_MAX: usize = 16 << 20;
/// Bytes of the message of a grant: a few sentences.
pub const MESSAGE_LEN_MAX: usize = 1_000;
/// Particles that a grant may name one by one.
pub const GRANT_KEYS_MAX: usize = 100;
/// Atomes that one eviction names: a frame holds many such.
pub const EVICTED_AT_ONCE: usize = 1_000;
