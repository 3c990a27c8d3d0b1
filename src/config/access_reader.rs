//! Reads how each bucket is reached: one value for all destinations, or a list that names each.

use super::reader::Reader;
use super::reason::ConfigReason;
use super::variable::{
    DESTINATION_BUCKET, EXPECTED_OWNER, KMS_KEY_ID, REQUEST_PAYER, SOURCE_OWNER, SSE, Variable,
};
use super::{AccountId, BucketAccess, Destination, Encryption, Mistake, Sse};

/// An id, an ARN or an alias. S3 tells what else is wrong with it.
fn parse_kms_key(text: &str) -> Result<String, ConfigReason> {
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(ConfigReason::not_allowed(
            "the id, ARN or alias of a KMS key",
        ));
    }
    Ok(text.to_owned())
}

fn parse_payer(text: &str) -> Result<bool, ConfigReason> {
    match text {
        "requester" => Ok(true),
        _ => Err(ConfigReason::not_allowed("requester")),
    }
}

/// A value for each destination: the same for all, or that which a list of `bucket=value` names.
fn by_bucket<T: Clone>(
    text: &str,
    destinations: &[Destination],
    parse: impl Fn(&str) -> Result<T, ConfigReason>,
) -> Result<Vec<Option<T>>, ConfigReason> {
    if !text.contains('=') {
        let value = parse(text)?;
        return Ok(vec![Some(value); destinations.len()]);
    }
    let names = || destinations.iter().map(|to| to.location.bucket.as_str());
    let mut values = vec![None; destinations.len()];
    for pair in text.split(',') {
        let Some((bucket, value)) = pair.split_once('=') else {
            return Err(ConfigReason::not_allowed(
                "one value, or a list of bucket=value",
            ));
        };
        let (bucket, value) = (bucket.trim(), value.trim());
        let Some(number) = names().position(|name| name == bucket) else {
            let known: Vec<&str> = names().collect();
            return Err(ConfigReason::UnknownBucket {
                bucket: bucket.to_owned(),
                known: known.join(", "),
            });
        };
        let value = parse(value).map_err(|reason| ConfigReason::OfBucket {
            bucket: bucket.to_owned(),
            reason: Box::new(reason),
        })?;
        if values[number].replace(value).is_some() {
            let bucket = bucket.to_owned();
            return Err(ConfigReason::BucketTwice { bucket });
        }
    }
    Ok(values)
}

/// The first bucket that a list of owners leaves out: it would be written to, whoever owns it.
fn unnamed<'a, T>(destinations: &'a [Destination], values: &[Option<T>]) -> Option<&'a str> {
    let mut pairs = destinations.iter().zip(values);
    let (to, _) = pairs.find(|(_, value)| value.is_none())?;
    Some(to.location.bucket.as_str())
}

impl Reader {
    /// How the source is reached.
    pub(super) fn source_access(&mut self) -> BucketAccess {
        BucketAccess {
            owner: self.read(&SOURCE_OWNER, AccountId::parse),
            requester_pays: self.read(&REQUEST_PAYER, parse_payer).unwrap_or_default(),
            encryption: Encryption::default(),
        }
    }

    /// Says of each destination how it is reached.
    pub(super) fn destination_access(&mut self, destinations: &mut [Destination]) {
        // Without the buckets, nobody can tell which values of a list are for them.
        if self.is_mistaken(&DESTINATION_BUCKET) {
            return;
        }
        let owners = self.read(&EXPECTED_OWNER, |text| {
            let owners = by_bucket(text, destinations, AccountId::parse)?;
            match unnamed(destinations, &owners) {
                Some(bucket) => Err(ConfigReason::NoAccount {
                    bucket: bucket.to_owned(),
                }),
                None => Ok(owners),
            }
        });
        let sse = self.read(&SSE, |text| by_bucket(text, destinations, Sse::parse));
        let keys = self.read(&KMS_KEY_ID, |text| {
            by_bucket(text, destinations, parse_kms_key)
        });
        for (number, to) in destinations.iter_mut().enumerate() {
            to.access.owner = of(owners.as_deref(), number);
            to.access.encryption = Encryption {
                sse: of(sse.as_deref(), number),
                kms_key: of(keys.as_deref(), number),
            };
        }
        let contradicts = |to: &&mut Destination| {
            let Encryption { sse, kms_key } = &to.access.encryption;
            *sse == Some(Sse::Aes256) && kms_key.is_some()
        };
        let contradiction = destinations.iter_mut().find(contradicts);
        if let Some(bucket) = contradiction.map(|to| to.location.bucket.to_string()) {
            let value = self.value(&SSE);
            let reason = ConfigReason::KeyWithoutKms { bucket };
            self.mistake(&SSE, value.as_deref(), reason);
        }
    }

