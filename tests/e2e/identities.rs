//! Who may see what: two Unix users, a kiosk and a CI job's token, by commands and by raw requests.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use atome_tests::{Ctl, Hub, Machine, Reply};
use serde_json::Value;

use crate::world::{Must, PASSWORD, World, eventually, json, run, skipped, wait};

/// Three users of this system that have nothing in common; none needs a name.
const ANNAS_USER: u32 = 61_001;
const BOBS_USER: u32 = 61_002;
const STRANGER: u32 = 61_003;
/// What only its owner may ever read.
const ANNAS: &str = "annas-secret-note";
const BOBS: &str = "bobs-secret-note";

/// A machine that every Unix user may ask, as a service's socket and its group allow.
struct Shared {
    machine: Machine,
    program: PathBuf,
    home: PathBuf,
}

impl Shared {
    fn open(world: &World, machine: Machine) -> Self {
        let reach = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).must();
        };
        let program = world.path("atomectl");
        // By a program of its own: one that is started meanwhile would hold the copy open for writing, and
        // nobody could run it.
        let copied = Command::new("cp")
            .args([&world.binaries.atomectl(), &program])
            .status();
        assert!(copied.must().success());
        reach(&program, 0o755);
        reach(&world.path(""), 0o755);
        reach(&world.path("shared"), 0o755);
        reach(&machine.socket(), 0o666);
        let home = world.path("home");
        std::fs::create_dir(&home).must();
        reach(&home, 0o777);
        Self {
            machine,
            program,
            home,
        }
    }

    /// Runs a command as a Unix user.
    fn ask(&self, uid: u32, arguments: &[&str], input: &[u8]) -> Reply {
        let (program, socket) = (self.program.clone(), self.machine.socket());
        let mut command = Ctl::new(program, socket, self.home.clone()).command(arguments);
        command.uid(uid).gid(uid);
        atome_tests::ctl::run(command, input).must()
    }

    fn must(&self, uid: u32, arguments: &[&str], input: &[u8]) -> String {
        let reply = self.ask(uid, arguments, input);
        reply.expect_code(0).must().stdout
    }

    /// Sends a request as a Unix user, without the command line: perl is part of every Debian.
    fn raw(&self, uid: u32, (method, path, body): &Request) -> String {
        const CLIENT: &str = "my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die \"$!\"; \
                              print $s join('', <STDIN>); $s->flush; print while <$s>;";
        let len = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: atome\r\nconnection: close\r\n\
             content-length: {len}\r\n\r\n{body}"
        );
        let mut client = Command::new("perl")
            .args(["-MIO::Socket::UNIX", "-e", CLIENT])
            .arg(self.machine.socket())
            .current_dir("/")
            .uid(uid)
            .gid(uid)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .must();
        let mut input = client.stdin.take().unwrap();
        input.write_all(request.as_bytes()).must();
        drop(input);
        let output = client.wait_with_output().must();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// A method, a path with its query, a body.
type Request = (&'static str, String, &'static str);

