//! Sharing: acts become one commit, durable here before the answer; grants, policies, and why.

use atome_proto::commit::Key;
use atome_proto::local::v1::{DoAct, DoneAct, GrantView, WhyView};
use atome_proto::sharing::{Act, Grant, GrantState, Right};
use atome_proto::time::from_rfc3339;
use atome_proto::{AccountId, Code, GrantId, Problem};
use atome_store::replica::{Question, Which};

use super::reference::resolve;
use super::reply::{self, Handled};
use super::route::Asked;
use crate::accounts::{Account, Wanted};
use crate::store_problem::problem;
use crate::{clock, random};

/// A beginning of a grant's id has at least so many characters.
const PREFIX_LEN_MIN: usize = 4;

pub(super) async fn act(mut asked: Asked<'_>) -> Handled {
    let named = asked.query.text("account")?;
    asked.query.done()?;
    asked.shared.room.for_writes()?;
    let accounts = &asked.shared.accounts;
    let account = accounts.select(asked.peer, named.as_deref()).await?;
    let act: DoAct = asked.shared.bodies.json(asked.body).await?;
    let people = People {
        accounts,
        peer: asked.peer,
        named: named.as_deref(),
        account: &account,
    };
    let acts = acts(&people, act).await?;
    let grants = acts.iter().filter_map(grant_of).collect();
    let written = account.store.act(account.id, acts, clock::now()).await;
    let written = written.map_err(|e| problem(&e))?;
    reply::ok(&DoneAct {
        replica: written.replica,
        number: written.number,
        grants,
    })
}

fn grant_of(act: &Act) -> Option<GrantId> {
    match act {
        Act::Share { grant, .. } | Act::Answer { grant, .. } | Act::End { grant } => Some(*grant),
        Act::Policy { .. } | Act::Publish { .. } => None,
    }
}

/// What a person asks for, with everything looked up that they name.
async fn acts(people: &People<'_>, act: DoAct) -> Result<Vec<Act>, Problem> {
    let (store, owner) = (&people.account.store, people.account.id);
    Ok(match act {
        DoAct::Share { atome, with, terms } => vec![Act::Share {
            grant: GrantId::new_v7(clock::wall_ms(), random::bytes()?),
            atome: resolve(store, owner, &atome).await?,
            grantee: people.id_of(&with).await?,
            terms,
        }],
        DoAct::Answer {
            grants,
            answer,
            always,
        } => {
            let known = people.grants(Which::WithMe).await?;
            let answers = grants.iter().map(|named| {
                Ok(Act::Answer {
                    grant: find(&known, named)?,
                    answer,
                    always,
                })
            });
            answers.collect::<Result<Vec<_>, Problem>>()?
        }
        DoAct::Unshare { atome, with } => {
            let atome = resolve(store, owner, &atome).await?;
            let with = people.id_of(&with).await?;
            let mut known = people.grants(Which::Of(atome)).await?;
            known.retain(|grant| {
                let stands = matches!(grant.state(), GrantState::Requested | GrantState::Accepted);
                grant.grantee.id == with && stands
            });
            let ends: Vec<_> = known
                .iter()
                .map(|grant| Act::End { grant: grant.id })
                .collect();
            if ends.is_empty() {
                let detail = format!("the atome {atome} is not shared with that account");
                return Err(Problem::new(Code::NotFound, detail)
                    .hint("'atomectl shares' lists what is shared with whom"));
            }
            ends
        }
        DoAct::Policy { sender, rule, can } => vec![Act::Policy {
            sender: people.id_of(&sender).await?,
            rule,
            can,
        }],
        DoAct::Publish { atome } => vec![Act::Publish {
            atome: resolve(store, owner, &atome).await?,
        }],
    })
}

/// The grant that an id, or the beginning of one, names.
fn find(known: &[Grant], named: &str) -> Result<GrantId, Problem> {
    let named = named.to_ascii_lowercase();
    let begins = |grant: &&Grant| grant.id.to_string().starts_with(&named);
    let mut found = known.iter().filter(begins);
    match (found.next(), found.next()) {
        (Some(grant), None) if named.len() >= PREFIX_LEN_MIN => Ok(grant.id),
        (Some(_), _) => Err(Problem::new(
            Code::Ambiguous,
            format!("'{named}' is the beginning of several grants, or too short"),
        )
        .hint("give more of the id")),
        (None, _) => Err(Problem::new(
            Code::NotFound,
            format!("there is no request '{named}' to this account"),
        )
        .hint("'atomectl inbox --all' lists those that came")),
    }
}

/// Who and what an act may name.
struct People<'a> {
    accounts: &'a crate::accounts::Accounts,
    peer: super::Peer,
    named: Option<&'a str>,
    account: &'a Account,
}

