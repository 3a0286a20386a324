//! What digests grow by, by account and bucket.

use std::collections::BTreeMap;

use atome_engine::digest::of_state;
use atome_proto::digest::Digest;
use atome_proto::state::AtomeState;
use atome_proto::{AccountId, AtomeId};

/// What one bucket grows by.
#[derive(Clone, Copy, Default)]
pub(super) struct Sum {
    pub(super) atomes: i64,
    pub(super) digest: Digest,
}

#[derive(Clone, Default)]
pub(super) struct Sums(BTreeMap<(AccountId, u8), Sum>);

impl Sums {
    /// Adds what an account sees of an atome by now, in the place of what it saw before.
    pub(super) fn turn(
        &mut self,
        account: AccountId,
        atome: AtomeId,
        before: Option<Digest>,
        after: Option<Digest>,
    ) {
        let [.., bucket] = *atome.as_bytes();
        let sum = self.0.entry((account, bucket)).or_default();
        sum.atomes += i64::from(after.is_some()) - i64::from(before.is_some());
        sum.digest = sum
            .digest
            .plus(after.unwrap_or_default())
            .minus(before.unwrap_or_default());
    }

    pub(super) fn take(&mut self) -> impl Iterator<Item = (AccountId, u8, Sum)> + use<> {
        let sums = std::mem::take(&mut self.0);
        sums.into_iter()
            .map(|((account, bucket), sum)| (account, bucket, sum))
    }
}

/// The digest of a state that is there.
pub(super) fn of(state: Option<&AtomeState>) -> Option<Digest> {
    state.map(of_state)
}
