//! Two buckets in, their objects out: side by side, in order, page by page, never collected.
//!
//! The join that follows rests on the order, so a listing that goes backwards is an error here.

mod aim;
mod order;
mod pages;
mod sections;
mod territory;

pub use sections::{Listing, Over, Section, Sides, sections};
pub use territory::{MOST_AT_ONCE, Territory};
