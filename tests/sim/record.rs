//! The record of a world that failed: one JSON line an event, with the state of everyone after it.
//!
//! The first line names the seed. `cargo xtask replay` shows the file.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::world::World;

/// Who does something.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    Machine(usize),
    Hub,
    World,
}

impl Who {
    fn name(self) -> String {
        match self {
            Self::Machine(machine) => format!("machine {machine}"),
            Self::Hub => "hub".to_owned(),
            Self::World => "world".to_owned(),
        }
    }
}

pub(crate) struct Record {
    path: PathBuf,
    file: BufWriter<File>,
    /// The event whose consequences are not known yet.
    open: Option<Value>,
}

impl Record {
    pub(crate) fn begin(seed: u64) -> Self {
        let path = std::env::temp_dir().join(format!("atome-sim-{seed}.jsonl"));
        let file = File::create(&path).expect("a file for the record");
        let mut record = Self {
            path,
            file: BufWriter::new(file),
            open: None,
        };
        record.write(&json!({ "seed": seed }));
        record
    }

    fn write(&mut self, line: &Value) {
        writeln!(self.file, "{line}").expect("the record is written");
    }

    /// Ends the event that is open: `after` is how everyone stands then.
    fn close(&mut self, after: &Value) {
        if let Some(mut event) = self.open.take() {
            event["after"] = after.clone();
            self.write(&event);
        }
    }
}

impl World {
    /// Notes an event: what someone hears, decides or stores. What it leads to is seen at the next one.
    pub(crate) fn note(&mut self, who: Who, what: std::fmt::Arguments<'_>) {
        let Some(mut record) = self.record.take() else {
            return;
        };
        record.close(&self.states());
        record.open = Some(json!({
            "step": self.steps(),
            "ms": self.now.mono_ms,
            "who": who.name(),
            "what": what.to_string(),
        }));
        self.record = Some(record);
    }

    /// Ends the record with what was found, and tells where it is.
    pub(crate) fn end_record(&mut self, why: &str) {
        self.note(Who::World, format_args!("FAILS: {why}"));
        let Some(mut record) = self.record.take() else {
            return;
        };
        record.close(&self.states());
        record.file.flush().expect("the record is written");
        println!("every step: cargo xtask replay {}", record.path.display());
    }

    fn states(&self) -> Value {
        let mut states = serde_json::Map::new();
        for (i, machine) in self.machines.iter().enumerate() {
            states.insert(Who::Machine(i).name(), self.state_of(machine));
        }
        let heads: Vec<u64> = self.accounts.iter().map(|at| self.hub.head(*at)).collect();
        let hub = json!({
            "epoch": self.hub.identity.epoch,
            "heads": heads,
            "connections": self.hub.sides.len(),
            "clock_off_ms": self.hub.skew_ms,
        });
        states.insert(Who::Hub.name(), hub);
        Value::Object(states)
    }

    fn state_of(&self, machine: &Machine) -> Value {
        let position = machine.db.position().expect("a position");
        let progress = machine.replica.progress();
        json!({
            "account": machine.account,
            "replica": position.replica,
            "number": position.number,
            "acked": position.acked,
            "pending": position.pending(),
            "refused": position.refused,
            "cursor": position.cursor.map(|cursor| cursor.feed),
            "at_hub": self.hub.number(machine.account, position.replica),
            "connection": machine.connection,
            "phase": format!("{:?}", progress.phase),
            "mode": machine.mode,
            "to_store": machine.todo.len(),
            "clock_off_ms": machine.skew_ms,
        })
    }
}
