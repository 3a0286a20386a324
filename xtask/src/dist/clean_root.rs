//! The packages in a clean Debian: installed, used by an ordinary user, upgraded, removed, installed again.
//!
//! There is no systemd in it: the scripts of the packages must do without, and the daemon is started by
//! hand as its unit says.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use atome_tests::process::Running;
use atome_tests::{Binaries, Confinement, Reply, Unit, binaries, ctl};

use super::package::{PACKAGES, Source};
use super::pages::Pages;
use crate::{cargo, workspace_root};

/// What makes users and folders where there is no systemd.
const WITHOUT_SYSTEMD: &str = "systemd-standalone-sysusers,systemd-standalone-tmpfiles";
const SAMPLE: &str = "/srv/countries.jsonl";
/// A member of the daemon's group, and a stranger.
const PEOPLE: &str = "/srv/people.conf";

#[test]
fn packages_come_and_go_and_data_stays() {
    if is_skipped() {
        return;
    }
    let folder = tempfile::Builder::new()
        .prefix("atome-clean-")
        .tempdir()
        .unwrap();
    let (root, first, second) = std::thread::scope(|scope| {
        // Waits for the network mostly.
        let root = scope.spawn(|| Root::make(folder.path()));
        let (first, second) = (packages(folder.path(), 1), packages(folder.path(), 2));
        (root.join().unwrap(), first, second)
    });
    root.install(&first);
    fs::write(root.inside(PEOPLE), "u ada\nm ada atome\nu mallory\n").unwrap();
    root.run(&["systemd-sysusers", PEOPLE]);

    let daemon = root.start_daemon();
    let create = ["account", "create", "ada", "--password-stdin"];
    root.ctl("ada", &create, b"correct horse battery staple\n");
    root.ctl("ada", &["seed", SAMPLE], b"");
    assert_ne!(
        root.ask("mallory", &["list"], b"").code,
        0,
        "no member of the group"
    );
    root.stop(daemon);
    root.the_hub_waits_for_its_certificate();

    let config = root.path.join("etc/atome/atomed.toml");
    let kept = fs::read_to_string(&config).unwrap() + "\n# The operator's own words.\n";
    fs::write(&config, &kept).unwrap();
    root.install(&second);
    assert_eq!(
        root.version("atome"),
        format!("{}-2", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(fs::read_to_string(&config).unwrap(), kept);
    root.data_is_there();

    root.run(&["dpkg", "--remove", "atome", "atome-server"]);
    assert!(!root.path.join("usr/bin/atomed").exists());
    assert_eq!(fs::read_to_string(&config).unwrap(), kept);
    root.install(&first);
    root.data_is_there();

    root.run(&["dpkg", "--purge", "atome", "atome-server"]);
    assert!(!config.exists());
    root.install(&second);
    root.data_is_there();
}

/// This takes a minute or two: it is for continuous integration, and for who asks for it.
fn is_skipped() -> bool {
    let wanted = |name| std::env::var_os(name).is_some();
    let why = if !wanted("CI") && !wanted("ATOME_CLEAN_ROOT") {
        "set ATOME_CLEAN_ROOT=1 to try the packages in a clean Debian"
    } else if !rustix::process::geteuid().is_root() {
        "only root can make a clean Debian"
    } else if let Some(program) = ["mmdebstrap", "bwrap", "dpkg-deb", "objdump"]
        .iter()
        .find(|program| !super::is_there(program))
    {
        &format!("{program} is not installed")
    } else {
        return false;
    };
    assert!(!wanted("CI"), "{why}");
    // Past the capture of the test runner, so that it is seen.
    let _told = writeln!(std::io::stderr(), "skipped: {why}");
    true
}

/// Both packages of a revision, with the programs that tests are run with.
fn packages(folder: &Path, revision: u32) -> Vec<PathBuf> {
    let root = workspace_root();
    let source = Source {
        root: &root,
        programs: &Binaries::get().unwrap().folder,
        pages: &Pages::write(folder).unwrap(),
        revision,
    };
    let build = |package: &super::package::Package| package.build(&source, folder).unwrap();
    PACKAGES.iter().map(build).collect()
}

/// A Debian of its own below a folder.
struct Root {
    path: PathBuf,
    /// Where the daemon's log is, and the socket on which it says that it is ready.
    beside: PathBuf,
}

impl Root {
    fn make(folder: &Path) -> Self {
        let root = Self {
            path: folder.join("root"),
            beside: folder.join("beside"),
        };
        let (suite, mirror) = debian();
        let mut mmdebstrap = Command::new("mmdebstrap");
        mmdebstrap
            .args([
                "--quiet",
                "--variant=essential",
                "--include",
                WITHOUT_SYSTEMD,
            ])
            .args([&suite, root.path.to_str().unwrap(), &mirror]);
        cargo::output(mmdebstrap).unwrap();
        fs::create_dir(&root.beside).unwrap();
        // The daemon's user passes here.
        for path in [folder, &root.path, &root.beside] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::copy(binaries::sample(), root.inside(SAMPLE)).unwrap();
        root
    }

    fn inside(&self, path: &str) -> PathBuf {
        self.path.join(path.trim_start_matches('/'))
    }

    fn command<S: AsRef<OsStr>>(&self, words: &[S]) -> Command {
        let mut command = Command::new("bwrap");
        command.arg("--bind").arg(&self.path).arg("/");
        command
            .args(["--proc", "/proc", "--dev", "/dev", "--"])
            .args(words);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    fn run<S: AsRef<OsStr>>(&self, words: &[S]) -> String {
        cargo::output(self.command(words)).unwrap()
    }

    fn install(&self, packages: &[PathBuf]) {
        let mut words: Vec<OsString> = vec!["dpkg".into(), "--install".into()];
        for package in packages {
            let name = Path::new("/srv").join(package.file_name().unwrap());
            fs::copy(package, self.inside(name.to_str().unwrap())).unwrap();
            words.push(name.into());
        }
        self.run(&words);
        for (folder, mode) in [("run/atome", 0o755), ("var/lib/atome", 0o700)] {
            let found = fs::metadata(self.path.join(folder)).unwrap();
            assert_eq!(found.mode() & 0o7777, mode, "{folder}");
            assert_ne!(found.uid(), 0, "{folder} is the daemon's");
        }
    }

    fn version(&self, package: &str) -> String {
        self.run(&["dpkg-query", "--show", "--showformat=${Version}", package])
    }

    /// As `atomed.service` says: its command, its user, its restrictions.
    fn start_daemon(&self) -> Running {
        let unit = Unit::read(&self.inside("usr/lib/systemd/system/atomed.service")).unwrap();
        let folder = |path: &str| (self.inside(path), PathBuf::from(path));
        let (state, state_inside) = folder("/var/lib/atome");
        let (run, run_inside) = folder("/run/atome");
        let confinement = Confinement::new(&unit, &self.path)
            .writable(&state, &state_inside)
            .writable(&run, &run_inside)
            .writable(&self.beside, &self.beside)
            .as_user(unit.get("User").unwrap());
        let words = unit.get("ExecStart").unwrap().split_whitespace();
        let words: Vec<OsString> = words.map(OsString::from).collect();
        let (command, stdin) = confinement.command(&words, None);
        Running::start_with(command, stdin, &self.beside, "atomed").unwrap()
    }

    fn stop(&self, daemon: Running) {
        let declared = fs::read_to_string(self.inside("/run/atome/atomed.json")).unwrap();
        let declared: serde_json::Value = serde_json::from_str(&declared).unwrap();
        let pid = declared["pid"].as_u64().unwrap().try_into().unwrap();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        for line in [
            "CapEff:\t0000000000000000",
            "CapBnd:\t0000000000000000",
            "NoNewPrivs:\t1",
        ] {
            assert!(status.contains(line), "{line}: {status}");
        }
        assert!(daemon.stop_from(pid).unwrap().success());
    }

    /// What a user's command answers; `atomectl` finds the daemon by itself.
    fn ask(&self, user: &str, arguments: &[&str], input: &[u8]) -> Reply {
        let ids = [format!("--reuid={user}"), format!("--regid={user}")];
        let mut words = vec!["setpriv", &ids[0], &ids[1], "--init-groups", "atomectl"];
        words.extend(arguments);
        ctl::run(self.command(&words), input).unwrap()
    }

    fn ctl(&self, user: &str, arguments: &[&str], input: &[u8]) {
        self.ask(user, arguments, input).expect_code(0).unwrap();
    }

    /// All that was seeded is there, and more can be written.
    fn data_is_there(&self) {
        let daemon = self.start_daemon();
        self.ctl("ada", &["verify", SAMPLE], b"");
        self.ctl("ada", &["add", "key:geonames/country/CH", "visits=1"], b"");
        self.stop(daemon);
    }

    /// What is configured is the example, and the hub says what it lacks.
    fn the_hub_waits_for_its_certificate(&self) {
        let said = ctl::run(self.command(&["atome-server", "--check-config"]), b"").unwrap();
        let said = said.expect_code(2).unwrap();
        assert!(said.stderr.contains("hub.crt"), "{}", said.stderr);
    }
}

/// The release that this system is, and where apt has it from.
fn debian() -> (String, String) {
    let release = fs::read_to_string("/etc/os-release").unwrap();
    let named = |line: &str| {
        Some(
            line.strip_prefix("VERSION_CODENAME=")?
                .trim_matches('"')
                .to_owned(),
        )
    };
    let suite = release.lines().find_map(named).unwrap();
    let mut apt = Command::new("apt-get");
    apt.args([
        "indextargets",
        "--format",
        "$(RELEASE) $(SITE)",
        "Created-By: Packages",
    ]);
    let said = cargo::output(apt).unwrap();
    let from = |line: &str| Some(line.strip_prefix(&format!("{suite} "))?.to_owned());
    let mirror = said.lines().find_map(from).unwrap();
    (suite, mirror)
}
