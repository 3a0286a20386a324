//! The filter of system calls: what Landlock does not see, or sees too late.
//!
//! Landlock judges a TCP port when it is bound or connected to. A socket that was never bound listens on a
//! port of the kernel's choice; `MSG_FASTOPEN` connects by sending; MPTCP and SCTP have ports and are not
//! TCP; `io_uring` does all of it past any filter of system calls. The filter closes these ways. It answers
//! `EPERM`, Landlock `EACCES`, so that a proof can tell who refused.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter_all_threads,
};

use crate::plan::Plan;

/// The second numbers by which x86-64 knows its system calls. Source: `__X32_SYSCALL_BIT` of Linux.
#[cfg(target_arch = "x86_64")]
const X32_BIT: Option<i64> = Some(0x4000_0000);
#[cfg(not(target_arch = "x86_64"))]
const X32_BIT: Option<i64> = None;

/// Takes the calls away that `plan` does not need, in every thread of this process.
pub(crate) fn deny(plan: &Plan) -> Result<(), seccompiler::Error> {
    let filter = SeccompFilter::new(
        rules(plan)?,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        TargetArch::try_from(std::env::consts::ARCH)?,
    )?;
    let program = BpfProgram::try_from(filter)?;
    apply_filter_all_threads(&program)
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn rules(plan: &Plan) -> Result<Rules, BackendError> {
    let mut rules = Rules::from([
        (libc::SYS_listen, Vec::new()),
        (libc::SYS_io_uring_setup, Vec::new()),
        (libc::SYS_socket, sockets(plan)?),
        (libc::SYS_sendto, vec![opens_fast(3)?]),
        (libc::SYS_sendmsg, vec![opens_fast(2)?]),
        (libc::SYS_sendmmsg, vec![opens_fast(3)?]),
    ]);
    if !plan.dials {
        rules.insert(libc::SYS_bind, Vec::new());
        rules.insert(libc::SYS_connect, Vec::new());
    }
    if let Some(bit) = X32_BIT {
        let twice: Rules = rules.iter().map(|(n, r)| (n | bit, r.clone())).collect();
        rules.extend(twice);
    }
    Ok(rules)
}

/// Which sockets are refused.
fn sockets(plan: &Plan) -> Result<Vec<SeccompRule>, BackendError> {
    let domain = |operator, family| argument(0, operator, family);
    if plan.connect_ports.is_empty() {
        return Ok(vec![SeccompRule::new(vec![domain(
            SeccompCmpOp::Ne,
            libc::AF_UNIX,
        )?])?]);
    }
    // Netlink: the resolver asks by it which kinds of addresses this machine has.
    let families = [
        libc::AF_UNIX,
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_NETLINK,
    ];
    let others: Result<_, _> = families
        .into_iter()
        .map(|family| domain(SeccompCmpOp::Ne, family))
        .collect();
    let mut refused = vec![SeccompRule::new(others?)?];
    for family in [libc::AF_INET, libc::AF_INET6] {
        let mut conditions = vec![domain(SeccompCmpOp::Eq, family)?];
        // 0 is what fits the type of the socket: TCP or UDP.
        for protocol in [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP] {
            conditions.push(argument(2, SeccompCmpOp::Ne, protocol)?);
        }
        refused.push(SeccompRule::new(conditions)?);
    }
    Ok(refused)
}

/// Sending that connects: TCP fast open. Its flags are the argument with this number.
fn opens_fast(flags: u8) -> Result<SeccompRule, BackendError> {
    let bit = libc::MSG_FASTOPEN;
    let mask = u64::from(bit.unsigned_abs());
    SeccompRule::new(vec![argument(flags, SeccompCmpOp::MaskedEq(mask), bit)?])
}

fn argument(
    number: u8,
    operator: SeccompCmpOp,
    value: libc::c_int,
) -> Result<SeccompCondition, BackendError> {
    let value = u64::from(value.unsigned_abs());
    SeccompCondition::new(number, SeccompCmpArgLen::Dword, operator, value)
}
