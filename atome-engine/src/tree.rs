//! The tree of atomes, and the one place where a ring of parents is cut.

use std::collections::BTreeSet;

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
    fn a_parent_that_is_not_here_is_still_the_parent() {
        assert_eq!(parent_in(&[(1, 2, 10)], 1), Some(id(2)));
    }
}
