//! A thousand daemons that come back to a hub at once, each with writes that wait.
//!
//! The hub is stopped, and another time killed; while it is away every daemon is written to. When it is back,
//! every daemon must be admitted in time and at its first attempt that the hub could hear, and every write must be
//! there, once, at all of them. `cargo xtask torture --only reconnect` runs it.

mod fleet;

use std::time::{Duration, Instant};

use atome_proto::local::v1::AccountState;
use atome_tests::Hub;
use futures_util::{StreamExt as _, stream};

use crate::check;
use crate::counts::Counts;
use crate::ledger::Known;
use crate::must::Must;
use fleet::{Fleet, Post};

/// Daemons, unless the environment says another number.
const DAEMONS: usize = 1_000;
/// Writes that wait at each daemon when the hub comes back.
const WRITES: usize = 3;
/// Every daemon must be admitted so long after the hub's start: the longest back-off, and nothing on top.
const ADMITTED_MAX: Duration = Duration::from_secs(60);
/// Who is not there by then is not waited for.
const GIVE_UP: Duration = Duration::from_secs(300);
/// Requests to daemons at once: more would measure this program.
const AT_ONCE: usize = 16;
/// How often those that are not back yet are asked.
const ASK_EVERY: Duration = Duration::from_millis(250);
/// Of each kind of finding so many are told.
const TOLD: usize = 5;

#[test]
#[ignore = "it takes minutes and gigabytes: cargo xtask torture --only reconnect"]
fn reconnect() {
    let daemons = std::env::var("ATOME_TORTURE_DAEMONS").ok();
    let daemons = daemons.map_or(DAEMONS, |text| text.parse().expect("a whole number"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .must();
    let began = Instant::now();
    println!("reconnect: {daemons} daemons, {WRITES} writes waiting at each");
    let mut fleet = Fleet::set(daemons);
    println!("  set up after {:.1} s", began.elapsed().as_secs_f64());
    let counts = Counts::default();
    let mut wrong = 0;
    for (how, end) in [
        ("stopped", stop as fn(&mut Hub)),
        ("killed", |hub| hub.kill().must()),
    ] {
        end(&mut fleet.hub);
        let away = Instant::now();
        runtime.block_on(write_everywhere(&fleet.posts));
        let heard: Vec<_> = fleet.posts.iter().map(Post::log_len).collect();
        let begins = Instant::now();
        fleet.hub.start().must();
        let came = runtime.block_on(come_back(&fleet.posts, begins));
        let away = begins.duration_since(away).as_secs_f64();
        println!("  the hub was {how}, and away for {away:.1} s; after its start:");
        wrong += came.tell(begins) + tell_failures(&fleet.posts, &heard);
        runtime.block_on(settle(&fleet.posts));
        look(&fleet, &counts);
    }
    for place in fleet.places() {
        check::look_for_panics(&place, &counts);
    }
    println!("\n{}", counts.findings(began.elapsed()));
    if wrong > 0 || counts.failures() > 0 {
        println!("states and logs: {}", fleet.keep().display());
        panic!("not every daemon came back as it must");
    }
}

fn stop(hub: &mut Hub) {
    let status = hub.stop().must().expect("it ran");
    assert!(status.success(), "the hub stopped with {status}");
}

/// Each daemon acknowledges its writes, though the hub is away.
async fn write_everywhere(posts: &[Post]) {
    let all = stream::iter(posts).map(async |post| {
        for _ in 0..WRITES {
            let n = post.ledger.send();
            post.client.write(&post.ledger.write(n)).await.must();
            post.ledger.note(n, Known::Acknowledged);
        }
    });
    all.buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// Every write is at the hub by now; waits until each daemon has those of all others too. That also ends its
/// back-off, as a quiet minute would: what comes next befalls daemons that are well.
async fn settle(posts: &[Post]) {
    let all = stream::iter(posts).map(async |post| {
        post.client.sync_wait(None, GIVE_UP).await.must();
    });
    all.buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// Compares all daemons of each account with each other, with the hub, and with what was acknowledged.
fn look(fleet: &Fleet, counts: &Counts) {
    for account in &fleet.accounts {
        let posts = fleet.posts.iter().filter(|post| post.account() == account);
        let (replicas, ledgers): (Vec<_>, Vec<_>) = posts
            .map(|post| ((post.name.as_str(), &post.ctl), &post.ledger))
            .unzip();
        check::look(account, &replicas, &ledgers, counts);
    }
}

/// When each daemon was first seen admitted, and first seen in sync with nothing waiting.
struct CameBack {
    admitted: Vec<Option<Instant>>,
    synced: Vec<Option<Instant>>,
}

/// Asks each daemon how it stands until all are in sync. It only looks: `sync wait` would have them dial.
async fn come_back(posts: &[Post], begins: Instant) -> CameBack {
    let mut came = CameBack {
        admitted: vec![None; posts.len()],
        synced: vec![None; posts.len()],
    };
    while begins.elapsed() < GIVE_UP {
        let waiting: Vec<_> = (0..posts.len())
            .filter(|n| came.synced[*n].is_none())
            .collect();
        if waiting.is_empty() {
            break;
        }
        let mut answers = stream::iter(waiting)
            .map(async |n| (n, posts[n].client.sync_status().await.must()))
            .buffer_unordered(AT_ONCE);
        while let Some((n, status)) = answers.next().await {
            let state = status.account.state;
            if matches!(state, AccountState::Syncing | AccountState::Synced) {
                came.admitted[n].get_or_insert_with(Instant::now);
            }
            if state == AccountState::Synced && status.account.pending == 0 {
                came.synced[n] = Some(Instant::now());
            }
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    came
}

impl CameBack {
    /// Says how long it took; gives how many were late.
    fn tell(&self, begins: Instant) -> usize {
        for (what, times) in [("admitted", &self.admitted), ("in sync", &self.synced)] {
            let mut seconds: Vec<_> = times
                .iter()
                .flatten()
                .map(|at| at.duration_since(begins).as_secs_f64())
                .collect();
            seconds.sort_by(f64::total_cmp);
            println!(
                "    {what}: {} of {}, half after {:.1} s, the last after {:.1} s",
                seconds.len(),
                times.len(),
                seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN),
                seconds.last().copied().unwrap_or(f64::NAN),
            );
        }
        let in_time = |at: &Instant| at.duration_since(begins) <= ADMITTED_MAX;
        let late = self.admitted.iter().flatten().filter(|at| !in_time(at));
        let absent = self.synced.iter().filter(|at| at.is_none());
        late.count() + absent.count()
    }
}

/// Counts and shows what went wrong since the hub's start, by the daemons' own logs.
fn tell_failures(posts: &[Post], heard: &[usize]) -> usize {
    let failures: Vec<_> = posts
        .iter()
        .zip(heard)
        .flat_map(|(post, from)| post.failures_since(*from))
        .collect();
    println!(
        "    attempts and connections that failed: {}",
        failures.len()
    );
    for failure in failures.iter().take(TOLD) {
        println!("      {failure}");
    }
    failures.len()
}
