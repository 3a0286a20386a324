//! `POST /v1/commits`: operations become one commit, durable here before the answer.

use std::collections::BTreeSet;
use std::time::Instant;

use atome_engine::draft::Draft;
use atome_proto::commit::{BadKey, Create, Key};
use atome_proto::local::v1::{NewAtome, Operation, Write, WriteReply};
use atome_proto::receipt::Receipt;
use atome_proto::value::Value;
use atome_proto::{AccountId, AtomeId, Code, Problem};

use super::reference::{missing, resolve};
use super::reply::{self, Handled};
use super::route::Asked;
use crate::accounts::Account;
use crate::store_problem::problem;
use crate::{clock, random};

pub(super) async fn write(mut asked: Asked<'_>) -> Handled {
    let account = asked.account().await?;
    asked.query.done()?;
    asked.shared.room.for_writes()?;
    let write: Write = asked.shared.bodies.json(asked.body).await?;
    if write.operations.is_empty() {
        return Err(bad("the request holds no operation"));
    }
    let mut drafting = Drafting {
        account: &account,
        made: BTreeSet::new(),
    };
    // What the request itself makes may be named as a parent anywhere in it.
    let mut ids = Vec::with_capacity(write.operations.len());
    for operation in &write.operations {
        ids.push(drafting.id_of(operation).await?);
    }
    let mut drafts = Vec::with_capacity(ids.len());
    for (id, operation) in ids.iter().zip(write.operations) {
        drafts.push(drafting.draft(*id, operation).await?);
    }
    let began = Instant::now();
    let written = account.store.write(account.id, drafts, clock::now()).await;
    let written = written.map_err(|e| problem(&e))?;
    account.writes.since(began);
    let receipt = if write.receipt {
        let position = account.store.position().await.map_err(|e| problem(&e))?;
        Some(Receipt {
            author: account.id,
            stamp: written.stamp,
            number: written.number,
            hub: position.hub,
        })
    } else {
        None
    };
    reply::ok(&WriteReply {
        replica: written.replica,
        number: written.number,
        atomes: ids,
        receipt,
    })
}

struct Drafting<'a> {
    account: &'a Account,
    made: BTreeSet<AtomeId>,
}

impl Drafting<'_> {
    /// The atome that an operation is about; one that it makes is noted.
    async fn id_of(&mut self, operation: &Operation) -> Result<AtomeId, Problem> {
        match (&operation.atome, &operation.create) {
            (Some(reference), None) => self.named(reference).await,
            (None, Some(new)) => {
                let owner = self.owner_below(operation.parent.as_deref()).await?;
                let id = new_id(owner, new)?;
                if !self.made.insert(id) {
                    return Err(bad(format!("the request makes {id} twice")));
                }
                Ok(id)
            }
            (Some(_), Some(_)) | (None, None) => Err(bad(
                "an operation names an atome or makes one: one of the two",
            )),
        }
    }

    /// Whose an atome is that is made below another: whose that one is.
    async fn owner_below(&self, parent: Option<&str>) -> Result<AccountId, Problem> {
        let Some(parent) = parent.filter(|parent| !parent.is_empty()) else {
            return Ok(self.account.id);
        };
        let parent = self.named(parent).await?;
        let owner = self.account.store.owner_below(Some(parent)).await;
        owner.map_err(|e| problem(&e))
    }

    async fn named(&self, reference: &str) -> Result<AtomeId, Problem> {
        resolve(&self.account.store, self.account.id, reference).await
    }

    async fn draft(&self, id: AtomeId, operation: Operation) -> Result<Draft, Problem> {
        let mut draft = Draft::new(id);
        for key in operation
            .set
            .keys()
            .chain(&operation.unset)
            .chain(operation.add.keys())
        {
            Key::of_particle(key.as_str()).map_err(|error| bad_key(&error))?;
        }
        draft.set = operation.set;
        draft.unset = operation.unset;
        draft.add = operation.add;
        if let Some(new) = operation.create {
            let text = |text: &str| Value::from_text(text);
            draft
                .set
                .insert(Key::of_envelope(Key::TYPE), text(&new.type_name));
            if let Some(kind) = &new.kind {
                draft.set.insert(Key::of_envelope(Key::KIND), text(kind));
            }
            let owner = self.owner_below(operation.parent.as_deref()).await?;
            draft.create = Some(Create {
                key: new.key,
                owner: Some(owner).filter(|owner| *owner != self.account.id),
            });
        }
        if let Some(deleted) = operation.deleted {
            let deleted = Value::of_bool(deleted);
            draft.set.insert(Key::of_envelope(Key::DELETED), deleted);
        }
        match operation.parent.as_deref() {
            None => {}
            Some("") => {
                draft.unset.insert(Key::of_envelope(Key::PARENT));
            }
            Some(parent) => {
                let parent = self.parent(parent).await?;
                let parent = Value::from_text(&parent.to_string());
                draft.set.insert(Key::of_envelope(Key::PARENT), parent);
            }
        }
        if draft.is_empty() {
            return Err(bad(format!("the operation on {id} does nothing")));
        }
        Ok(draft)
    }

    /// A parent: it is here, or this request makes it.
    async fn parent(&self, reference: &str) -> Result<AtomeId, Problem> {
        let id = self.named(reference).await?;
        if self.made.contains(&id) {
            return Ok(id);
        }
        let found = self.account.store.get(id).await.map_err(|e| problem(&e))?;
        found.map(|_| id).ok_or_else(|| missing(reference))
    }
}

fn new_id(owner: AccountId, new: &NewAtome) -> Result<AtomeId, Problem> {
    match (new.id, &new.key) {
        (Some(_), Some(_)) => Err(bad(
            "give the atome an id or a key, not both: a key gives the id",
        )),
        (Some(id), None) => Ok(id),
        (None, Some(key)) => Ok(AtomeId::from_key(owner, key)),
        (None, None) => Ok(random::atome_id(clock::wall_ms())?),
    }
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(Code::BadRequest, detail)
}

fn bad_key(error: &BadKey) -> Problem {
    Problem::new(Code::BadData, error.to_string())
}
