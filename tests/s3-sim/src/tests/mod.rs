//! The simulator over the wire, with a client of a few lines: no SDK, so that
//! what is sent and what comes back can be seen byte by byte.

mod client;
mod copying;
mod faulty;
mod listing;
mod multipart;
mod objects;
mod restores;
mod rights;