/// Every request of the local API about an account's data or the account itself, as someone would write it.
fn requests(account: &str) -> Vec<Request> {
    let of = |path: &str| {
        let sign = if path.contains('?') { '&' } else { '?' };
        format!("/v1/{path}{sign}account={account}")
    };
    let get = |path: &str| ("GET", of(path), "");
    let post = |path: &str, body| ("POST", of(path), body);
    let named = |path: &str, body| ("POST", format!("/v1/accounts/{account}/{path}"), body);
    vec![
        get("atomes"),
        get("atomes/key:notes%2F1"),
        get("atomes/key:notes%2F1/history"),
        get("tree"),
        get("watch"),
        get("sync"),
        get("sync/verify"),
        get("sync/refused"),
        get("backup"),
        get("sessions"),
        get("directory"),
        get("directory/lookup?name=anna"),
        get("grants"),
        get("policies"),
        get("why?actor=anna&right=read&atome=key:notes%2F1"),
        post("acts", r#"{"publish":{"atome":"key:notes/1"}}"#),
        post("commits", r#"{"operations":[]}"#),
        post(
            "seed",
            r#"{"type":"t","key":"notes/1","properties":{"x":1}}"#,
        ),
        post("verify", r#"{"type":"t","key":"notes/1"}"#),
        post("sync/now", ""),
        post("sync/pause", ""),
        post("sync/resume", ""),
        post("sync/wait", ""),
        post("sync/refused/1/retry", ""),
        post("logout", r#"{"pending":"discard"}"#),
        ("PUT", of("sync/mode"), r#"{"mode":"off"}"#),
        ("DELETE", of("sync/refused/1"), ""),
        (
            "DELETE",
            of("sessions/00000000-0000-7000-8000-000000000001"),
            "",
        ),
        ("DELETE", of("sessions?others=true"), ""),
        ("GET", format!("/v1/accounts/{account}"), ""),
        named("password", r#"{"password":"a","new_password":"b"}"#),
        named("delete", r#"{"local_only":true,"discard":true}"#),
        named("resolve", r#"{"alter":{"name":"mine"}}"#),
    ]
}

fn may_not(shared: &Shared, uid: u32, account: &str, secret: &str) {
    for request in requests(account) {
        let answer = shared.raw(uid, &request);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        let refused = matches!(status, "401" | "403" | "404");
        assert!(refused, "{uid}: {request:?}: {answer}");
        assert!(!answer.contains(secret), "{uid}: {request:?}: {answer}");
    }
}

/// A user sees its own, and nothing of the other.
fn sees_only(shared: &Shared, uid: u32, (own, other): (&str, &str), others: &str) {
    for list in [&["export"][..], &["list"], &["get", "key:notes/1"]] {
        let listed = shared.must(uid, list, b"");
        assert!(listed.contains(own) && !listed.contains(other), "{listed}");
    }
    for list in [
        &["account", "list"][..],
        &["status", "-o", "json"],
        &["whoami"],
    ] {
        let listed = shared.must(uid, list, b"");
        assert!(!listed.contains(&format!("\"{others}\"")), "{listed}");
    }
    may_not(shared, uid, others, other);
    // Whether there is such an account is not told either.
    let refusal = |name: &str| {
        let reply = shared.ask(uid, &["--account", name, "list", "-o", "json"], b"");
        let reply = reply.expect_code(4).must();
        reply.stderr.replace(name, "NAME")
    };
    assert_eq!(refusal(others), refusal("nobody"));
}

#[test]
fn nobody_sees_what_is_not_theirs() {
    if !rustix::process::getuid().is_root() {
        return skipped("two Unix users need root");
    }
    let world = World::new();
    let hub = world.hub();
    let shared = Shared::open(&world, world.machine("shared", Some(&hub)));
    for (uid, name, note) in [(ANNAS_USER, "anna", ANNAS), (BOBS_USER, "bob", BOBS)] {
        let create = ["account", "create", name, "--password-stdin"];
        shared.must(uid, &create, PASSWORD);
        let text = format!("text={note}");
        shared.must(uid, &["create", "note", "--key", "notes/1", &text], b"");
        shared.must(uid, &["sync", "wait"], b"");
    }
    sees_only(&shared, ANNAS_USER, (ANNAS, BOBS), "bob");
    sees_only(&shared, BOBS_USER, (BOBS, ANNAS), "anna");
    may_not(&shared, STRANGER, "anna", ANNAS);
    // Root administers, and reads nobody's data.
    let all = json(&shared.machine, &["account", "list"]);
    assert_eq!(all.as_array().unwrap().len(), 2, "{all}");
    doctor_shows_each_its_own(&shared, &all);
    for request in requests("anna") {
        let answer = shared.raw(0, &request);
        let shows_account = request.1 == "/v1/accounts/anna";
        let refused = shows_account || answer.contains("auth_required");
        assert!(refused && !answer.contains(ANNAS), "{request:?}: {answer}");
    }
    // And all of it is still there.
    for (uid, note) in [(ANNAS_USER, ANNAS), (BOBS_USER, BOBS)] {
        assert!(shared.must(uid, &["export"], b"").contains(note));
    }
    kiosk_and_job(&world, &hub);
    let all = shared.must(ANNAS_USER, &["export"], b"");
    assert!(!all.contains("kiosk-12"), "{all}");
}

/// What doctor tells of accounts and of files, by who asks; `all` are the accounts.
fn doctor_shows_each_its_own(shared: &Shared, all: &Value) {
    let id = |name: &str| {
        let account = all
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["name"] == name);
        account.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let (anna, bob) = (id("anna"), id("bob"));
    for (uid, sees_anna, sees_bob) in [
        (ANNAS_USER, true, false),
        (BOBS_USER, false, true),
        (STRANGER, false, false),
        (0, true, true),
    ] {
        let found = shared.ask(uid, &["doctor", "-o", "jsonl"], b"").stdout;
        let facts = shared.raw(uid, &("GET", "/v1/facts".to_owned(), ""));
        assert!(
            found.contains("hub-ok") && facts.contains("configuration"),
            "{found}{facts}"
        );
        for told in [&found, &facts] {
            assert_eq!(told.contains(&anna), sees_anna, "{uid}: {told}");
            assert_eq!(told.contains(&bob), sees_bob, "{uid}: {told}");
            assert!(
                !told.contains(ANNAS) && !told.contains(BOBS),
                "{uid}: {told}"
            );
        }
        // Root runs this daemon, too.
        let sees_machine = found.contains("machine.db") && found.contains("files-");
        assert_eq!(sees_machine, uid == 0, "{uid}: {found}");
    }
}

/// A kiosk tied by configuration and a CI job with a token, each with an account and a machine of its own.
fn kiosk_and_job(world: &World, hub: &Hub) {
    let maker = world.machine("maker", Some(hub));
    for name in ["kiosk-12", "job"] {
        let create = ["account", "create", name, "--password-stdin"];
        maker.ctl().run_with(&create, PASSWORD).must();
        let text = format!("text=note-of-{name}");
        let note = [
            "--account",
            name,
            "create",
            "note",
            "--key",
            "notes/1",
            &text,
        ];
        run(&maker, &note);
        json(&maker, &["--account", name, "sync", "wait"]);
    }
    let token = |name: &str| {
        let make = ["token", "create", "--account", name, "--ttl", "30d"];
        hub.admin(&make).must().expect_code(0).must().stdout
    };
    let credentials = world.path("credentials");
    std::fs::create_dir(&credentials).must();
    std::fs::write(credentials.join("kiosk-12"), token("kiosk-12")).must();
    let mut kiosk = world.machine("kiosk", Some(hub));
    kiosk.stop().must();
    let access = "[[access]]\nunix_user = 0\naccount = \"kiosk-12\"";
    kiosk.configure(access).must();
    kiosk.set_env("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap());
    kiosk.start().must();
    let job = world.machine("job", Some(hub));
    let file = world.file("job-token", &token("job"));
    run(&job, &["login", "job", "--token-file", &file]);
    for (machine, own) in [(&kiosk, "note-of-kiosk-12"), (&job, "note-of-job")] {
        eventually(|| (machine.ctl().ask(&["whoami"]).must().code == 0).then_some(()));
        wait(machine);
        let all = run(machine, &["export"]).stdout;
        assert!(all.contains(own), "{all}");
        for other in [ANNAS, BOBS, "note-of-kiosk-12", "note-of-job"] {
            assert!(other == own || !all.contains(other), "{own} sees {other}");
        }
        let login = ["login", "anna", "--token-file", &file];
        machine.ctl().ask(&login).must().expect_code(4).must();
    }
}
