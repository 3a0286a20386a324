//! Going in, in two steps: Landlock before any thread, the filter of system calls once all is set up.

use std::collections::BTreeMap;
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd,
    PathFdError, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
    make_bitflags, path_beneath_rules,
};

use crate::calls;
use crate::measure::Means;
use crate::paths::SYSTEM;
use crate::plan::{Mode, Plan};

/// The kernel does not enforce all of what [`Mode::Required`] asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "sandbox = \"required\", and the kernel cannot enforce {lacks}: {why}. Run Linux 6.12 or later with \
     Landlock and seccomp enabled, or set sandbox = \"best-effort\""
)]
pub struct SandboxError {
    /// What it does not enforce.
    pub lacks: String,
    /// Why it does not.
    pub why: String,
}

/// Why Landlock does nothing.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0} cannot be named to it: {1}")]
    Path(PathBuf, PathFdError),
    #[error("Landlock failed: {0}")]
    Landlock(#[from] RulesetError),
}

/// A program that is in, and not yet sealed.
#[derive(Debug)]
#[must_use = "a program that is not sealed can still listen"]
pub struct Entered {
    plan: Plan,
    landlock: u32,
    /// Why Landlock does not do all of it, where it does not.
    why: Option<String>,
}

/// What the kernel enforces from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cage {
    /// How much was asked.
    pub mode: Mode,
    /// What is enforced, in words by name.
    pub enforced: BTreeMap<String, String>,
    /// What was asked for and is not enforced, with what it needs.
    pub lacks: Vec<String>,
    /// Why it is not.
    pub why: Vec<String>,
}

impl Plan {
    /// Takes away files, ports, signals and abstract sockets, from this thread and all that it will start.
    ///
    /// To be called before any thread is started: what runs already stays as it is.
    ///
    /// # Errors
    ///
    /// [`SandboxError`], with [`Mode::Required`] only; otherwise [`Entered::seal`] tells what is not enforced.
    pub fn enter(self) -> Result<Entered, SandboxError> {
        if self.mode == Mode::Off {
            return Ok(Entered::off());
        }
        let (landlock, why) = match restrict(&self) {
            Ok((landlock, why)) => (landlock, why.to_owned()),
            Err(failure) => (0, failure.to_string()),
        };
        let lacks = self.lacks(Means {
            landlock,
            // Tried last; until then it counts as there.
            seccomp: true,
        });
        if self.mode == Mode::Required && !lacks.is_empty() {
            let lacks = lacks.join(", ");
            return Err(SandboxError { lacks, why });
        }
        Ok(Entered {
            plan: self,
            landlock,
            why: (!lacks.is_empty()).then_some(why),
        })
    }

    fn lacks(&self, means: Means) -> Vec<String> {
        let measures = self.measures();
        measures
            .iter()
            .filter_map(|each| each.lacks(means))
            .collect()
    }
}

impl Entered {
    /// No sandbox at all.
    pub fn off() -> Self {
        Self {
            plan: Plan {
                mode: Mode::Off,
                ..Plan::default()
            },
            landlock: 0,
            why: None,
        }
    }

    /// Takes away what only the start needed, from every thread: from now on nothing listens anew.
    ///
    /// # Errors
    ///
    /// [`SandboxError`], with [`Mode::Required`] only.
    pub fn seal(self) -> Result<Cage, SandboxError> {
        let mode = self.plan.mode;
        if mode == Mode::Off {
            return Ok(Cage {
                mode,
                ..Cage::default()
            });
        }
        let mut why: Vec<String> = self.why.into_iter().collect();
        let denied = calls::deny(&self.plan);
        let means = Means {
            landlock: self.landlock,
            seccomp: denied.is_ok(),
        };
        let lacks = self.plan.lacks(means);
        if let Err(error) = denied {
            let failed = format!("seccomp failed: {error}");
            if mode == Mode::Required {
                let lacks = lacks.join(", ");
                return Err(SandboxError { lacks, why: failed });
            }
            why.push(failed);
        }
        let measures = self.plan.measures();
        let enforced = measures.iter().filter_map(|each| each.enforced(means));
        Ok(Cage {
            mode,
            enforced: enforced.collect(),
            lacks,
            why,
        })
    }
}

/// Has Landlock refuse what is not planned; gives the version that is at work, and why there is no more.
fn restrict(plan: &Plan) -> Result<(u32, &'static str), Failure> {
    let files = AccessFs::from_all(ABI::V3);
    let reading = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let mut ruleset = Ruleset::default()
        .handle_access(files)?
        .handle_access(AccessNet::from_all(ABI::V4))?
        .scope(scopes(plan))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, reading))?
        .add_rules(path_beneath_rules(std::env::current_exe(), reading))?
        .add_rules(path_beneath_rules(&plan.read, reading))?;
    // Nothing of the daemon's or the hub's own is a program or a device.
    let strange = make_bitflags!(AccessFs::{Execute | MakeChar | MakeBlock | MakeFifo});
    for path in &plan.own {
        let fd = PathFd::new(path).map_err(|error| Failure::Path(path.clone(), error))?;
        ruleset = ruleset.add_rule(PathBeneath::new(fd, files & !strange))?;
    }
    for port in &plan.bind_ports {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
    }
    for port in &plan.connect_ports {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    let status = ruleset.restrict_self()?;
    let why = match status.landlock {
        LandlockStatus::NotImplemented => "it has no Landlock",
        LandlockStatus::NotEnabled => "its Landlock is not enabled (lsm=landlock,… when it starts)",
        LandlockStatus::Available { .. } => "its Landlock is too old",
    };
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _)
        | (_, LandlockStatus::NotEnabled | LandlockStatus::NotImplemented) => (0, why),
        (
            RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced,
            LandlockStatus::Available { effective_abi, .. },
        ) => (effective_abi as u32, why),
    })
}

fn scopes(plan: &Plan) -> BitFlags<Scope> {
    if plan.abstract_sockets {
        Scope::Signal.into()
    } else {
        Scope::from_all(ABI::V6)
    }
}
