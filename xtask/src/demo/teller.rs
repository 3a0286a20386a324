//! Prints the story in words that a newcomer understands, and the commands as a person would type them.

use std::cell::Cell;
use std::time::Duration;

use atome_tests::{Ctl, Reply};

use super::Told;

/// Numbers the scenes.
#[derive(Default)]
pub(super) struct Teller {
    scene: Cell<u32>,
}

impl Teller {
    /// Begins a scene.
    pub(super) fn open(&self, title: &str) {
        self.scene.set(self.scene.get() + 1);
        println!("\n{:>2}. {title}", self.scene.get());
    }

    /// Says something within a scene.
    pub(super) fn say(&self, text: &str) {
        println!("      {text}");
    }
}

/// A person at one machine.
pub(super) struct Person {
    /// What the machine is called in the story.
    pub(super) machine: &'static str,
    pub(super) ctl: Ctl,
}

impl Person {
    /// Runs a command that must succeed, and shows it.
    pub(super) fn types(&self, arguments: &[&str]) -> Told<Reply> {
        self.types_with(arguments, "")
    }

    /// The same, with something on its standard input.
    pub(super) fn types_with(&self, arguments: &[&str], input: &str) -> Told<Reply> {
        let reply = self.ctl.run_with(arguments, input.as_bytes())?;
        self.show(&reply, arguments);
        Ok(reply)
    }

    /// Runs a command that must end with an exit code of its own, and shows it.
    pub(super) fn types_expecting(&self, arguments: &[&str], code: i32) -> Told<Reply> {
        let reply = self.ctl.ask(arguments)?.expect_code(code)?;
        self.show(&reply, arguments);
        Ok(reply)
    }

    /// Runs a command that must succeed, and does not show it.
    pub(super) fn asks(&self, arguments: &[&str]) -> Told<Reply> {
        Ok(self.ctl.run(arguments)?)
    }

    fn show(&self, reply: &Reply, arguments: &[&str]) {
        let words: Vec<String> = arguments.iter().map(|word| quoted(word)).collect();
        println!(
            "    {}$ atomectl {}   ({})",
            self.machine,
            words.join(" "),
            millis(reply.took)
        );
    }
}

/// A word as a shell takes it; the long way to the sample is cut to its name.
fn quoted(word: &str) -> String {
    let word = match word.rsplit_once('/') {
        Some((path, name)) if path.starts_with('/') => name,
        _ => word,
    };
    if word.contains([' ', '"', '>', '<', '*', ';']) {
        format!("'{word}'")
    } else {
        word.to_owned()
    }
}

/// A duration as people read it.
pub(super) fn millis(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

/// A number of bytes as people read it.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} bytes"),
        10_000..10_000_000 => format!("{} kB", count / 1000),
        _ => format!("{} MB", count / 1_000_000),
    }
}
