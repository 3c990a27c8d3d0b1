//! A page where anybody gets a file back: the same restore, for people who know no bucket, key or version.
//!
//! One router, one front end, whose built files are compiled in. A route takes one JSON object by POST and
//! answers with one; both are typed, and an unknown field is refused. Nothing of a name ever stands in the
//! path of a URL. The page can do nothing that a restore cannot: what it puts back is a plan of
//! [`crate::restore`], which is stored, shown, and carried out once it is confirmed.
//!
//! There are two ways in. `s3-backup serve` has a door of its own, and restores in its own process. Behind API
//! Gateway, which has checked the token, the claims say who calls, and another function restores.
//!
//! ```text
//!   browser -> Door (host, origin, token) --------> routes -> Backup (runs, folders, search) -> history, snapshot
//!   browser -> API Gateway -> Hosted (claims) ---'       `-> Restorer: Orders -> app -> restore
//!                                                                      or a function, by its name
//! ```

mod access;
mod activity;
mod answer;
mod api;
mod audit;
mod backup;
mod claims;
mod copies;
mod deleted;
mod door;
mod file;
mod folder;
mod gateway;
mod headers;
mod hosted;
mod limits;
mod me;
mod names;
mod orders;
mod page;
mod planned;
mod preview;
mod restorer;
mod restores;
mod routes;
mod runs;
mod search;
mod settings;
mod sign_in;
mod today;
mod touched;

pub use api::Api;
pub use backup::Backup;
pub use door::{Door, Secret};
pub use hosted::Hosted;
pub use limits::Limits;
pub use orders::{Order, Orders, Restorer};
pub use restorer::RestoreFunction;
pub use routes::router;
