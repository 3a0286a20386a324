//! What a writer was told of each of its writes, and what must therefore be there.

use std::collections::BTreeMap;
use std::sync::Mutex;

use atome_proto::Value;
use atome_proto::commit::Key;
use atome_proto::local::v1::{NewAtome, Operation, Write};
use atome_proto::seed::Record;
use atome_proto::value::Number;

/// The atome of an account that every write of every machine adds to.
pub(crate) const TALLY: &str = "tally";
/// Its counter.
const COUNT: &str = "count";

/// What is known of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Sent, and not answered: it is there once, or not.
    Sent,
    /// It must be there.
    Acknowledged,
    /// It must not be there.
    Refused,
}

/// One writer, which writes one after the other.
pub(crate) struct Ledger {
    /// Its machine and its number there.
    pub(crate) name: String,
    pub(crate) account: String,
    writes: Mutex<Vec<Known>>,
}

/// What is wrong with a replica, in words.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) lost: Vec<String>,
    pub(crate) doubled: Vec<String>,
    pub(crate) other: Vec<String>,
}

fn key(name: &str) -> Key {
    Key::of_particle(name).expect("a particle's name")
}

/// Another amount from write to write, so that one cannot stand for another.
fn amount(n: usize) -> i64 {
    1 + (n % 7) as i64
}

impl Ledger {
    pub(crate) fn new(machine: &str, account: &str, writer: usize) -> Self {
        Self {
            name: format!("{machine}{writer}"),
            account: account.to_owned(),
            writes: Mutex::default(),
        }
    }

    /// Notes that the next write is about to be sent, and gives its number.
    pub(crate) fn send(&self) -> usize {
        let mut writes = self.writes.lock().expect("no one panics here");
        writes.push(Known::Sent);
        writes.len() - 1
    }

    /// Notes what was answered.
    pub(crate) fn note(&self, n: usize, known: Known) {
        self.writes.lock().expect("no one panics here")[n] = known;
    }

    fn atome(&self, n: usize) -> String {
        format!("{}/{n}", self.name)
    }

    /// A new atome, an addition to the common counter, and a register that only this writer sets: one commit.
    pub(crate) fn write(&self, n: usize) -> Write {
        let text = Value::from_text(&self.atome(n));
        let create = Operation {
            create: Some(NewAtome {
                type_name: "proof".to_owned(),
                key: Some(self.atome(n)),
                ..NewAtome::default()
            }),
            set: BTreeMap::from([(key("one"), text.clone()), (key("two"), text)]),
            ..Operation::default()
        };
        let number = Value::from_number(Number::Whole(n as i64));
        let add = Operation {
            atome: Some(format!("key:{TALLY}")),
            add: BTreeMap::from([(key(COUNT), Number::Whole(amount(n)))]),
            set: BTreeMap::from([(key(&self.register()), number)]),
            ..Operation::default()
        };
        Write {
            operations: vec![create, add],
            receipt: false,
        }
    }

    fn register(&self) -> String {
        format!("last_{}", self.name)
    }

    /// Compares a replica with what this writer knows; gives what its writes add to the counter.
    fn compare(
        &self,
        atomes: &mut BTreeMap<String, Record>,
        tally: &Record,
        found: &mut Findings,
    ) -> i64 {
        let writes = self.writes.lock().expect("no one panics here");
        let mut sum = 0;
        let (mut last_there, mut last_acknowledged) = (None, None);
        for (n, known) in writes.iter().enumerate() {
            let name = self.atome(n);
            let record = atomes.remove(&name);
            if *known == Known::Acknowledged {
                last_acknowledged = Some(n);
            }
            match (known, record) {
                (Known::Acknowledged, None) => found.lost.push(name),
                (Known::Refused, Some(_)) => found
                    .other
                    .push(format!("{name} was refused, and is there")),
                (Known::Sent | Known::Refused, None) => {}
                (Known::Acknowledged | Known::Sent, Some(record)) => {
                    sum += amount(n);
                    last_there = Some(n);
                    let text = Value::from_text(&name);
                    let is_whole = |part| record.properties.get(&key(part)) == Some(&text);
                    if record.properties.len() != 2 || !is_whole("one") || !is_whole("two") {
                        found.other.push(format!("{name} is not whole: {record:?}"));
                    }
                }
            }
        }
        let register = tally.properties.get(&key(&self.register()));
        let expected = last_there.map(|n| Value::from_number(Number::Whole(n as i64)));
        if register != expected.as_ref() {
            let words = format!(
                "{} of {} is {register:?}, {last_there:?} was the last that is there, {last_acknowledged:?} the last \
                 acknowledged",
                self.register(),
                self.account
            );
            let number = register.and_then(Value::to_number).map(Number::as_f64);
            let is_older = number < last_acknowledged.map(|n| n as f64);
            if is_older {
                &mut found.lost
            } else {
                &mut found.other
            }
            .push(words);
        }
        sum
    }
}

