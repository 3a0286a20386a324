//! The second reading: good lines in chunks that one request carries.

use atome_proto::limit::SEED_CHUNK_RECORDS;

use crate::seedfile::{Checked, SeedError};

/// Where a chunk stops growing, in bytes: few requests for small records, little memory for large ones.
const CHUNK_LEN: usize = 2 << 20;

/// Records for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// JSON lines.
    pub(crate) body: Vec<u8>,
    /// How many.
    pub(crate) records: usize,
    /// Where they stand, for errors: `file:line` of the first and of the last.
    pub(crate) from: String,
    /// See [`Self::from`].
    pub(crate) to: String,
}

impl Chunk {
    fn takes(&self, text: &str) -> bool {
        self.records == 0
            || (self.records < SEED_CHUNK_RECORDS && self.body.len() + text.len() < CHUNK_LEN)
    }

    fn add(&mut self, text: &str, name: &str, line: u64) {
        self.body.extend_from_slice(text.as_bytes());
        self.body.push(b'\n');
        self.records += 1;
        self.to = format!("{name}:{line}");
        if self.records == 1 {
            self.from.clone_from(&self.to);
        }
    }
}

/// Hands chunks out to a function, one by one.
pub(crate) struct Chunks {
    checked: Checked,
}

impl Chunks {
    pub(crate) fn new(checked: Checked) -> Self {
        Self { checked }
    }

    /// Reads all sources again and gives every chunk to `send`.
    pub(crate) async fn for_each<E: From<SeedError>>(
        &mut self,
        mut send: impl AsyncFnMut(Chunk) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut chunk = Chunk::default();
        let mut sent = 0;
        let mut last = String::new();
        for (source, skip) in &mut self.checked.sources {
            let name = source.name().to_owned();
            let mut skip = skip.iter().copied().peekable();
            let mut lines = source.lines()?;
            while let Some(line) = lines.next()? {
                if skip.next_if_eq(&line.number).is_some() {
                    continue;
                }
                let Ok(text) = line.text else {
                    return Err(SeedError::Changed(name).into());
                };
                if !chunk.takes(text) {
                    send(std::mem::take(&mut chunk)).await?;
                }
                chunk.add(text, &name, line.number);
                sent += 1;
            }
            last = name;
        }
        if sent != self.checked.records {
            return Err(SeedError::Changed(last).into());
        }
        if chunk.records > 0 {
            send(chunk).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seedfile::{Rules, Source, check};
    use indicatif::ProgressBar;

    async fn chunks(text: &str) -> Vec<Chunk> {
        let sources = vec![Source::of_bytes("f", text.as_bytes())];
        let bar = ProgressBar::hidden();
        let checked = check(sources, Rules::default(), &bar, |_| {}).unwrap();
        let mut found = Vec::new();
        Chunks::new(checked)
            .for_each(async |chunk| {
                found.push(chunk);
                Ok::<_, SeedError>(())
            })
            .await
            .unwrap();
        found
    }

    #[tokio::test]
    async fn bad_and_repeated_lines_are_left_out() {
        let text =
            "{\"key\":\"a\",\"type\":\"t\"}\nbad\n{\"key\":\"a\",\"type\":\"t\"}\n{\"type\":\"u\"}";
        let found = chunks(text).await;
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].body,
            b"{\"key\":\"a\",\"type\":\"t\"}\n{\"type\":\"u\"}\n"
        );
        assert_eq!(
            (found[0].from.as_str(), found[0].to.as_str()),
            ("f:1", "f:4")
        );
    }

    #[tokio::test]
    async fn a_chunk_is_bounded_by_records_and_by_bytes() {
        let many = "{\"type\":\"t\"}\n".repeat(2 * SEED_CHUNK_RECORDS + 1);
        let counts: Vec<usize> = chunks(&many).await.iter().map(|c| c.records).collect();
        assert_eq!(counts, [SEED_CHUNK_RECORDS, SEED_CHUNK_RECORDS, 1]);
        let value = "v".repeat(900_000);
        let large = format!("{{\"type\":\"t\",\"properties\":{{\"a\":\"{value}\"}}}}\n").repeat(5);
        let counts: Vec<usize> = chunks(&large).await.iter().map(|c| c.records).collect();
        assert_eq!(counts, [2, 2, 1]);
    }

    #[tokio::test]
    async fn nothing_makes_no_chunk() {
        assert!(chunks("\n").await.is_empty());
    }
}
