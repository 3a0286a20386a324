//! Sharing: what a person does about it, and what they see of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::commit::Key;
use crate::id::{AtomeId, GrantId, ReplicaId};
use crate::sharing::{
    Answer, Eviction, Grant, GrantState, Mode, Moment, Party, Right, Rule, Terms, Why,
};
use crate::time::to_rfc3339;

/// `POST /v1/acts`: something about sharing, durable here before the answer.
///
/// Atomes are named as everywhere; accounts by name, by phone number with a leading `+`, or by id; grants by
/// id, or the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum DoAct {
    /// Offers a grant.
    Share {
        /// The atome.
        atome: String,
        /// Who it is for.
        with: String,
        /// What is offered.
        terms: Terms,
    },
    /// Answers requests.
    Answer {
        /// The grants.
        grants: Vec<String>,
        /// What is said.
        answer: Answer,
        /// Whether the same is to be said to these senders' next requests.
        #[serde(default)]
        always: bool,
    },
    /// Ends every grant on an atome for an account; its own, where it is the asker.
    Unshare {
        /// The atome.
        atome: String,
        /// Who has or was offered them.
        with: String,
    },
    /// Says what is done with another account's requests.
    Policy {
        /// The other account.
        sender: String,
        /// What is done.
        rule: Rule,
        /// The greatest rights that are accepted without asking; empty for all.
        #[serde(default)]
        can: BTreeSet<Right>,
    },
    /// Lets the present state of a tree out.
    Publish {
        /// The atome that was shared.
        atome: String,
    },
}

/// The answer: the commit that holds it, and the grants that it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneAct {
    /// The replica.
    pub replica: ReplicaId,
    /// The number of the commit.
    pub number: u64,
    /// The grants.
    pub grants: Vec<GrantId>,
}

/// A state that a grant came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MomentView {
    /// The state.
    pub state: GrantState,
    /// The name of who brought it there; absent for time itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    pub at: String,
}

/// What became of one of the reader's replicas after a grant had ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvictionView {
    /// The replica.
    pub replica: ReplicaId,
    /// Whether it says that it has removed what it may no longer have.
    pub confirmed: bool,
    /// When the hub last saw it, to the hour.
    pub seen_at: String,
}

/// `GET /v1/grants`: a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantView {
    /// The grant.
    pub id: GrantId,
    /// The atome; the grant covers it and all below it.
    pub atome: AtomeId,
    /// The account that owns the atome.
    pub owner: Party,
    /// The account that shared it.
    pub by: Party,
    /// The account that it is for.
    pub grantee: Party,
    /// Where it stands.
    pub state: GrantState,
    /// Whether some of that stands here only, and the hub has not said so yet.
    pub pending: bool,
    /// The rights.
    pub can: BTreeSet<Right>,
    /// The only particles that reading and altering are for; absent for all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub only: BTreeSet<Key>,
    /// How changes come.
    pub mode: Mode,
    /// When it begins to count; absent for at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When it ends by itself; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// What the sender says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it was last published, where it waits for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<String>,
    /// Every state it came to, in order.
    pub history: Vec<MomentView>,
    /// The reader's replicas, once it has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evictions: Vec<EvictionView>,
}

impl GrantView {
    /// A grant as it is shown; `pending` where some of it stands here only.
    #[must_use]
    pub fn of(grant: Grant, pending: bool) -> Self {
        let state = grant.state();
        let Grant {
            id,
            atome,
            owner,
            by,
            grantee,
            terms,
            moments,
            published_at_ms,
            evictions,
        } = grant;
        let name = |id| {
            let party = [&owner, &by, &grantee].into_iter().find(|it| it.id == id);
            let name = party.map(|party| party.name.clone());
            name.filter(|name| !name.is_empty())
                .unwrap_or_else(|| id.to_string())
        };
        let moment = |Moment { state, by, at_ms }: Moment| MomentView {
            state,
            by: by.map(name),
            at: to_rfc3339(at_ms),
        };
        let history = moments.into_iter().map(moment).collect();
        let eviction = |it: Eviction| EvictionView {
            replica: it.replica,
            confirmed: it.confirmed,
            seen_at: to_rfc3339(it.seen_at_ms),
        };
        Self {
            id,
            atome,
            state,
            pending,
            can: terms.can,
            only: terms.only,
            mode: terms.mode,
            from: terms.from_ms.map(to_rfc3339),
            until: terms.until_ms.map(to_rfc3339),
            message: terms.message,
            published_at: published_at_ms.map(to_rfc3339),
            history,
            evictions: evictions.into_iter().map(eviction).collect(),
            owner,
            by,
            grantee,
        }
    }
}

/// What one grant has to do with an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonView {
    /// The grant; its atome is the one asked about, or one above it.
    pub grant: GrantView,
    /// Whether it is one of those that allow it.
    pub gives: bool,
    /// Why it does, or does not.
    pub note: String,
}

/// `GET /v1/why`: why an account may do something with an atome at a time, or may not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyView {
    /// Whether it may.
    pub allowed: bool,
    /// The atome.
    pub atome: AtomeId,
    /// Whose the atome is; the owner may everything.
    pub owner: Party,
    /// Who is asked about.
    pub actor: Party,
    /// The time asked about.
    pub at: String,
    /// Every grant to the actor on the atome or one above it, the nearest first.
    pub reasons: Vec<ReasonView>,
}

impl From<Why> for WhyView {
    fn from(why: Why) -> Self {
        let reasons = why.reasons.into_iter().map(|reason| ReasonView {
            grant: GrantView::of(reason.grant, false),
            gives: reason.gives,
            note: reason.note,
        });
        Self {
            allowed: why.allowed,
            atome: why.atome,
            owner: why.owner,
            actor: why.actor,
            at: to_rfc3339(why.at_ms),
            reasons: reasons.collect(),
        }
    }
}
