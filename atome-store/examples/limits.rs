//! What SQLite itself does on this machine, with `synchronous=FULL`: the limits that `cargo xtask bench` prints
//! beside its figures.
//!
//! `limits FOLDER WHAT COUNT` prints a JSON object, `{"figure":…}`, with more where there is more to say. WHAT is
//!
//! * `single`: records a second, a row of an operation and a row of a state each, one commit a record; COUNT
//!   of them, or as many as go into two seconds
//! * `bulk`: the same, 1,000 records a transaction
//! * `where`: milliseconds of a question for 100 of COUNT records by a value in their JSON, each looked at
//! * `index`: the same by an index
//! * `text`: milliseconds of a search for a word (FTS5) that 1 in 1,000 of COUNT records has, by relevance
//! * `texts`: milliseconds in which FTS5 makes that index of COUNT records
//!
//! The database is a new one in FOLDER, and goes with the program.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

#[path = "shared/record.rs"]
mod record;

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// Records a transaction where many are written at once.
const CHUNK: usize = 1_000;
/// How long they are written one by one at most.
const SINGLE_TIME: Duration = Duration::from_secs(2);
/// How often a question is asked; the median counts.
const ASKED: usize = 9;
const RANK: &str = "json_extract(body, '$.properties.rank')";

#[expect(clippy::print_stdout, reason = "it is what this program is for")]
fn main() -> Done {
    let mut words = std::env::args().skip(1);
    let (Some(folder), Some(what), Some(count)) = (words.next(), words.next(), words.next()) else {
        return Err("limits FOLDER single|bulk|where|index|text|texts COUNT".into());
    };
    let count = count.parse()?;
    let folder = tempfile::tempdir_in(folder)?;
    let db = open(folder.path())?;
    let found = match what.as_str() {
        "single" => serde_json::json!({ "figure": single(&db, count)? }),
        "bulk" => serde_json::json!({ "figure": bulk(&db, count)? }),
        "where" | "index" => {
            bulk(&db, count)?;
            if what == "index" {
                db.execute_batch(&format!("CREATE INDEX rank ON state ({RANK})"))?;
            }
            ask(
                &db,
                &format!("SELECT body FROM state WHERE {RANK} < 100"),
                100.min(count),
            )?
        }
        "text" | "texts" => {
            bulk(&db, count)?;
            let took_ms = make_index(&db)?;
            if what == "texts" {
                serde_json::json!({ "figure": took_ms })
            } else {
                let rare = record::RARE;
                ask(
                    &db,
                    &format!("SELECT body FROM words WHERE words MATCH '{rare}' ORDER BY rank"),
                    count.div_ceil(record::RARE_EVERY),
                )?
            }
        }
        other => return Err(format!("there is no limit '{other}'").into()),
    };
    println!("{found}");
    Ok(())
}

fn open(folder: &Path) -> Done<Connection> {
    let db = Connection::open(folder.join("bare.db"))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.execute_batch(
        "CREATE TABLE op (id INTEGER PRIMARY KEY, body TEXT); \
         CREATE TABLE state (id BLOB PRIMARY KEY, body TEXT) WITHOUT ROWID",
    )?;
    Ok(db)
}

/// Writes records one by one for a while.
fn single(db: &Connection, count: u64) -> Done<f64> {
    let lines: Vec<String> = (0..count).map(|n| record::line(n, false)).collect();
    let (mut n, began) = (0, Instant::now());
    for line in &lines {
        if began.elapsed() > SINGLE_TIME {
            break;
        }
        transact(db, &mut n, std::slice::from_ref(line))?;
    }
    Ok(n as f64 / began.elapsed().as_secs_f64())
}

/// Writes records, many a transaction, and gives the rate of it in records a second.
fn bulk(db: &Connection, count: u64) -> Done<f64> {
    let lines: Vec<String> = (0..count).map(|n| record::line(n, false)).collect();
    let mut n = 0;
    let began = Instant::now();
    for chunk in lines.chunks(CHUNK) {
        transact(db, &mut n, chunk)?;
    }
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

/// One transaction of records from number `n` on.
fn transact(db: &Connection, n: &mut u64, lines: &[String]) -> Done {
    db.execute_batch("BEGIN")?;
    for line in lines {
        db.prepare_cached("INSERT INTO op (body) VALUES (?)")?
            .execute([line])?;
        db.prepare_cached("INSERT INTO state VALUES (?, ?)")?
            .execute(params![id(*n), line])?;
        *n += 1;
    }
    Ok(db.execute_batch("COMMIT")?)
}

/// Makes an index of all words, and gives the milliseconds that it took.
fn make_index(db: &Connection) -> Done<f64> {
    let began = Instant::now();
    db.execute_batch(
        "CREATE VIRTUAL TABLE words USING fts5 (body, content = 'op', content_rowid = 'id'); \
         INSERT INTO words (words) VALUES ('rebuild')",
    )?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

/// As ids of atomes are: by time, eight to a millisecond, at random within.
fn id(n: u64) -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&(n / 8).to_be_bytes());
    id[8..].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    id
}

/// Asks several times, and gives the median.
fn ask(db: &Connection, question: &str, expected: u64) -> Done<serde_json::Value> {
    let mut took = Vec::with_capacity(ASKED);
    for _ in 0..ASKED {
        let began = Instant::now();
        let mut statement = db.prepare(question)?;
        let bodies = statement.query_map([], |row| row.get::<_, String>(0))?;
        let bodies = bodies.collect::<Result<Vec<_>, _>>()?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
        if u64::try_from(bodies.len())? != expected {
            return Err(format!("{} rows instead of {expected}: {question}", bodies.len()).into());
        }
    }
    took.sort_by(f64::total_cmp);
    Ok(serde_json::json!({ "figure": took.get(ASKED / 2), "rows": expected }))
}
