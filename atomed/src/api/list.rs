//! `GET /v1/atomes`: those that fit, as JSON lines; or all as records of a seed file.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

use atome_engine::seed::record_of;
use atome_proto::local::v1::ListQuery;
use atome_proto::state::{AtomeState, value_in};
use atome_proto::{AtomeId, Code, Problem};
use atome_store::replica::Scan;

use super::filter::{Condition, SortKey};
use super::query::Query;
use super::reference::resolve;
use super::reply::{self, Cut, Handled, Lines};
use super::route::Asked;
use super::view::{Viewer, show};
use crate::accounts::Account;
use crate::store_problem::problem;

/// Atomes looked at in one read transaction: some 10 ms at most.
const LOOKED_AT: u32 = 4_096;
/// Most atomes that can be sorted: some 100 bytes each are held meanwhile.
const SORTED_MAX: usize = 1_000_000;

pub(super) async fn list(mut asked: Asked<'_>) -> Handled {
    let account = asked.account().await?;
    let query = read(&mut asked.query)?;
    asked.query.done()?;
    let listing = Listing::prepare(account, &query).await?;
    if query.seed {
        return reply::lines(|lines| listing.export(lines));
    }
    match query.order {
        None => reply::lines(|lines| listing.by_id(lines)),
        Some(order) => reply::lines(|lines| listing.sorted(order, lines)),
    }
}

pub(super) fn read(query: &mut Query) -> Result<ListQuery, Problem> {
    let seed = match query.text("format")?.as_deref() {
        None => false,
        Some("seed") => true,
        Some(other) => {
            let message = format!("there is no format '{other}'; 'seed' is the only one");
            return Err(Problem::new(Code::BadRequest, message));
        }
    };
    Ok(ListQuery {
        type_name: query.text("type")?,
        parent: query.text("parent")?,
        wheres: query.all("where"),
        order: query.text("order")?,
        limit: query.number("limit")?,
        deleted: query.flag("deleted")?,
        seed,
    })
}

/// A list that is about to be made.
struct Listing {
    account: Account,
    scan: Scan,
    conditions: Arc<[Condition]>,
    limit: usize,
}

impl Listing {
    async fn prepare(account: Account, query: &ListQuery) -> Result<Self, Problem> {
        let parent = match &query.parent {
            None => None,
            Some(parent) => Some(resolve(&account.store, account.id, parent).await?),
        };
        let conditions = query.wheres.iter().map(|text| Condition::parse(text));
        let conditions = conditions.collect::<Result<_, _>>()?;
        let limit = query.limit.and_then(|limit| usize::try_from(limit).ok());
        Ok(Self {
            account,
            scan: Scan {
                type_name: query.type_name.clone(),
                parent,
                // What `export` prints names deleted atomes too, as deleted.
                deleted: query.deleted || query.seed,
                after: None,
                limit: LOOKED_AT,
            },
            conditions,
            limit: limit.unwrap_or(usize::MAX),
        })
    }

