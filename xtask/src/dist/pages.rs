//! Man pages and completions of every program, made from its command line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap_complete::{Shell, generate_to};

/// The shells that completions are made for.
const SHELLS: &[Shell] = &[Shell::Bash, Shell::Zsh, Shell::Fish];

/// Where the pages are.
pub(super) struct Pages {
    /// `PROGRAM.1`, `PROGRAM-COMMAND.1`.
    pub(super) man: PathBuf,
    /// `PROGRAM.bash`, `_PROGRAM`, `PROGRAM.fish`.
    pub(super) completions: PathBuf,
}

impl Pages {
    /// Writes them below `folder`.
    pub(super) fn write(folder: &Path) -> io::Result<Self> {
        let pages = Self {
            man: folder.join("man"),
            completions: folder.join("completions"),
        };
        fs::create_dir_all(&pages.man)?;
        fs::create_dir_all(&pages.completions)?;
        for command in [
            atomectl::command(),
            atomed::cli::command(),
            atome_server::cli::command(),
        ] {
            let name = command.get_name().to_owned();
            clap_mangen::generate_to(command.clone(), &pages.man)?;
            for shell in SHELLS {
                generate_to(*shell, &mut command.clone(), &name, &pages.completions)?;
            }
        }
        Ok(pages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_shell_and_command_has_its_file() {
        let folder = tempfile::tempdir().unwrap();
        Pages::write(folder.path()).unwrap();
        let there = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        for (program, word) in [
            ("atomectl", "verify"),
            ("atomed", "check-config"),
            ("atome-server", "account"),
        ] {
            for name in [
                format!("{program}.bash"),
                format!("_{program}"),
                format!("{program}.fish"),
            ] {
                let text = there(&format!("completions/{name}"));
                assert!(text.contains(word), "{name}");
            }
            let page = there(&format!("man/{program}.1"));
            // A dash is written `\-` there.
            assert!(page.replace('\\', "").contains(word), "{program}");
        }
        for command in ["seed", "sync-wait", "account-create"] {
            let page = there(&format!("man/atomectl-{command}.1"));
            assert!(page.contains("Example"), "{command}");
        }
    }
}
