//! `share`, `shares`, `unshare`, `inbox`, `policy`, `publish`, `why`.

use std::collections::BTreeSet;

use atome_proto::local::v1::{DoAct, GrantView, WhyView};
use atome_proto::sharing::{Answer, Mode, Party, Right, Rule, Terms};
use atome_proto::time::to_rfc3339;

use crate::cli::{InboxAnswer, PolicyRule, Requests, Share, ShareMode, Sharing, WhyMay};
use crate::cmd::{or_dash, word};
use crate::context::Context;
use crate::fault::Fault;

pub(super) async fn perform(context: &mut Context, command: Sharing) -> Result<(), Fault> {
    match command {
        Sharing::Share(share) => offer(context, share).await,
        Sharing::Shares { id, with_me } => {
            let which = if with_me { "with-me" } else { "shared" };
            list(context, which, id.as_deref()).await
        }
        Sharing::Unshare { id, with } => {
            let act = DoAct::Unshare { atome: id, with };
            let said = "ended here; the hub takes it away with the next sync, and 'atomectl shares' shows \
                        which machines have confirmed";
            tell(context, &act, said).await
        }
        Sharing::Inbox { answer: None, all } => {
            let which = if all { "with-me" } else { "inbox" };
            list(context, which, None).await
        }
        Sharing::Inbox {
            answer: Some(answer),
            ..
        } => answer_requests(context, answer).await,
        Sharing::Policy {
            name: Some(name),
            rule: Some(rule),
            can,
        } => {
            let act = DoAct::Policy {
                sender: name,
                rule: rule_of(rule),
                can: can.into_iter().collect(),
            };
            tell(context, &act, "noted; it counts from the next sync on").await
        }
        Sharing::Policy { .. } => policies(context).await,
        Sharing::Publish { id } => {
            let act = DoAct::Publish { atome: id };
            let said = "to be published with the next sync, as the tree is then";
            tell(context, &act, said).await
        }
        Sharing::Why(question) => why(context, question).await,
    }
}

fn rule_of(rule: PolicyRule) -> Rule {
    match rule {
        PolicyRule::Ask => Rule::Ask,
        PolicyRule::Always => Rule::Always,
        PolicyRule::Never => Rule::Never,
        PolicyRule::Block => Rule::Block,
    }
}

async fn offer(context: &mut Context, share: Share) -> Result<(), Fault> {
    let mode = match share.mode {
        ShareMode::Linked => Mode::Linked,
        ShareMode::Manual => Mode::Manual,
        ShareMode::Copy => Mode::Copy,
    };
    let terms = Terms {
        can: share.can.into_iter().chain([Right::Read]).collect(),
        only: share.only.into_iter().collect(),
        mode,
        from_ms: share.from.map(|from| from.ms()),
        until_ms: share.until.map(|until| until.ms()),
        message: share.message,
    };
    if let Err(error) = terms.check() {
        return Err(Fault::bad_data(error.to_string()));
    }
    let act = DoAct::Share {
        atome: share.id,
        with: share.with,
        terms,
    };
    let said = "asked for; it waits for the recipient, and nothing is sent before they accept";
    tell(context, &act, said).await
}

async fn answer_requests(context: &mut Context, answer: InboxAnswer) -> Result<(), Fault> {
    let (answer, Requests { grants, always }, said) = match answer {
        InboxAnswer::Accept(requests) => (
            Answer::Accept,
            requests,
            "accepted; what is shared comes with the next sync",
        ),
        InboxAnswer::Refuse(requests) => (Answer::Refuse, requests, "refused"),
        InboxAnswer::Block(requests) => (
            Answer::Block,
            requests,
            "blocked; nothing of that sender arrives any more, and they are not told",
        ),
    };
    let act = DoAct::Answer {
        grants,
        answer,
        always,
    };
    tell(context, &act, said).await
}

/// Does something, and prints the commit that holds it.
async fn tell(context: &mut Context, act: &DoAct, said: &str) -> Result<(), Fault> {
    let done = context.client.act(act).await?;
    context.out.document(&done, |done| {
        let grants: Vec<String> = done.grants.iter().map(ToString::to_string).collect();
        let mut fields = vec![("commit", done.number.to_string())];
        if !grants.is_empty() {
            fields.push(("grant", grants.join(", ")));
        }
        fields
    })?;
    context.say.note(said);
    Ok(())
}

