//! A filter of system calls, as systemd makes it from `SystemCallFilter=`, `RestrictAddressFamilies=`,
//! `RestrictNamespaces=` and `MemoryDenyWriteExecute=`.
//!
//! Source: systemd.exec(5); for the program itself, seccomp(2) and `linux/filter.h`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use crate::ctl::run;
use crate::error::HarnessError;

use super::unit::Unit;

const LOAD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_ANY_BIT: u16 = 0x45;
const AND: u16 = 0x54;
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
const ERROR: u32 = 0x0005_0000;
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
const EAFNOSUPPORT: u32 = 97;

/// Where the lower half of an argument stands in `seccomp_data`, on machines whose lower half comes first.
const ARGUMENT: [u32; 3] = [16, 24, 32];

const PROT_EXEC: u32 = 4;
const PROT_WRITE_EXEC: u32 = 6;
/// Every `CLONE_NEW…` flag.
const NAMESPACES: u32 = 0x7e02_0080;

/// Families of sockets by their numbers. Source: `linux/socket.h`.
const FAMILIES: &[(&str, u32)] = &[("AF_UNIX", 1), ("AF_INET", 2), ("AF_INET6", 10)];

/// One instruction: what to do, how far to jump where it holds and where not, a number.
type Step = (u16, u8, u8, u32);

/// The filter of a unit, in the kernel's form.
pub(super) fn program(unit: &Unit) -> Result<Vec<u8>, HarnessError> {
    let numbers = numbers()?;
    let mut steps = vec![(LOAD, 0, 0, 0)];
    for (name, block) in special(unit)? {
        let number = numbers.get(name).copied().ok_or_else(|| lost(name))?;
        let len = u8::try_from(block.len()).map_err(|_| lost(name))?;
        steps.push((JUMP_EQUAL, 0, len, number));
        steps.extend(block);
    }
    for name in allowed(unit)? {
        // A name of another kind of machine has no number here.
        if let Some(number) = numbers.get(name.as_str()) {
            steps.push((JUMP_EQUAL, 0, 1, *number));
            steps.push((RETURN, 0, 0, ALLOW));
        }
    }
    steps.push((RETURN, 0, 0, ERROR | EPERM));
    let bytes = |(code, yes, no, number): &Step| {
        let mut bytes = code.to_ne_bytes().to_vec();
        bytes.extend([*yes, *no]);
        bytes.extend(number.to_ne_bytes());
        bytes
    };
    Ok(steps.iter().flat_map(bytes).collect())
}

/// Calls that are judged by their arguments; each block ends with an answer.
fn special(unit: &Unit) -> Result<Vec<(&'static str, Vec<Step>)>, HarnessError> {
    let refuse = |error| (RETURN, 0, 0, ERROR | error);
    let allow = (RETURN, 0, 0, ALLOW);
    let mut blocks = Vec::new();
    if let Some(families) = unit.get("RestrictAddressFamilies") {
        let mut block = vec![(LOAD, 0, 0, ARGUMENT[0])];
        for name in families.split_whitespace() {
            let family = FAMILIES.iter().find(|(known, _)| *known == name);
            let (_, family) = family.ok_or_else(|| lost(name))?;
            block.extend([(JUMP_EQUAL, 0, 1, *family), allow]);
        }
        block.push(refuse(EAFNOSUPPORT));
        blocks.push(("socket", block));
    }
    if unit.is("MemoryDenyWriteExecute", "yes") {
        let map = vec![
            (LOAD, 0, 0, ARGUMENT[2]),
            (AND, 0, 0, PROT_WRITE_EXEC),
            (JUMP_EQUAL, 0, 1, PROT_WRITE_EXEC),
            refuse(EPERM),
            allow,
        ];
        let protect = vec![
            (LOAD, 0, 0, ARGUMENT[2]),
            (JUMP_ANY_BIT, 0, 1, PROT_EXEC),
            refuse(EPERM),
            allow,
        ];
        blocks.extend([("mmap", map), ("mprotect", protect)]);
    }
    if unit.is("RestrictNamespaces", "yes") {
        let clone = vec![
            (LOAD, 0, 0, ARGUMENT[0]),
            (JUMP_ANY_BIT, 0, 1, NAMESPACES),
            refuse(EPERM),
            allow,
        ];
        blocks.push(("clone", clone));
        // Its flags cannot be seen: the C library takes `clone` instead.
        blocks.push(("clone3", vec![refuse(ENOSYS)]));
        blocks.push(("unshare", vec![refuse(EPERM)]));
        blocks.push(("setns", vec![refuse(EPERM)]));
    }
    Ok(blocks)
}

/// The calls that the lines of `SystemCallFilter=` leave: the first line says what is allowed at all,
/// later ones add, and take away where they begin with `~`.
fn allowed(unit: &Unit) -> Result<BTreeSet<String>, HarnessError> {
    let mut allowed = BTreeSet::new();
    expand("@default", &mut allowed)?;
    for line in unit.all("SystemCallFilter") {
        let away = line.strip_prefix('~');
        let mut named = BTreeSet::new();
        for name in away.unwrap_or(line).split_whitespace() {
            expand(name, &mut named)?;
        }
        if away.is_some() {
            allowed.retain(|name| !named.contains(name));
        } else {
            allowed.extend(named);
        }
    }
    Ok(allowed)
}

/// A call, or all calls of a group, by the list of the systemd that is here.
fn expand(name: &str, into: &mut BTreeSet<String>) -> Result<(), HarnessError> {
    if !name.starts_with('@') {
        into.insert(name.to_owned());
        return Ok(());
    }
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["syscall-filter", "--no-pager", name]);
    for line in run(analyze, &[])?.expect_code(0)?.stdout.lines().skip(1) {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            expand(line, into)?;
        }
    }
    Ok(())
}

/// The numbers of system calls on this kind of machine, as its C compiler knows them.
fn numbers() -> Result<BTreeMap<String, u32>, HarnessError> {
    let mut compiler = Command::new("cc");
    compiler.args(["-E", "-dM", "-"]).stderr(Stdio::null());
    let said = run(compiler, b"#include <sys/syscall.h>\n")?.expect_code(0)?;
    let number = |line: &str| {
        let (name, number) = line.strip_prefix("#define __NR_")?.split_once(' ')?;
        Some((name.to_owned(), number.trim().parse().ok()?))
    };
    Ok(said.stdout.lines().filter_map(number).collect())
}

fn lost(name: &str) -> HarnessError {
    HarnessError::Output {
        command: "the filter of system calls".to_owned(),
        why: format!("'{name}' is not known here"),
    }
}
