//! What befalls programs and lines in a phase: one thread for each, which ends what it began.

use std::thread;
use std::time::{Duration, Instant};

use atome_tests::process::Running;
use atome_tests::{HarnessError, Hub, LineFault, Machine, SmallDisk};

use crate::counts::{Counts, up};
use crate::dice::Dice;
use crate::must::Must;
use crate::settings::{Fault, Settings};
use crate::stage::{Seat, Stage};
use crate::writer;

/// How often the run says how far it is.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Writes and breaks for as long as a phase is; at its end everything runs, and every line is good.
pub(crate) fn play(
    stage: &Stage,
    settings: &Settings,
    counts: &Counts,
    phase: u32,
    began: Instant,
) {
    stage.begin();
    thread::scope(|scope| {
        for (n, seat) in stage.seats.iter().enumerate() {
            let dice =
                |of: u64| Dice::new(settings.seed, u64::from(phase) << 16 | (n as u64) << 4 | of);
            let (mut fate, mut line) = (dice(1), dice(2));
            scope.spawn(move || writer::write(stage, seat, counts));
            scope.spawn(move || of_machine(stage, settings, seat, counts, &mut fate));
            scope.spawn(move || of_line(stage, settings, seat, &mut line));
        }
        let mut dice = Dice::new(settings.seed, u64::from(phase) << 16 | 0xfff);
        scope.spawn(move || of_hub(stage, settings, counts, &mut dice));
        let end = Instant::now() + settings.phase();
        while Instant::now() < end {
            let left = end.saturating_duration_since(Instant::now());
            thread::sleep(left.min(TELL_EVERY));
            count_lines(stage, counts);
            println!("{:5.0} s  {}", began.elapsed().as_secs_f64(), counts.line());
        }
        stage.end();
    });
    count_lines(stage, counts);
}

fn count_lines(stage: &Stage, counts: &Counts) {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    let sum = |of: fn(&atome_tests::proxy::LineCounts) -> &AtomicU64| -> u64 {
        stage
            .seats
            .iter()
            .map(|seat| of(seat.line.counts()).load(Relaxed))
            .sum()
    };
    counts.line_delays.store(sum(|line| &line.delays), Relaxed);
    counts.line_cuts.store(sum(|line| &line.cuts), Relaxed);
    counts
        .line_truncations
        .store(sum(|line| &line.truncations), Relaxed);
    counts
        .line_corruptions
        .store(sum(|line| &line.corruptions), Relaxed);
}

/// The time until the next thing befalls a program: mostly moments, sometimes long enough to get somewhere.
fn calm(dice: &mut Dice) -> Duration {
    if dice.one_in(12) {
        dice.millis(500..3_000)
    } else {
        dice.millis(5..120)
    }
}

fn of_machine(stage: &Stage, settings: &Settings, seat: &Seat, counts: &Counts, dice: &mut Dice) {
    let mut machine = seat.machine.lock().expect("its thread did not panic");
    while !stage.is_over() {
        stage.pause(calm(dice));
        let disk = seat.disk.as_ref();
        if settings.draws(Fault::Stop, 40, dice) {
            stop(stage, settings, machine.running(), counts, dice);
        } else if let (Some(disk), true) = (disk, settings.draws(Fault::FullDisk, 25, dice)) {
            let again = dice.one_in(2);
            fill(stage, disk, &mut *machine, again, counts, dice);
        } else if let (Some(disk), true) = (disk, settings.draws(Fault::ReadOnly, 50, dice)) {
            read_only(disk, &mut *machine, counts);
        } else if settings.has(Fault::Kill) || settings.has(Fault::Clock) {
            Machine::kill(&mut machine).must();
            up(&counts.kills);
            if seat.set_clock(&mut machine, dice) {
                up(&counts.clocks);
            }
            Machine::start(&mut machine).must();
        }
    }
}

