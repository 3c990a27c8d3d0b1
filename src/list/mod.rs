//! Two buckets in, their objects out: side by side, in order, page by page, never collected.
//!
//! The join that follows rests on the order, so a listing that goes backwards is an error here.

mod allowance;
mod alphabet;
#[cfg(test)]
mod event_model;
mod folders;
mod gap;
mod guess;
mod level;
#[cfg(test)]
mod listing_model;
mod order;
mod outliers;
mod pages;
mod probe;
#[cfg(test)]
mod rounds;
mod scheduler;
mod segment_ends;
mod shard;
mod shard_listing;
mod shards;
mod split_point;
mod survey;
mod versions;
#[cfg(test)]
mod versions_model;

pub use pages::{Pages, on_all_cpus};
pub use scheduler::ShardGuard;
pub use segment_ends::SegmentEnds;
pub use shard_listing::{ObjectPages, ShardListing, Sides, shard_listings};
pub use shards::{Shards, most_at_once, most_ranges};
pub use survey::survey;
pub use versions::{VersionListing, VersionSide, version_listings};
