//! Hundreds of wrong logins a second: the hub stays small, and goes on for the others.

use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use atome_tests::{Hub, Machine};

use crate::world::{Must, NAME, PASSWORD, World, run, wait};

/// Who guesses at once, and how many guesses each makes: 500 a second, for eight seconds.
const GUESSERS: u32 = 10;
const GUESSES: u32 = 400;
const GUESS_EVERY: Duration = Duration::from_millis(20);
/// What a hub may take more than before: two hashes at once of 19 MiB, as many again not yet given back to
/// the system, and its connections.
const GROWTH_KIB_MAX: u64 = 128 << 10;

/// Makes guesses, and gives the statuses that were answered.
fn guess(hub: &Hub, guesser: u32) -> Vec<u16> {
    let (host, port) = hub.address();
    let mut stream = BufReader::new(TcpStream::connect((host, port)).must());
    let began = Instant::now();
    (0..GUESSES)
        .map(|number| {
            // Half of them at one account that is there, half at names that are nobody's.
            let name = match number % 2 {
                0 => NAME.to_owned(),
                _ => format!("nobody-{guesser}-{number}"),
            };
            let body = format!(
                r#"{{"username":"{name}","password":"guess {number}","device":"a guess"}}"#
            );
            let len = body.len();
            let request = format!(
                "POST /api/v1/auth/login HTTP/1.1\r\nhost: {host}:{port}\r\n\
                 content-type: application/json\r\ncontent-length: {len}\r\n\r\n{body}"
            );
            // So many a second, and no more: this is the load, not a wait for something.
            std::thread::sleep((GUESS_EVERY * number).saturating_sub(began.elapsed()));
            stream.get_mut().write_all(request.as_bytes()).must();
            answer(&mut stream)
        })
        .collect()
}

fn answer(stream: &mut BufReader<TcpStream>) -> u16 {
    let mut line = String::new();
    let (mut status, mut len) = (0, 0);
    loop {
        line.clear();
        stream.read_line(&mut line).must();
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest.get(..3).unwrap_or_default().parse().must();
        }
        if let Some(rest) = line.to_lowercase().strip_prefix("content-length:") {
            len = rest.trim().parse().must();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; len];
    stream.read_exact(&mut body).must();
    status
}

fn peak_kib(hub: &Hub) -> u64 {
    let pid = hub.running().unwrap().pid();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).must();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().must()
}

/// Two machines write and read, one after the other.
fn others_sync(writer: &Machine, reader: &Machine) {
    for number in 0..5 {
        let key = format!("tasks/{number}");
        run(writer, &["create", "task", "--key", &key]);
        wait(writer);
        wait(reader);
        run(reader, &["get", &format!("key:{key}")]);
    }
}

/// The right password is right, or its owner is told that too much is going on: never that it is wrong.
fn right_login(world: &World, hub: &Hub) {
    let machine = world.machine("c", Some(hub));
    let login = ["login", NAME, "--password-stdin", "-o", "json"];
    let reply = machine.ctl().ask_with(&login, PASSWORD).must();
    println!("a right login was answered after {:?}", reply.took);
    if reply.code != 0 {
        assert_eq!(reply.error_code().must(), "busy", "{}", reply.stderr);
    }
}

#[test]
fn guessing_takes_neither_the_hubs_memory_nor_the_others_sync() {
    let world = World::new();
    let mut hub = Hub::prepare_plain(&world.binaries, &world.path("hub")).must();
    hub.start().must();
    let writer = world.machine_with_account("a", Some(&hub));
    wait(&writer);
    let reader = world.machine_logged_in("b", &hub);
    let before = peak_kib(&hub);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let hub = &hub;
        let guessers: Vec<_> = (0..GUESSERS)
            .map(|guesser| scope.spawn(move || guess(hub, guesser)))
            .collect();
        others_sync(&writer, &reader);
        right_login(&world, hub);
        guessers
            .into_iter()
            .flat_map(|one| one.join().unwrap())
            .collect()
    });
    let wrong = statuses.iter().filter(|status| **status == 401).count();
    let busy = statuses.iter().filter(|status| **status == 429).count();
    let asked = usize::try_from(GUESSERS * GUESSES).must();
    println!("{asked} guesses: {wrong} wrong, {busy} told to wait");
    assert_eq!(wrong + busy, asked, "and nothing else");
    assert!(wrong > 0 && busy > wrong, "guessing is slowed down");
    let grown = peak_kib(&hub).saturating_sub(before);
    println!("the hub's peak grew by {grown} KiB");
    assert!(grown < GROWTH_KIB_MAX, "{grown} KiB");
}
