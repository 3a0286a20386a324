//! What a hub takes: the order of a replica's commits, and the stamps that they keep.
//!
//! Step 11 of the way of a write; the hub's store asks inside its transaction.

use atome_proto::limit::CLOCK_AHEAD_MAX_MS;
use atome_proto::stamp::HybridTime;

/// Where a pushed commit stands among those that the hub has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It is the next one.
    Next,
    /// The hub has it: acknowledge again, apply nothing.
    Duplicate,
    /// The hub has another commit under its number: a copy of the replica is at work.
    Fork,
    /// One before it is missing.
    Gap {
        /// The number that the hub waits for.
        expected: u64,
    },
}

/// Decides `gapless-replica` for a commit `number` of a replica of which the hub has decided all up to
/// `decided`; `same_content` is asked only about a commit that it has.
///
/// # Errors
///
/// Those of `same_content`.
pub fn order<E>(
    number: u64,
    decided: u64,
    same_content: impl FnOnce() -> Result<bool, E>,
) -> Result<Order, E> {
    let expected = decided.saturating_add(1);
    if number > expected {
        return Ok(Order::Gap { expected });
    }
    if number == expected {
        return Ok(Order::Next);
    }
    Ok(if same_content()? {
        Order::Duplicate
    } else {
        Order::Fork
    })
}

/// Decides the time that a commit is admitted with.
///
/// The claimed one, where it comes after the replica's `last` and is at most [`CLOCK_AHEAD_MAX_MS`]
/// ahead of the hub; else the hub's, or the least one that keeps the replica's own order.
#[must_use]
pub fn time(claimed: HybridTime, last: HybridTime, hub_ms: u64) -> HybridTime {
    let ahead = claimed.ms() > hub_ms.saturating_add(CLOCK_AHEAD_MAX_MS);
    if claimed > last && !ahead {
        claimed
    } else {
        HybridTime::from_ms(hub_ms).max(last.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(number: u64, decided: u64, same: bool) -> Order {
        order::<()>(number, decided, || Ok(same)).unwrap()
    }

    #[test]
    fn numbers_come_without_a_gap() {
        assert_eq!(decide(1, 0, false), Order::Next);
        assert_eq!(decide(3, 2, false), Order::Next);
        assert_eq!(decide(4, 2, false), Order::Gap { expected: 3 });
        assert_eq!(decide(2, 2, true), Order::Duplicate);
        assert_eq!(decide(1, 2, false), Order::Fork);
    }

    #[test]
    fn a_clock_that_runs_ahead_is_clamped_in_the_replicas_order() {
        let at = HybridTime::from_ms;
        let hub = 1_000_000;
        let admit = |claimed, last| time(claimed, last, hub);
        assert_eq!(admit(at(hub - 5), at(1)), at(hub - 5));
        assert_eq!(
            admit(at(hub + CLOCK_AHEAD_MAX_MS), at(1)),
            at(hub + CLOCK_AHEAD_MAX_MS)
        );
        let first = admit(at(hub * 9), at(1));
        assert_eq!(first, at(hub));
        let second = admit(at(hub * 9).next(), first);
        assert_eq!(second, first.next());
        let ahead = at(hub + CLOCK_AHEAD_MAX_MS);
        assert_eq!(admit(at(hub * 9), ahead), ahead.next());
        assert_eq!(
            admit(at(5), at(7)),
            at(hub),
            "a time before the last one is set anew"
        );
    }
}
