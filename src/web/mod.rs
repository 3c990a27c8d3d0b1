//! A page where anybody gets a file back: the same restore, for people who know no bucket, key or version.
//!
//! One router, one front end, whose built files are compiled in. A route takes one JSON object by POST and
//! answers with one; both are typed, and an unknown field is refused. Nothing of a name ever stands in the
//! path of a URL. The page can do nothing that a restore cannot: what it puts back is a plan of
//! [`crate::restore`], which is stored, shown, and carried out once it is confirmed.
//!
//! ```text
//!   browser -> door (host, origin, token) -> routes -> Backup (runs, folders, search)  -> history, snapshot
//!                                               `----> Orders (plan, confirm, undo)    -> handler -> restore
//! ```

mod answer;
mod app;
mod backup;
mod deleted;
mod door;
mod file;
mod folder;
mod headers;
mod names;
mod orders;
mod page;
mod preview;
mod restores;
mod routes;
mod runs;
mod search;
mod today;

pub use app::App;
pub use backup::Backup;
pub use door::{Door, Secret};
pub use orders::{Order, Orders};
pub use routes::router;