    fn is_mistaken(&self, variable: &Variable) -> bool {
        let is_of = |mistake: &Mistake| mistake.is_of(variable);
        self.mistakes.iter().any(is_of)
    }
}

fn of<T: Clone>(values: Option<&[Option<T>]>, number: usize) -> Option<T> {
    values?.get(number)?.clone()
}

#[cfg(test)]
mod tests {
    use super::super::{Config, ConfigError};
    use super::*;

    const A: &str = "111122223333";
    const B: &str = "444455556666";

    fn config(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let buckets = [
            ("SOURCE_BUCKET", "primary"),
            ("DESTINATION_BUCKET", "backup,s3://second/below/"),
        ];
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Config::from_vars(buckets.iter().chain(vars).map(own))
    }

    fn owners(value: &str) -> Vec<String> {
        let config = config(&[("BACKUP_EXPECTED_OWNER", value)]).unwrap();
        let destinations = config.destinations.into_iter();
        destinations
            .map(|to| to.access.owner.unwrap().as_str().to_owned())
            .collect()
    }

    #[test]
    fn one_owner_is_that_of_all_and_a_list_names_one_for_each() {
        assert_eq!(owners(A), [A, A]);
        assert_eq!(owners(&format!("second={B}, backup={A}")), [A, B]);
    }

    #[test]
    fn lists_that_do_not_fit_the_destinations_are_refused() {
        let cases = [
            (
                "BACKUP_EXPECTED_OWNER",
                "backup=111122223333,stranger=444455556666",
                "names bucket stranger, which is not in DESTINATION_BUCKET; allowed: backup, second",
            ),
            (
                "BACKUP_EXPECTED_OWNER",
                "backup=111122223333",
                "names no account for bucket second; add second=ACCOUNT",
            ),
            (
                "BACKUP_EXPECTED_OWNER",
                "backup=111122223333,backup=111122223333",
                "names bucket backup twice",
            ),
            (
                "BACKUP_EXPECTED_OWNER",
                "backup=1,second=444455556666",
                "is not an account id: 12 digits (bucket backup)",
            ),
            (
                "BACKUP_EXPECTED_OWNER",
                "backup=111122223333,444455556666",
                "allowed: one value, or a list of bucket=value",
            ),
            ("BACKUP_KMS_KEY_ID", "other=key", "names bucket other"),
            ("BACKUP_KMS_KEY_ID", "backup=", "the id, ARN or alias"),
            (
                "BACKUP_SSE",
                "aes256",
                "allowed: AES256, aws:kms, aws:kms:dsse",
            ),
            ("BACKUP_REQUEST_PAYER", "owner", "allowed: requester"),
        ];

        for (name, value, part) in cases {
            let text = config(&[(name, value)]).unwrap_err().to_string();
            assert!(text.contains(name) && text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_key_is_for_the_bucket_that_a_list_names_and_the_other_keeps_its_default() {
        let keyed = config(&[("BACKUP_KMS_KEY_ID", "second=alias/b")]).unwrap();
        let asked: Vec<_> = keyed
            .destinations
            .iter()
            .map(|to| to.access.encryption.asked())
            .collect();

        assert_eq!(asked, [None, Some(Sse::Kms)]);
    }

    #[test]
    fn keys_of_s3_and_a_key_of_kms_contradict() {
        let both = |sse| config(&[("BACKUP_SSE", sse), ("BACKUP_KMS_KEY_ID", "second=k")]);

        let text = both("AES256").unwrap_err().to_string();
        assert!(text.contains("is AES256 for bucket second"), "{text}");
        assert!(both("backup=AES256,second=aws:kms:dsse").is_ok());
    }
}
