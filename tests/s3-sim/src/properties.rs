//! What request headers say about a new object: its headers, metadata, tags,
//! class and encryption. And back: how a stored object tells them.

use crate::bucket::BucketOptions;
use crate::call::Call;
use crate::object::{Encryption, SystemHeaders};
use crate::reply::{Refusal, Reply};
use crate::spelling;
use crate::version::{Properties, Stored, Tags};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::collections::BTreeMap;

const META: &str = "x-amz-meta-";
/// S3 allows 2 KB of user metadata.
const METADATA_MAX: usize = 2_048;
const TAGS_MAX: usize = 10;

const CLASSES: [&str; 9] = [
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
    "EXPRESS_ONEZONE",
];

/// Everything the headers say; what they leave out is the default of the bucket.
pub(crate) fn from_call(call: &Call, options: &BucketOptions) -> Result<Properties, Refusal> {
    Ok(Properties {
        headers: system_headers(call),
        metadata: metadata(call)?,
        storage_class: storage_class(call)?,
        encryption: encryption(call, options)?,
    })
}

pub(crate) fn system_headers(call: &Call) -> SystemHeaders {
    let encoding = call.header("content-encoding").map(|value| {
        let codings = value.split(',').map(str::trim);
        let kept: Vec<&str> = codings.filter(|coding| *coding != "aws-chunked").collect();
        kept.join(",")
    });
    SystemHeaders {
        content_type: call.owned("content-type"),
        cache_control: call.owned("cache-control"),
        content_disposition: call.owned("content-disposition"),
        content_encoding: encoding.filter(|value| !value.is_empty()),
        content_language: call.owned("content-language"),
        expires: call.owned("expires"),
        website_redirect: call.owned("x-amz-website-redirect-location"),
    }
}

pub(crate) fn metadata(call: &Call) -> Result<BTreeMap<String, String>, Refusal> {
    let mut metadata = BTreeMap::new();
    for (name, value) in &call.headers {
        if let Some(name) = name.as_str().strip_prefix(META) {
            let value = decode_word(&String::from_utf8_lossy(value.as_bytes()));
            metadata
                .entry(name.to_owned())
                .and_modify(|all: &mut String| *all = format!("{all},{value}"))
                .or_insert(value);
        }
    }
    let size: usize = metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size > METADATA_MAX {
        return Err(Refusal::new(
            400,
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
        ));
    }
    Ok(metadata)
}

pub(crate) fn storage_class(call: &Call) -> Result<String, Refusal> {
    let class = call.header("x-amz-storage-class").unwrap_or("STANDARD");
    if CLASSES.contains(&class) {
        return Ok(class.to_owned());
    }
    Err(Refusal::new(
        400,
        "InvalidStorageClass",
        "The storage class you specified is not valid",
    ))
}

pub(crate) fn encryption(call: &Call, options: &BucketOptions) -> Result<Encryption, Refusal> {
    if call
        .header("x-amz-server-side-encryption-customer-algorithm")
        .is_some()
    {
        return Ok(Encryption::SseC);
    }
    let own_key = || {
        format!(
            "arn:aws:kms:{}:{}:alias/aws/s3",
            options.region, options.owner
        )
    };
    let key = || {
        call.owned("x-amz-server-side-encryption-aws-kms-key-id")
            .unwrap_or_else(own_key)
    };
    match call.header("x-amz-server-side-encryption") {
        None => Ok(options.default_encryption.clone()),
        Some("AES256") => Ok(Encryption::SseS3),
        Some("aws:kms") => Ok(Encryption::Kms { key: key() }),
        Some("aws:kms:dsse") => Ok(Encryption::Dsse { key: key() }),
        Some(_) => Err(Refusal::new(
            400,
            "InvalidEncryptionAlgorithmError",
            "The encryption request that you specified is not valid.",
        )),
    }
}

/// What a request says to get an encryption.
pub(crate) fn encryption_name(encryption: &Encryption) -> &'static str {
    match encryption {
        Encryption::SseS3 | Encryption::SseC => "AES256",
        Encryption::Kms { .. } => "aws:kms",
        Encryption::Dsse { .. } => "aws:kms:dsse",
    }
}

