//! Gaps between ids: what a look for one that is missing tells of others.
//!
//! A machine makes ids in the order of time, so that one look for the first new atome of many tells of all.

use atome_proto::AtomeId;

/// Ids that a table does not have: from one that was looked for to the next that is there.
#[derive(Clone, Copy)]
pub(crate) struct Gap {
    from: AtomeId,
    next: Option<AtomeId>,
}

impl Gap {
    /// Whether an id is missing. Where `known` does not tell, `next` finds the least id from it on, and `known` is
    /// what that tells.
    pub(crate) fn has<E>(
        known: &mut Option<Self>,
        atome: AtomeId,
        next: impl FnOnce() -> Result<Option<AtomeId>, E>,
    ) -> Result<bool, E> {
        let lies_in = |gap: &Self| gap.from <= atome && gap.next.is_none_or(|next| atome < next);
        if known.as_ref().is_some_and(lies_in) {
            return Ok(true);
        }
        let next = next()?;
        if next == Some(atome) {
            return Ok(false);
        }
        *known = Some(Self { from: atome, next });
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_gap_tells_what_a_look_would() {
        let there: BTreeSet<u128> = [3, 4, 9].into();
        let (mut known, mut looks) = (None, 0);
        let mut is_missing = |n| {
            let missing = Gap::has(&mut known, AtomeId(Uuid::from_u128(n)), || {
                looks += 1;
                let next = there.range(n..).next();
                Ok::<_, ()>(next.map(|next| AtomeId(Uuid::from_u128(*next))))
            });
            assert_eq!(missing, Ok(!there.contains(&n)), "{n}");
        };
        for first in 0..12 {
            for n in (first..12).chain(0..12).chain((0..12).rev()) {
                is_missing(n);
            }
        }
        for n in 10..1_000 {
            is_missing(n);
        }
        assert!(looks < 12 * 36, "some were known");
    }
}