/// Compares the export of an account's replica with what all of its writers know.
pub(crate) fn compare(ledgers: &[&Ledger], export: &str) -> Findings {
    let mut found = Findings::default();
    let mut atomes = BTreeMap::new();
    for line in export.lines() {
        let record: Record = serde_json::from_str(line).expect("a seed record");
        let name = record.key.clone().unwrap_or_default();
        if let Some(before) = atomes.insert(name, record) {
            found
                .doubled
                .push(format!("{:?} is there twice", before.key));
        }
    }
    let Some(tally) = atomes.remove(TALLY) else {
        found.lost.push("the tally itself".to_owned());
        return found;
    };
    let sums = ledgers
        .iter()
        .map(|ledger| ledger.compare(&mut atomes, &tally, &mut found));
    let expected: i64 = sums.sum();
    let count = tally.properties.get(&key(COUNT)).and_then(Value::to_number);
    match count {
        Some(Number::Whole(count)) if count > expected => {
            found.doubled.push(format!(
                "the counter is {count}, its additions are {expected}"
            ));
        }
        Some(Number::Whole(count)) if count == expected => {}
        None if expected == 0 => {}
        _ => found.lost.push(format!(
            "the counter is {count:?}, its additions are {expected}"
        )),
    }
    let strange = atomes
        .keys()
        .map(|name| format!("{name:?}, which nobody wrote"));
    found.other.extend(strange);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(key: &str, properties: &str) -> String {
        format!("{{\"key\":\"{key}\",\"type\":\"proof\",\"properties\":{properties}}}\n")
    }

    fn atome(n: usize) -> String {
        line(
            &format!("a0/{n}"),
            &format!("{{\"one\":\"a0/{n}\",\"two\":\"a0/{n}\"}}"),
        )
    }

    fn found(export: &str) -> [usize; 3] {
        let ledger = Ledger::new("a", "ada", 0);
        for known in [Known::Acknowledged, Known::Sent, Known::Refused] {
            let n = ledger.send();
            ledger.note(n, known);
        }
        let found = compare(&[&ledger], export);
        [found.lost.len(), found.doubled.len(), found.other.len()]
    }

    #[test]
    fn each_kind_of_damage_is_found() {
        let tally = |count: i64, last: i64| {
            line(TALLY, &format!("{{\"count\":{count},\"last_a0\":{last}}}"))
        };
        // An unanswered write may be there or not, and counts as it is there.
        assert_eq!(found(&(tally(1, 0) + &atome(0))), [0, 0, 0]);
        assert_eq!(found(&(tally(3, 1) + &atome(0) + &atome(1))), [0, 0, 0]);
        assert_eq!(found(&(tally(2, 1) + &atome(1))), [1, 0, 0]);
        assert_eq!(found(&(tally(2, 0) + &atome(0))), [0, 1, 0]);
        assert_eq!(found(&(tally(1, 1) + &atome(0) + &atome(1))), [1, 0, 0]);
        assert_eq!(found(&(tally(3, 0) + &atome(0) + &atome(1))), [0, 0, 1]);
        assert_eq!(found(&(tally(1, -1) + &atome(0))), [1, 0, 0]);
        assert_eq!(found(&(tally(1, 0) + &atome(0) + &atome(2))), [0, 0, 1]);
        assert_eq!(found(&(tally(1, 0) + &atome(0) + &atome(9))), [0, 0, 1]);
        assert_eq!(
            found(&(tally(1, 0) + &line("a0/0", "{\"one\":\"a0/0\"}"))),
            [0, 0, 1]
        );
        assert_eq!(found(&atome(0)), [1, 0, 0]);
    }
}
