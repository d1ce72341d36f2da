//! Finds ended sessions: those of a lead by its index, all others in the strips.
//!
//! Whatever is asked for, a bounded number of rows is walked; beyond that, strips are looked
//! through column by column.

use rusqlite::Connection;
use wk_model::Time;

use crate::{
    filter::{Filter, Lead},
    query::{Place, SessionQuery, SessionType},
    stored::integer,
    strips::{Column, Wanted, strips},
};

/// Sessions of a lead that are looked at one by one before strips are quicker; in tests so few
/// that both ways are gone.
const FEW: usize = if cfg!(test) { 2 } else { 4000 };

/// Rows of an index that are walked through while one is looked up.
const LOOKUP: usize = 6;

/// Places of sessions.
type Places = Vec<(i64, i64)>;

/// The newest ended sessions that fit, at most so many; none: all.
pub(crate) fn newest(
    connection: &Connection,
    query: &SessionQuery,
    before: Option<Place>,
    limit: Option<usize>,
) -> rusqlite::Result<Places> {
    if query.past_statuses().is_none() {
        return Ok(Vec::new());
    }
    let leads = Lead::all(query);
    if let Some((lead, others, few)) = best(connection, &leads)? {
        // With nothing else to look for, all that the index leads to fits.
        let plain = others.is_empty() && is_plain(query);
        let straight = few || plain || limit.is_none();
        let most = match plain {
            true => limit,
            false => (!straight).then_some(FEW),
        };
        let filter = Filter::led_by(&lead, query, before, most).and_leads(&others);
        let found = filter.select(connection, limit)?;
        if straight || Some(found.len()) == limit {
            return Ok(found);
        }
    }
    let mut found = Filter::loose(query, before).and_leads(&leads).select(connection, limit)?;
    let wanted = wanted(query, before);
    let mut led = Led::new(&leads);
    for strip in strips(connection, &wanted)? {
        let enough = |limit: usize| {
            let oldest = limit.checked_sub(1).and_then(|last| found.get(last));
            oldest.is_some_and(|(start, _)| *start > strip.last_ms)
        };
        if limit.is_some_and(enough) {
            break;
        }
        let places = strip.fitting(&wanted)?;
        if places.is_empty() {
            continue;
        }
        let (starts, ids) = (strip.numbers(Column::Start)?, strip.numbers(Column::Id)?);
        let first_ms = starts.first().copied().unwrap_or(strip.last_ms);
        led.turn_to(connection, (first_ms, strip.last_ms), places.len())?;
        let mut taken = 0;
        for place in places.iter().rev().map(|place| usize::from(*place)) {
            if Some(taken) == limit {
                break;
            }
            let place = (starts[place], ids[place]);
            if led.has(connection, place)? {
                found.push(place);
                taken += 1;
            }
        }
        if let Some(limit) = limit {
            found.sort_unstable_by(|a, b| b.cmp(a));
            found.truncate(limit);
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

/// What of a strip belongs to the leads.
///
/// Sessions are looked up one by one, or those of one lead are walked through in their index,
/// which takes [`LOOKUP`] times less for each: whatever is quicker by what the strip before had.
struct Led<'a> {
    leads: &'a [Lead],
    /// Sessions of the first lead in the last strip that was walked.
    density: usize,
    /// Those of this strip, if it was walked.
    walked: Option<Places>,
}

impl<'a> Led<'a> {
    fn new(leads: &'a [Lead]) -> Self {
        Self { leads, density: 0, walked: None }
    }

    /// Gets ready for a strip of which so many sessions fit otherwise.
    fn turn_to(
        &mut self,
        connection: &Connection,
        times: (i64, i64),
        fitting: usize,
    ) -> rusqlite::Result<()> {
        self.walked = None;
        if let Some(lead) = self.leads.first()
            && self.density <= fitting * LOOKUP
        {
            let walked = lead.between(connection, times)?;
            self.density = walked.len();
            self.walked = Some(walked);
        }
        Ok(())
    }

    fn has(&self, connection: &Connection, place: (i64, i64)) -> rusqlite::Result<bool> {
        let left = match &self.walked {
            Some(walked) if walked.binary_search(&place).is_err() => return Ok(false),
            Some(_) => &self.leads[1..],
            None => self.leads,
        };
        Ok(left.is_empty() || Filter::fits(connection, left, place)?)
    }
}

/// How many ended sessions fit.
pub(crate) fn count(
    connection: &Connection,
    query: &SessionQuery,
    before: Option<Place>,
) -> rusqlite::Result<u64> {
    if query.past_statuses().is_none() {
        return Ok(0);
    }
    let leads = Lead::all(query);
    if let Some((lead, others, _)) = best(connection, &leads)? {
        let filter = Filter::led_by(&lead, query, before, None).and_leads(&others);
        return filter.count(connection);
    }
    let mut count = Filter::loose(query, before).count(connection)?;
    let wanted = wanted(query, before);
    for strip in strips(connection, &wanted)? {
        count += strip.fitting(&wanted)?.len() as u64;
    }
    Ok(count)
}

/// A query as strips understand it; leads are no part of that.
pub(crate) fn wanted(query: &SessionQuery, before: Option<Place>) -> Wanted {
    let statuses = query.past_statuses().unwrap_or_default();
    let mut wanted = Wanted {
        statuses: statuses.iter().map(|status| status.as_str()).collect(),
        kinds: query.kinds.iter().map(|kind| kind.as_str()).collect(),
        component: query.component.clone(),
        user: query.username.clone(),
        after_ms: query.started_after.map(Time::as_millis),
        before_ms: query.started_before.map(Time::as_millis),
        cursor: before.map(|(time, id)| (time.as_millis(), integer(id.number()))),
        longer_than_ms: query.longer_than_ms.map(integer),
        ended_since_ms: query.ended_since.map(Time::as_millis),
        ..Wanted::default()
    };
    match &query.session_type {
        Some(SessionType::Kind(kind)) => wanted.kind = Some(kind.as_str()),
        Some(SessionType::ReportedShell) => {
            (wanted.kind, wanted.reported) = (Some("shell"), true);
        }
        Some(SessionType::Shell(word)) => wanted.shell_type = Some(word.clone()),
        None => {}
    }
    wanted
}

/// The lead with the fewest sessions, the others, and whether they are few.
fn best(
    connection: &Connection,
    leads: &[Lead],
) -> rusqlite::Result<Option<(Lead, Vec<Lead>, bool)>> {
    let mut best: Option<(usize, usize)> = None;
    for (index, lead) in leads.iter().enumerate() {
        let count = lead.count(connection, FEW)?;
        if best.is_none_or(|(_, least)| count < least) {
            best = Some((index, count));
        }
    }
    let Some((index, count)) = best else { return Ok(None) };
    let mut others = leads.to_vec();
    let lead = others.remove(index);
    Ok(Some((lead, others, count < FEW)))
}

/// Whether it asks for nothing but leads and starts, in whose order the indexes are.
fn is_plain(query: &SessionQuery) -> bool {
    query.past_statuses().is_some_and(|statuses| statuses.is_empty())
        && query.kinds.is_empty()
        && query.session_type.is_none()
        && query.component.is_none()
        && query.username.is_none()
        && query.longer_than_ms.is_none()
        && query.ended_since.is_none()
}