fn of_hub(stage: &Stage, settings: &Settings, counts: &Counts, dice: &mut Dice) {
    let mut hub = stage.hub.lock().expect("its thread did not panic");
    while !stage.is_over() {
        stage.pause(calm(dice) * 3);
        let disk = stage.hub_disk.as_ref();
        if settings.draws(Fault::Stop, 20, dice) {
            stop(stage, settings, hub.running(), counts, dice);
        } else if let (Some(disk), true) = (disk, settings.draws(Fault::FullDisk, 12, dice)) {
            let again = dice.one_in(2);
            fill(stage, disk, &mut *hub, again, counts, dice);
        } else if let (Some(disk), true) = (disk, settings.draws(Fault::ReadOnly, 40, dice)) {
            read_only(disk, &mut *hub, counts);
        } else if settings.has(Fault::KillHub) {
            Hub::kill(&mut hub).must();
            up(&counts.hub_kills);
            Hub::start(&mut hub).must();
        }
    }
}

fn of_line(stage: &Stage, settings: &Settings, seat: &Seat, dice: &mut Dice) {
    let has = |fault: &(Fault, LineFault)| settings.has(fault.0);
    while !stage.is_over() {
        stage.pause(dice.millis(50..1_500));
        let delay = LineFault::Delay(dice.millis(5..200));
        let faults = [
            (Fault::Delay, delay),
            (Fault::Cut, LineFault::Cut),
            (Fault::Truncate, LineFault::Truncate),
            (Fault::Corrupt, LineFault::Corrupt),
        ];
        let faults: Vec<_> = faults.into_iter().filter(has).collect();
        if !faults.is_empty() {
            seat.line.set(dice.pick(&faults).1);
            stage.pause(dice.millis(20..400));
            seat.line.set(LineFault::None);
        }
    }
}

/// A program that stands still, for seconds; in a long run sometimes for minutes.
fn stop(
    stage: &Stage,
    settings: &Settings,
    running: Option<&Running>,
    counts: &Counts,
    dice: &mut Dice,
) {
    let running = running.expect("it runs");
    let time = if settings.is_long() && dice.one_in(10) {
        dice.millis(60_000..150_000)
    } else {
        dice.millis(200..3_000)
    };
    running.freeze().must();
    up(&counts.stops);
    stage.pause(time);
    running.thaw().must();
}

/// A program that can be killed and started again.
trait Program {
    fn kill(&mut self) -> Result<(), HarnessError>;
    fn start(&mut self) -> Result<(), HarnessError>;
}

impl Program for Machine {
    fn kill(&mut self) -> Result<(), HarnessError> {
        Machine::kill(self)
    }

    fn start(&mut self) -> Result<(), HarnessError> {
        Machine::start(self).map(drop)
    }
}

impl Program for Hub {
    fn kill(&mut self) -> Result<(), HarnessError> {
        Hub::kill(self)
    }

    fn start(&mut self) -> Result<(), HarnessError> {
        Hub::start(self).map(drop)
    }
}

/// A disk without room for a while, at some moment in the middle of a page, of a WAL, of a start.
fn fill(
    stage: &Stage,
    disk: &SmallDisk,
    program: &mut impl Program,
    again: bool,
    counts: &Counts,
    dice: &mut Dice,
) {
    disk.leave(dice.below(256 << 10)).must();
    up(&counts.full_disks);
    stage.pause(dice.millis(200..2_000));
    let mut runs = true;
    if again {
        program.kill().must();
        up(&counts.kills);
        runs = starts_or_says_why(program);
        stage.pause(dice.millis(100..500));
    }
    disk.give_back().must();
    if !runs {
        program.start().must();
    }
}

/// A disk that is read-only when its program starts.
fn read_only(disk: &SmallDisk, program: &mut impl Program, counts: &Counts) {
    program.kill().must();
    up(&counts.kills);
    disk.read_only().must();
    up(&counts.read_onlys);
    let runs = starts_or_says_why(program);
    disk.writable().must();
    if runs {
        // With what it opened for reading only it would go on so.
        program.kill().must();
    }
    program.start().must();
}

/// Where a disk is bad a start may fail, but then it ends by itself.
fn starts_or_says_why(program: &mut impl Program) -> bool {
    match program.start() {
        Ok(()) => true,
        Err(HarnessError::NotReady { why, .. }) if why.starts_with("it ended (exit status") => {
            false
        }
        Err(error) => panic!("{error}"),
    }
}
