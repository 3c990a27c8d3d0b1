//! Writes are bound to what was seen at their target: two writers never put older content on newer, a run
//! that wakes up without its lease writes nothing, and a server that knows no such conditions is named.

mod asleep;
mod servers;
mod writes;

use s3_sim::{Content, Put, Verb};

use crate::world::World;

const MIB: u64 = 1024 * 1024;

fn large(seed: u64) -> Put {
    // Without a type S3 shows one, which is sent on.
    let put = Put::new(Content::generated(seed, 10 * MIB)).content_type("a/b");
    put.parts(&[5 * MIB; 2])
}

fn in_parts() -> World {
    World::new().with("BACKUP_MULTIPART_THRESHOLD", "5 MiB")
}

/// The conditions on its target that each such call carried.
fn conditions(world: &World, verb: Verb) -> Vec<(String, Option<String>, Option<String>)> {
    let entries = world.sim.ledger().of(verb).into_iter();
    entries
        .map(|entry| {
            let header = |name| entry.header(name).map(str::to_owned);
            let key = entry.key.clone();
            (key, header("if-none-match"), header("if-match"))
        })
        .collect()
}

fn quoted(world: &World, key: &str) -> String {
    format!("\"{}\"", world.backup_of(key).etag)
}
