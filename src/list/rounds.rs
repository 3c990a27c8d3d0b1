//! Listing in rounds of a page each, as the scheduler of shards says: what the model of a listing of versions plays on.

use super::probe::Probe;
use super::shards::Shards;
use super::split_point::SplitGuess;

/// A service that lists pages and is asked by the scheduler.
pub trait Service {
    /// The listing of a shard.
    type Listing;

    /// The number of its shard.
    fn shard(listing: &Self::Listing) -> usize;

    /// The listing of this shard, which begins with the first key.
    fn open(&self, shard: usize) -> Self::Listing;

    /// Tries a place to cut: the listing that begins behind it.
    fn probe(&mut self, guess: &SplitGuess) -> Option<Self::Listing>;

    /// Lists one more page on each side.
    fn round(&mut self, listing: &mut Self::Listing);

    /// Hands on the keys that are known; whether the shard is over then.
    fn pass(&mut self, listing: &mut Self::Listing) -> bool;
}

/// Lists everything, with so many shards at once, and says how many rounds that took.
pub fn list_in_rounds<S: Service>(service: &mut S, shards: &Shards, at_once: usize) -> usize {
    let first = shards.take_waiting().unwrap();
    let mut listings = vec![service.open(first)];
    let mut probes: Vec<SplitGuess> = Vec::new();
    let mut rounds = 0;
    while !listings.is_empty() {
        rounds += 1;
        let made: Vec<S::Listing> = probes
            .drain(..)
            .filter_map(|guess| service.probe(&guess))
            .collect();
        for listing in &mut listings {
            service.round(listing);
        }
        listings.extend(made);
        listings.retain_mut(|listing| {
            let is_over = service.pass(listing);
            if is_over {
                shards.over(S::shard(listing));
            }
            !is_over
        });
        while shards.at_once() < at_once {
            match shards.probe() {
                Some(Probe::Split(guess)) => probes.push(guess),
                Some(Probe::Folders(_)) | None => break,
            }
        }
    }
    rounds
}
