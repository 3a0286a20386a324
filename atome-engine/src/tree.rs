//! The tree of atomes, and the one place where a ring of parents is cut.

use std::collections::{BTreeMap, BTreeSet};

use atome_proto::AtomeId;
use atome_proto::stamp::Stamp;

/// A parent as it was written, with the stamp of that version.
pub type Parent = (AtomeId, Stamp);

/// Decides the parent under which `atome` stands.
///
/// Concurrent moves may form a ring; then, on every replica alike, the member whose parent has the
/// greatest stamp counts as a root. `parent_of` is asked once for each atome on the way up.
///
/// # Errors
///
/// Those of `parent_of`.
pub fn effective_parent<E>(
    atome: AtomeId,
    mut parent_of: impl FnMut(AtomeId) -> Result<Option<Parent>, E>,
) -> Result<Option<AtomeId>, E> {
    let Some((parent, own_stamp)) = parent_of(atome)? else {
        return Ok(None);
    };
    let mut greatest = own_stamp;
    let mut seen = BTreeSet::from([atome]);
    let mut above = parent;
    while above != atome {
        if !seen.insert(above) {
            return Ok(Some(parent));
        }
        match parent_of(above)? {
            None => return Ok(Some(parent)),
            Some((next, stamp)) => {
                greatest = greatest.max(stamp);
                above = next;
            }
        }
    }
    Ok((greatest != own_stamp).then_some(parent))
}

/// The atomes above `atome`, the nearest first, as [`effective_parent`] decides for each.
///
/// # Errors
///
/// Those of `parent_of`, which is asked once for each atome on the way up.
pub fn ancestors<E>(
    atome: AtomeId,
    mut parent_of: impl FnMut(AtomeId) -> Result<Option<Parent>, E>,
) -> Result<Vec<AtomeId>, E> {
    let mut line: Vec<(AtomeId, Stamp)> = vec![];
    let mut places = BTreeMap::new();
    let mut at = atome;
    while let Some((parent, stamp)) = parent_of(at)? {
        places.insert(at, line.len());
        line.push((at, stamp));
        if let Some(ring) = places.get(&parent) {
            // Everything from there on is a ring: above the member that counts as a root there is nothing.
            let members = line.iter().enumerate().skip(*ring);
            let root = members.max_by_key(|(_, (_, stamp))| *stamp);
            line.truncate(root.map_or(0, |(place, _)| place + 1));
            return Ok(line.into_iter().map(|(at, _)| at).skip(1).collect());
        }
        at = parent;
    }
    let above = line.into_iter().map(|(at, _)| at).chain([at]);
    Ok(above.skip(1).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use atome_proto::ReplicaId;
    use atome_proto::stamp::HybridTime;
    use uuid::Uuid;

    fn id(n: u128) -> AtomeId {
        AtomeId(Uuid::from_u128(n))
    }

    /// Parents by atome: (atome, parent, time of the move).
    fn parent_in(moves: &[(u128, u128, u64)], atome: u128) -> Option<AtomeId> {
        effective_parent::<()>(id(atome), |atome| {
            let found = moves.iter().find(|(of, ..)| id(*of) == atome);
            Ok(found.map(|(_, parent, time)| {
                (
                    id(*parent),
                    Stamp {
                        time: HybridTime(*time),
                        replica: ReplicaId(1),
                    },
                )
            }))
        })
        .unwrap()
    }

    #[test]
    fn a_ring_is_cut_where_the_last_move_was_made() {
        let ring = [(1, 2, 10), (2, 3, 30), (3, 1, 20), (4, 1, 99)];
        assert_eq!(parent_in(&ring, 1), Some(id(2)));
        assert_eq!(parent_in(&ring, 2), None);
        assert_eq!(parent_in(&ring, 3), Some(id(1)));
        assert_eq!(
            parent_in(&ring, 4),
            Some(id(1)),
            "it hangs on the ring, and is no part of it"
        );
        assert_eq!(parent_in(&ring, 5), None);
    }

    #[test]
    fn the_atomes_above_are_those_of_each_parent() {
        let worlds: [&[(u128, u128, u64)]; 4] = [
            &[(1, 2, 10), (2, 3, 30), (3, 1, 20), (4, 1, 99)],
            &[(1, 2, 10), (2, 3, 30), (4, 2, 1)],
            &[(1, 2, 1), (2, 1, 2)],
            &[],
        ];
        for moves in worlds {
            for atome in 1..=4 {
                let above = ancestors::<()>(id(atome), |atome| {
                    let found = moves.iter().find(|(of, ..)| id(*of) == atome);
                    let stamp = |time| Stamp {
                        time: HybridTime(time),
                        replica: ReplicaId(1),
                    };
                    Ok(found.map(|(_, parent, time)| (id(*parent), stamp(*time))))
                });
                let (mut expected, mut at) = (vec![], parent_in(moves, atome));
                while let Some(parent) = at {
                    expected.push(parent);
                    at = parent_in(moves, parent.0.as_u128());
                }
                assert_eq!(above.unwrap(), expected, "{atome} in {moves:?}");
            }
        }
    }

    #[test]
    fn a_parent_that_is_not_here_is_still_the_parent() {
        assert_eq!(parent_in(&[(1, 2, 10)], 1), Some(id(2)));
    }
}
