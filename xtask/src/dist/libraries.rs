//! Which packages of shared libraries a program needs, by what it says of itself.

use std::path::Path;
use std::process::Command;

use crate::cargo;

/// The C library, by the names of its parts.
const C_LIBRARY: &[&str] = &["libc.so.", "libm.so.", "ld-linux"];

/// What the programs need together, as `Depends` has it.
pub(super) fn needed<'a>(programs: impl Iterator<Item = &'a Path>) -> Result<Vec<String>, String> {
    let mut said = String::new();
    for program in programs {
        let mut objdump = Command::new("objdump");
        objdump.arg("--private-headers").arg(program);
        said.push_str(&cargo::output(objdump)?);
    }
    packages(&said)
}

/// Reads what `objdump` says of programs: `NEEDED libc.so.6`, and below `Version References` what of it.
fn packages(said: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for line in said.lines() {
        let Some(library) = line.trim().strip_prefix("NEEDED").map(str::trim) else {
            continue;
        };
        if C_LIBRARY.iter().any(|name| library.starts_with(name)) {
            continue;
        }
        if !library.starts_with("libgcc_s.so.") {
            return Err(format!(
                "a program needs {library}; name its package in xtask/src/dist/libraries.rs"
            ));
        }
        found.push("libgcc-s1".to_owned());
    }
    let version = |word: &str| -> Option<(u32, u32)> {
        let (major, minor) = word.strip_prefix("GLIBC_")?.split_once('.')?;
        // GLIBC_2.2.5 is the second release of the second version.
        let minor = minor.split('.').next()?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    let (major, minor) = said
        .split_whitespace()
        .filter_map(version)
        .max()
        .ok_or("a program does not say which C library it needs")?;
    found.push(format!("libc6 (>= {major}.{minor})"));
    found.sort();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_counts_and_a_stranger_is_told() {
        let said = "  NEEDED   libc.so.6\n  NEEDED   ld-linux-x86-64.so.2\n  NEEDED  libgcc_s.so.1\n\
                    Version References:\n  required from libc.so.6:\n    \
                    0x09691a75 0x00 04 GLIBC_2.2.5\n    0x069691b4 0x00 23 GLIBC_2.34\n    \
                    0x069691b9 0x00 24 GLIBC_2.9\n";
        assert_eq!(packages(said).unwrap(), ["libc6 (>= 2.34)", "libgcc-s1"]);
        assert!(
            packages("NEEDED libssl.so.3")
                .unwrap_err()
                .contains("libssl.so.3")
        );
        assert!(packages("").is_err());
    }

    #[test]
    fn this_very_program_is_understood() {
        let this = std::env::current_exe().unwrap();
        let needed = needed([this.as_path()].into_iter()).unwrap();
        assert!(
            needed
                .iter()
                .any(|package| package.starts_with("libc6 (>= 2."))
        );
    }
}
