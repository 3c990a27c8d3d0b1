//! The rows of a plan and what became of them, as they are stored: in files of their own, or beside the request.

use serde::Deserialize;
use serde_json::Value;

use super::rows::{DoneRow, Known, PlanRow, pack, unpack};
use super::state::{Beside, Held, Part};
use super::state_error::StateError;
use super::store::{REQUEST, Store};
use super::tally::Tally;
use crate::s3::Condition;
use crate::snapshot::Digest;

/// The most rows of a plan that lies in one object with its request and with what became of them: that is written
/// anew whenever something is noted.
const MOST_ROWS_IN_ONE: usize = 100;
/// The most bytes of such a plan: keys of 1,024 control characters grow sixfold.
const MOST_BYTES_IN_ONE: usize = 1 << 20;
/// The most bytes of a file of rows, packed.
const MOST_PART_BYTES: u64 = 64 << 20;

const ZSTD: &str = "application/zstd";

/// A plan of few rows, as it lies beside its request, and what is told of it as a part; none if it is too large for
/// that.
///
/// # Errors
/// Never, as far as anybody knows: all of it can be written as JSON.
pub fn in_one(rows: &[PlanRow]) -> Result<Option<(Value, Vec<Part>)>, serde_json::Error> {
    if rows.len() > MOST_ROWS_IN_ONE {
        return Ok(None);
    }
    let plan = serde_json::to_value(rows)?;
    let bytes = serde_json::to_vec(&plan)?;
    if bytes.len() > MOST_BYTES_IN_ONE {
        return Ok(None);
    }
    let part = (!rows.is_empty()).then(|| Part::of(rows, &bytes));
    Ok(Some((plan, part.into_iter().collect())))
}

impl Part {
    /// A part of which nothing was done yet, by its rows and its bytes.
    fn of(rows: &[PlanRow], bytes: &[u8]) -> Self {
        Self {
            rows: rows.len(),
            sha256: Digest::of(bytes),
            left: rows.len(),
            tally: Tally::default(),
        }
    }
}

impl Store {
    /// Stores a part of the plan.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn write_part(&self, number: usize, rows: &[PlanRow]) -> Result<Part, StateError> {
        let name = part_name(number);
        let body = pack(rows).map_err(|problem| self.damaged(&name, &problem.to_string()))?;
        let key = self.key(&name);
        // A call that was killed may have left it: then it is planned anew, and nothing names the old one.
        let put = self.shelf.put(&key, &body, ZSTD, &Condition::Always);
        put.await.map_err(|error| self.refused(error))?;
        Ok(Part::of(rows, &body))
    }

    /// Reads a part of the plan, if it is the one that was stored.
    ///
    /// # Errors
    /// That it is not, or why it cannot be read.
    pub async fn part(
        &self,
        held: &Held,
        number: usize,
        part: &Part,
    ) -> Result<Vec<PlanRow>, StateError> {
        if let Some(beside) = &held.beside {
            return self.part_beside(beside, part);
        }
        let name = part_name(number);
        let body = self.bytes(&name).await?;
        let body = body.ok_or_else(|| self.damaged(&name, "is missing"))?;
        if Digest::of(&body) != part.sha256 {
            return Err(self.damaged(&name, "is not what was planned"));
        }
        let rows: Vec<PlanRow> =
            unpack(&body).map_err(|problem| self.damaged(&name, &problem.to_string()))?;
        self.all_of(part, rows, &name)
    }

    fn part_beside(&self, beside: &Beside, part: &Part) -> Result<Vec<PlanRow>, StateError> {
        let damaged = |problem: &str| self.damaged(&format!("the plan in {REQUEST}"), problem);
        let bytes = serde_json::to_vec(&beside.plan);
        let bytes = bytes.map_err(|error| damaged(&error.to_string()))?;
        if Digest::of(&bytes) != part.sha256 {
            return Err(damaged("is not what was planned"));
        }
        let rows = Vec::<PlanRow>::deserialize(&beside.plan);
        let rows = rows.map_err(|error| damaged(&error.to_string()))?;
        self.all_of(part, rows, REQUEST)
    }

    fn all_of(
        &self,
        part: &Part,
        rows: Vec<PlanRow>,
        object: &str,
    ) -> Result<Vec<PlanRow>, StateError> {
        if rows.len() == part.rows {
            Ok(rows)
        } else {
            Err(self.damaged(object, "has another number of rows"))
        }
    }

    /// Stores what became of rows of a part, in its file of that number.
    ///
    /// # Errors
    /// Why S3 refused.
    pub async fn write_done(
        &self,
        part: usize,
        file: usize,
        rows: &[DoneRow],
    ) -> Result<(), StateError> {
        let name = done_name(part, file);
        let body = pack(rows).map_err(|problem| self.damaged(&name, &problem.to_string()))?;
        let key = self.key(&name);
        let put = self.shelf.put(&key, &body, ZSTD, &Condition::Create);
        put.await.map(drop).map_err(|error| self.refused(error))
    }

    /// Reads what became of the rows of a part.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub async fn known(&self, held: &Held, part: usize) -> Result<Known, StateError> {
        let mut known = Known::default();
        if let Some(beside) = &held.beside {
            let rows = beside.done.iter();
            known.last = rows.map(|done| (done.row, done.clone())).collect();
            return Ok(known);
        }
        loop {
            let name = done_name(part, known.files);
            let Some(body) = self.bytes(&name).await? else {
                return Ok(known);
            };
            let rows: Vec<DoneRow> =
                unpack(&body).map_err(|problem| self.damaged(&name, &problem.to_string()))?;
            let rows = rows.into_iter().map(|done| (done.row, done));
            known.last.extend(rows);
            known.files += 1;
        }
    }

    async fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        let key = self.key(name);
        let reading = self.shelf.bucket.read_state_up_to(&key, MOST_PART_BYTES);
        let reading = reading.await.map_err(|error| self.refused(error))?;
        match reading.state {
            Some(state) if state.size > MOST_PART_BYTES => Err(self.damaged(name, "is too large")),
            state => Ok(state.map(|state| state.body)),
        }
    }
}

fn part_name(number: usize) -> String {
    format!("plan/{:06}.jsonl.zst", number + 1)
}

fn done_name(part: usize, file: usize) -> String {
    format!("replaced/{:06}-{:04}.jsonl.zst", part + 1, file + 1)
}
