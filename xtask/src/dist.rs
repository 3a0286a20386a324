//! `cargo xtask dist`: man pages and completions, made from the definitions that `atomectl` itself parses by.

use std::fs;
use std::path::Path;

use clap_complete::{Shell, generate_to};

use crate::Outcome;

/// The shells that completions are made for.
const SHELLS: &[Shell] = &[Shell::Bash, Shell::Zsh, Shell::Fish];

/// Writes everything below `dist/`.
pub(crate) fn run(root: &Path) -> Outcome {
    let folder = root.join("dist");
    write(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    println!("man pages and completions are in {}", folder.display());
    Ok(())
}

fn write(folder: &Path) -> std::io::Result<()> {
    let man = folder.join("man");
    let completions = folder.join("completions");
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    clap_mangen::generate_to(atomectl::command(), &man)?;
    for shell in SHELLS {
        generate_to(*shell, &mut atomectl::command(), "atomectl", &completions)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_and_every_command_has_its_file() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let there = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        for name in ["atomectl.bash", "_atomectl", "atomectl.fish"] {
            assert!(
                there(&format!("completions/{name}")).contains("verify"),
                "{name}"
            );
        }
        assert!(there("man/atomectl.1").contains("atomectl"));
        for command in ["seed", "sync-wait", "account-create"] {
            let page = there(&format!("man/atomectl-{command}.1"));
            assert!(page.contains("Example"), "{command}");
        }
    }
}