/// The tags of `x-amz-tagging`.
pub(crate) fn tags(call: &Call) -> Result<Tags, Refusal> {
    let header = call.header("x-amz-tagging").unwrap_or("");
    let pairs = spelling::form_pairs(header).ok_or_else(invalid_tags)?;
    checked_tags(pairs)
}

pub(crate) fn checked_tags(pairs: Vec<(String, String)>) -> Result<Tags, Refusal> {
    let count = pairs.len();
    let tags: Tags = pairs.into_iter().collect();
    if tags.len() < count {
        let message = "Cannot provide multiple Tags with the same key";
        return Err(Refusal::new(400, "InvalidTag", message));
    }
    if count > TAGS_MAX {
        let message = "Object tags cannot be greater than 10";
        return Err(Refusal::new(400, "BadRequest", message));
    }
    let too_long = |(name, value): (&String, &String)| {
        name.is_empty() || name.chars().count() > 128 || value.chars().count() > 256
    };
    if tags.iter().any(too_long) {
        return Err(invalid_tags());
    }
    Ok(tags)
}

fn invalid_tags() -> Refusal {
    Refusal::new(400, "InvalidTag", "The TagKey you have provided is invalid")
}

/// A reply that tells everything a reader may know of the object itself.
pub(crate) fn tell(reply: Reply, stored: &Stored) -> Reply {
    let properties = &stored.properties;
    let mut reply = reply.with("content-type", "binary/octet-stream");
    for (name, value) in properties.headers.copied() {
        reply = reply.with_some(name, value.as_ref());
    }
    reply = reply.with_some(
        "x-amz-website-redirect-location",
        properties.headers.website_redirect.as_ref(),
    );
    let mut missing = 0;
    for (name, value) in &properties.metadata {
        if value.chars().any(char::is_control) {
            missing += 1;
        } else {
            reply = reply.with(&format!("{META}{name}"), encode_word(value));
        }
    }
    if missing > 0 {
        reply = reply.with("x-amz-missing-meta", missing.to_string());
    }
    if properties.storage_class != "STANDARD" {
        reply = reply.with("x-amz-storage-class", &properties.storage_class);
    }
    tell_encryption(reply, &properties.encryption)
}

pub(crate) fn tell_encryption(reply: Reply, encryption: &Encryption) -> Reply {
    const HEADER: &str = "x-amz-server-side-encryption";
    let with_key = |reply: Reply, name: &str, key: &str| {
        reply
            .with(HEADER, name)
            .with("x-amz-server-side-encryption-aws-kms-key-id", key)
    };
    match encryption {
        Encryption::SseS3 => reply.with(HEADER, "AES256"),
        Encryption::Kms { key } => with_key(reply, "aws:kms", key),
        Encryption::Dsse { key } => with_key(reply, "aws:kms:dsse", key),
        Encryption::SseC => reply.with("x-amz-server-side-encryption-customer-algorithm", "AES256"),
    }
}

/// Metadata that is not ASCII is shown as RFC 2047 words.
fn encode_word(value: &str) -> String {
    if value.is_ascii() {
        return value.to_owned();
    }
    format!("=?UTF-8?B?{}?=", BASE64.encode(value))
}

fn decode_word(value: &str) -> String {
    let word = value
        .strip_prefix("=?UTF-8?B?")
        .and_then(|rest| rest.strip_suffix("?="))
        .and_then(|word| BASE64.decode(word).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    word.unwrap_or_else(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_that_is_not_ascii_survives_the_round_trip() {
        assert_eq!(decode_word(&encode_word("Grüße")), "Grüße");
        assert_eq!(encode_word("plain"), "plain");
    }

    #[test]
    fn eleven_tags_are_too_many() {
        let tags = |count: u32| {
            (0..count)
                .map(|tag| (tag.to_string(), String::new()))
                .collect()
        };

        assert!(checked_tags(tags(10)).is_ok());
        assert!(checked_tags(tags(11)).is_err());
    }
}
