//! `directory …`.

use atome_client::{Client, ClientError};
use atome_proto::local::v1::{DirectoryReply, DirectorySource};

use crate::cli::Directory;
use crate::cmd::{or_dash, roughly};
use crate::context::Context;
use crate::fault::Fault;
use crate::out::{Listing, Out};

pub(super) async fn perform(context: &mut Context, command: Directory) -> Result<(), Fault> {
    match command {
        Directory::List { limit } => list(context, None, limit).await,
        Directory::Find { text } => list(context, Some(&text), None).await,
        Directory::Show { who } => show(context, &who).await,
    }
}

/// Prints page after page as they come; as one document, when all are there.
async fn list(context: &mut Context, find: Option<&str>, limit: Option<u64>) -> Result<(), Fault> {
    let mut pages = Pages {
        client: context.client.clone(),
        find,
        left: limit,
    };
    let mut whole = pages.turn(None).await?;
    if context.out.is_document() {
        while let Some(page) = pages.after(&whole).await? {
            join(&mut whole, page);
        }
        context.out.document(&whole, |_| Vec::new())?;
    } else {
        let mut listing = table(&mut context.out);
        push(&mut listing, &mut whole)?;
        while let Some(page) = pages.after(&whole).await? {
            join(&mut whole, page);
            push(&mut listing, &mut whole)?;
        }
        listing.finish()?;
    }
    tell_age(context, &whole);
    Ok(())
}

async fn show(context: &mut Context, who: &str) -> Result<(), Fault> {
    let mut found = if who.starts_with('+') {
        context.client.directory_by_phone(who).await?
    } else {
        context.client.directory_by_name(who).await?
    };
    if context.out.is_document() {
        context.out.document(&found, |_| Vec::new())?;
    } else {
        let mut listing = table(&mut context.out);
        push(&mut listing, &mut found)?;
        listing.finish()?;
    }
    tell_age(context, &found);
    Ok(())
}

/// What is asked for page by page, until the last, or until there are as many entries as were wanted.
struct Pages<'a> {
    client: Client,
    find: Option<&'a str>,
    left: Option<u64>,
}

impl Pages<'_> {
    async fn turn(&mut self, after: Option<&str>) -> Result<DirectoryReply, ClientError> {
        let page = self.client.directory(self.find, after, self.left).await?;
        let count = page.entries.len() as u64;
        self.left = self.left.map(|left| left.saturating_sub(count));
        Ok(page)
    }

    async fn after(
        &mut self,
        before: &DirectoryReply,
    ) -> Result<Option<DirectoryReply>, ClientError> {
        match before.next.as_deref() {
            Some(next) if self.left != Some(0) => self.turn(Some(next)).await.map(Some),
            Some(_) | None => Ok(None),
        }
    }
}

/// Adds a page. The whole is as old as its oldest page, and as sure as its least sure one.
fn join(whole: &mut DirectoryReply, page: DirectoryReply) {
    whole.entries.extend(page.entries);
    whole.next = page.next;
    if page.age_ms > whole.age_ms {
        whole.age_ms = page.age_ms;
        whole.as_of = page.as_of;
    }
    if page.source == DirectorySource::Cache {
        whole.source = page.source;
    }
}

fn table(out: &mut Out) -> Listing<'_> {
    out.listing(&["NAME", "PHONE", "ID"])
}

/// Prints the entries and lets them go, so that memory does not grow with the directory.
fn push(listing: &mut Listing<'_>, reply: &mut DirectoryReply) -> std::io::Result<()> {
    for entry in reply.entries.drain(..) {
        listing.push(&entry, |entry| {
            vec![
                entry.username.clone(),
                or_dash(entry.phone.as_ref()),
                entry.user_id.to_string(),
            ]
        })?;
    }
    Ok(())
}

fn tell_age(context: &Context, reply: &DirectoryReply) {
    if reply.source == DirectorySource::Cache {
        let age = roughly(reply.age_ms);
        context
            .say
            .note(&format!("from this machine's copy, {age} old"));
    }
}