impl People<'_> {
    async fn grants(&self, which: Which) -> Result<Vec<Grant>, Problem> {
        let shown = self.account.store.grants(which).await;
        let shown = shown.map_err(|e| problem(&e))?.into_iter();
        Ok(shown.map(|shown| shown.grant).collect())
    }

    /// The account of a name, a number or an id: known from a grant, or looked up.
    async fn id_of(&self, who: &str) -> Result<AccountId, Problem> {
        if let Ok(id) = who.parse() {
            return Ok(id);
        }
        let folded = atome_engine::name::fold(who).ok();
        let grants = self.grants(Which::All).await?;
        let parties = grants
            .iter()
            .flat_map(|grant| [&grant.owner, &grant.by, &grant.grantee]);
        let mut same = parties.filter(|party| {
            folded.is_some() && atome_engine::name::fold(&party.name).ok() == folded
        });
        if let Some(party) = same.next() {
            return Ok(party.id);
        }
        let wanted = if who.starts_with('+') {
            Wanted::Phone(who.to_owned())
        } else {
            Wanted::Name(who.to_owned())
        };
        let found = self
            .accounts
            .directory_lookup(self.peer, self.named, wanted)
            .await?;
        let entry = found.entries.into_iter().next();
        entry.map(|entry| entry.user_id).ok_or_else(|| {
            Problem::new(Code::NotFound, format!("nobody is known as '{who}'"))
                .hint("an account that is not listed is found by its phone number only")
        })
    }
}

pub(super) async fn grants(mut asked: Asked<'_>) -> Handled {
    let account = asked.account().await?;
    let which = asked.query.text("which")?;
    let atome = asked.query.text("atome")?;
    asked.query.done()?;
    let which = match which.as_deref() {
        None | Some("all") => Which::All,
        Some("shared") => Which::ToOthers,
        Some("with-me") => Which::WithMe,
        Some("inbox") => Which::Inbox,
        Some(other) => {
            let detail = format!("'{other}' is none of all, shared, with-me, inbox");
            return Err(Problem::new(Code::BadRequest, detail));
        }
    };
    let atome = match atome {
        Some(atome) => Some(resolve(&account.store, account.id, &atome).await?),
        None => None,
    };
    let shown = account.store.grants(which).await.map_err(|e| problem(&e))?;
    let shown = shown
        .into_iter()
        .filter(|shown| atome.is_none_or(|atome| shown.grant.atome == atome));
    let views: Vec<_> = shown
        .map(|shown| GrantView::of(shown.grant, shown.pending))
        .collect();
    reply::ok(&views)
}

pub(super) async fn policies(mut asked: Asked<'_>) -> Handled {
    let account = asked.account().await?;
    asked.query.done()?;
    let policies = account.store.policies().await.map_err(|e| problem(&e))?;
    reply::ok(&policies)
}

pub(super) async fn why(mut asked: Asked<'_>) -> Handled {
    let named = asked.query.text("account")?;
    let mut needed = |name: &str| -> Result<String, Problem> {
        let missing = || {
            Problem::new(
                Code::BadRequest,
                format!("the parameter '{name}' is missing"),
            )
        };
        asked.query.text(name)?.ok_or_else(missing)
    };
    let (actor, right, atome) = (needed("actor")?, needed("right")?, needed("atome")?);
    let key = asked.query.text("key")?;
    let at = asked.query.text("at")?;
    asked.query.done()?;
    let bad = |detail: String| Problem::new(Code::BadRequest, detail);
    let right: Right = right
        .parse()
        .map_err(|error: atome_proto::sharing::BadRight| bad(error.to_string()))?;
    let key = key.map(|key| Key::of_particle(&key)).transpose();
    let key = key.map_err(|error| bad(error.to_string()))?;
    let at_ms = match at {
        None => clock::wall_ms(),
        Some(at) => {
            from_rfc3339(&at).ok_or_else(|| bad(format!("'{at}' is no time (RFC 3339)")))?
        }
    };
    let accounts = &asked.shared.accounts;
    let account = accounts.select(asked.peer, named.as_deref()).await?;
    let people = People {
        accounts,
        peer: asked.peer,
        named: named.as_deref(),
        account: &account,
    };
    let question = Question {
        actor: people.id_of(&actor).await?,
        right,
        key,
        atome: resolve(&account.store, account.id, &atome).await?,
        at_ms,
    };
    let mut answer = account.store.why(question).await.map_err(|e| problem(&e))?;
    if answer.actor.name.is_empty() {
        answer.actor.name = actor;
    }
    reply::ok(&WhyView::from(answer))
}