async fn list(context: &mut Context, which: &str, atome: Option<&str>) -> Result<(), Fault> {
    let grants = context.client.grants(which, atome).await?;
    if context.out.is_document() {
        return Ok(context.out.document(&grants, |_| Vec::new())?);
    }
    let heads = &[
        "GRANT", "STATE", "ATOME", "BY", "WITH", "CAN", "MODE", "UNTIL", "NOTE",
    ];
    let mut listing = context.out.listing(heads);
    for grant in &grants {
        listing.push(grant, row)?;
    }
    Ok(listing.finish()?)
}

fn row(grant: &GrantView) -> Vec<String> {
    let mut state = grant.state.to_string();
    if grant.pending {
        state.push_str(" (not at the hub yet)");
    }
    let mut can = rights(&grant.can);
    if !grant.only.is_empty() {
        let keys: Vec<&str> = grant.only.iter().map(|key| key.as_str()).collect();
        can.push_str(&format!(" of {}", keys.join(",")));
    }
    vec![
        grant.id.to_string(),
        state,
        grant.atome.to_string(),
        name(&grant.by),
        name(&grant.grantee),
        can,
        word(&grant.mode),
        or_dash(grant.until.as_ref()),
        note(grant),
    ]
}

fn rights(can: &BTreeSet<Right>) -> String {
    let words: Vec<&str> = can.iter().map(|right| right.as_str()).collect();
    words.join(",")
}

fn name(party: &Party) -> String {
    if party.name.is_empty() {
        party.id.to_string()
    } else {
        party.name.clone()
    }
}

/// What is worth saying of a grant beside its row: which machines have removed it, or its message.
fn note(grant: &GrantView) -> String {
    if !grant.evictions.is_empty() {
        let confirmed = grant.evictions.iter().filter(|it| it.confirmed).count();
        let mut note = format!(
            "removed on {confirmed} of {} machines",
            grant.evictions.len()
        );
        for open in grant.evictions.iter().filter(|it| !it.confirmed) {
            note.push_str(&format!("; {} last seen {}", open.replica, open.seen_at));
        }
        return note;
    }
    match (&grant.from, &grant.published_at) {
        (_, Some(at)) => format!("published {at}"),
        (Some(from), None) => format!("from {from}"),
        (None, None) => grant.message.clone().unwrap_or_default(),
    }
}

async fn policies(context: &mut Context) -> Result<(), Fault> {
    let policies = context.client.policies().await?;
    if context.out.is_document() {
        return Ok(context.out.document(&policies, |_| Vec::new())?);
    }
    let mut listing = context.out.listing(&["SENDER", "RULE", "UP TO"]);
    for policy in &policies {
        listing.push(policy, |policy| {
            let up_to = Some(rights(&policy.can)).filter(|can| !can.is_empty());
            vec![
                name(&policy.sender),
                policy.rule.as_str().to_owned(),
                or_dash(up_to),
            ]
        })?;
    }
    Ok(listing.finish()?)
}

async fn why(context: &mut Context, question: WhyMay) -> Result<(), Fault> {
    let WhyMay {
        name,
        action,
        id,
        key,
        at,
        may: _,
    } = question;
    let at = at.map(|at| to_rfc3339(at.ms()));
    let key = key.as_ref().map(atome_proto::commit::Key::as_str);
    let asked = context.client.why(&name, action, key, &id, at.as_deref());
    let answer = asked.await?;
    context.out.document(&answer, fields)?;
    if answer.allowed {
        Ok(())
    } else {
        Err(Fault::No)
    }
}

fn fields(why: &WhyView) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("allowed", if why.allowed { "yes" } else { "no" }.to_owned()),
        ("at", why.at.clone()),
        ("owner", name(&why.owner)),
    ];
    if why.actor.id == why.owner.id {
        fields.push(("because", "the owner may everything".to_owned()));
    } else if why.reasons.is_empty() {
        let note = "nothing was ever shared with that account on this atome or one above it";
        fields.push(("because", note.to_owned()));
    }
    for reason in &why.reasons {
        let grant = &reason.grant;
        let through = if grant.atome == why.atome {
            String::new()
        } else {
            format!(" on {}, above it", grant.atome)
        };
        let since = grant.history.first().map(|first| first.at.as_str());
        let text = format!(
            "grant {} by {}{through}, {} since {}, can {}: {}",
            grant.id,
            name(&grant.by),
            grant.state,
            since.unwrap_or("?"),
            rights(&grant.can),
            reason.note,
        );
        let field = if reason.gives { "because" } else { "beside" };
        fields.push((field, text));
    }
    fields
}