    /// What `take` makes of the next atomes that fit; `None` after the last.
    async fn page<T: Send + 'static>(
        &mut self,
        take: impl Fn(AtomeId, &str) -> Result<T, serde_json::Error> + Send + 'static,
    ) -> Result<Option<Vec<T>>, Problem> {
        let conditions = Arc::clone(&self.conditions);
        let fitting = move |atome, state: &str| match fits(&conditions, state)? {
            true => take(atome, state).map(Some),
            false => Ok(None),
        };
        let sifted = self.account.store.sift(self.scan.clone(), fitting).await;
        let sifted = sifted.map_err(|e| problem(&e))?;
        if sifted.last.is_some() {
            self.scan.after = sifted.last;
            return Ok(Some(sifted.taken));
        }
        Ok(None)
    }

    async fn by_id(mut self, mut lines: Lines) -> Result<(), Cut> {
        let store = self.account.store.clone();
        let mut viewer = Viewer::of(&store);
        let mut left = self.limit;
        if self.conditions.is_empty() {
            // What is not shown need not be read.
            let few = u32::try_from(left).unwrap_or(u32::MAX);
            self.scan.limit = self.scan.limit.min(few);
        }
        while left > 0
            && let Some(page) = self.page(|_, state| serde_json::from_str(state)).await?
        {
            for state in page.iter().take(left) {
                lines.push(&viewer.view(state).await?).await?;
            }
            left = left.saturating_sub(page.len());
        }
        lines.flush().await
    }

    /// As records of a seed file, as they are at one moment: parents by external key where they have one.
    async fn export(self, mut lines: Lines) -> Result<(), Cut> {
        let store = self.account.store.clone();
        let mut viewer = Viewer::of(&store);
        let mut left = self.limit;
        let mut export = store.export().await.map_err(|e| problem(&e))?;
        loop {
            let page = export.next_page().await.map_err(|e| problem(&e))?;
            if page.is_empty() || left == 0 {
                return lines.flush().await;
            }
            let fitting = page
                .iter()
                .filter(|state| self.is_scanned(state) && self.all_hold(state));
            for state in fitting.take(left) {
                let parent_key = viewer.parent_key(state).await?;
                lines.push(&record_of(state, parent_key)).await?;
                left -= 1;
            }
        }
    }

    fn all_hold(&self, state: &AtomeState) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.all(|condition| condition.holds(state.value(condition.key()).as_ref()))
    }

    /// Whether the store would list it; what it knows nothing of but that it is there, it does not.
    fn is_scanned(&self, state: &AtomeState) -> bool {
        let type_name = state.type_name();
        let wanted = self
            .scan
            .type_name
            .as_ref()
            .is_none_or(|of| *of == type_name);
        let below = self
            .scan
            .parent
            .is_none_or(|parent| state.parent() == Some(parent));
        !type_name.is_empty() && wanted && below && (self.scan.deleted || !state.is_deleted())
    }

    async fn sorted(mut self, order: String, mut lines: Lines) -> Result<(), Cut> {
        let (key, descending) = match order.strip_prefix('-') {
            Some(key) => (key.to_owned(), true),
            None => (order, false),
        };
        let keep = self.limit.min(SORTED_MAX);
        let mut best: BinaryHeap<Place> = BinaryHeap::new();
        let place = move |atome, state: &str| {
            Ok(Place {
                key: SortKey::of(value_in(state, &key)?.as_ref()),
                descending,
                atome,
            })
        };
        while let Some(page) = self.page(place.clone()).await? {
            for place in page {
                best.push(place);
                if best.len() > keep {
                    best.pop();
                    if keep < self.limit {
                        return Err(too_many().into());
                    }
                }
            }
        }
        let best = best.into_sorted_vec();
        let atomes: Vec<AtomeId> = best.iter().map(|place| place.atome).collect();
        drop(best);
        show(&self.account.store, &atomes, self.scan.deleted, &mut lines).await
    }
}

/// Whether all conditions hold of the text of a state.
fn fits(conditions: &[Condition], state: &str) -> Result<bool, serde_json::Error> {
    for condition in conditions {
        if !condition.holds(value_in(state, condition.key())?.as_ref()) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn too_many() -> Problem {
    let message = format!("more than {SORTED_MAX} atomes fit, too many to sort");
    Problem::new(Code::TooLarge, message).hint("narrow the list with --where, or give a --limit")
}

/// A place in a sorted list: by value, then by id; what has no value is last either way.
#[derive(Debug)]
struct Place {
    key: SortKey,
    descending: bool,
    atome: AtomeId,
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let absent = |place: &Self| matches!(place.key, SortKey::Absent);
        let by_key = self.key.cmp(&other.key);
        let by_key = if self.descending {
            by_key.reverse()
        } else {
            by_key
        };
        absent(self)
            .cmp(&absent(other))
            .then(by_key)
            .then(self.atome.cmp(&other.atome))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Place {}
