//! A file with a price table, as the variable that holds one.

use std::{fs, io};

use crate::config::PRICES;

/// Why a file has no price table.
#[derive(Debug, thiserror::Error)]
pub enum PriceFileError {
    /// It cannot be read.
    #[error("cannot read the price table {file}: {error}; name a file like prices.json")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It has nothing in it. An empty variable would mean the table that is compiled in.
    #[error("the price table {file} is empty; name a file like prices.json")]
    Empty {
        /// The file.
        file: String,
    },
}

/// The variable of the price table of a file; none if no file is named.
///
/// # Errors
/// Why there is none.
pub fn read_price_table(file: Option<&str>) -> Result<Option<(String, String)>, PriceFileError> {
    let Some(file) = file else {
        return Ok(None);
    };
    let named = || file.to_owned();
    let table = fs::read_to_string(file).map_err(|error| PriceFileError::Unreadable {
        file: named(),
        error,
    })?;
    if table.is_empty() {
        return Err(PriceFileError::Empty { file: named() });
    }
    Ok(Some((PRICES.name.to_owned(), table)))
}
