//! Sums over content: MD5 for ETags, and the checksum algorithms S3 offers.
//! Generated content has no bytes to sum; it gets sums made of its description,
//! which are equal exactly when the content is.

use crate::content::{Content, Piece};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::CrcAlgorithm;
use md5::{Digest, Md5};

/// A checksum algorithm of S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// CRC-32.
    Crc32,
    /// CRC-32C.
    Crc32c,
    /// CRC-64/NVME: what S3 adds by itself.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Algorithm; 5] = [
        Algorithm::Crc32,
        Algorithm::Crc32c,
        Algorithm::Crc64Nvme,
        Algorithm::Sha1,
        Algorithm::Sha256,
    ];

    /// The name in `x-amz-checksum-algorithm` and in listings.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "CRC32",
            Algorithm::Crc32c => "CRC32C",
            Algorithm::Crc64Nvme => "CRC64NVME",
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
        }
    }

    /// The header that carries a value of this algorithm.
    pub fn header(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "x-amz-checksum-crc32",
            Algorithm::Crc32c => "x-amz-checksum-crc32c",
            Algorithm::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Algorithm::Sha1 => "x-amz-checksum-sha1",
            Algorithm::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The XML element that carries a value of this algorithm.
    pub(crate) fn element(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "ChecksumCRC32",
            Algorithm::Crc32c => "ChecksumCRC32C",
            Algorithm::Crc64Nvme => "ChecksumCRC64NVME",
            Algorithm::Sha1 => "ChecksumSHA1",
            Algorithm::Sha256 => "ChecksumSHA256",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Algorithm> {
        Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    fn of_bytes(self, bytes: &[u8]) -> Vec<u8> {
        let crc32 = |algorithm| {
            let sum = crc_fast::checksum(algorithm, bytes) as u32;
            sum.to_be_bytes().to_vec()
        };
        match self {
            Algorithm::Crc32 => crc32(CrcAlgorithm::Crc32IsoHdlc),
            Algorithm::Crc32c => crc32(CrcAlgorithm::Crc32Iscsi),
            Algorithm::Crc64Nvme => crc_fast::checksum(CrcAlgorithm::Crc64Nvme, bytes)
                .to_be_bytes()
                .to_vec(),
            Algorithm::Sha1 => sha1::Sha1::digest(bytes).to_vec(),
            Algorithm::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
        }
    }

    fn length(self) -> usize {
        match self {
            Algorithm::Crc32 | Algorithm::Crc32c => 4,
            Algorithm::Crc64Nvme => 8,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
        }
    }

    /// The sum of the whole content, as S3 spells it: base64, most significant byte first.
    pub(crate) fn full_object(self, content: &Content) -> String {
        BASE64.encode(self.sum(content))
    }

    /// The sum of the sums of the parts, with the number of parts behind it.
    pub(crate) fn composite(self, content: &Content, parts: &[u64]) -> String {
        let mut sums = Vec::new();
        for part in content.cut(parts) {
            sums.extend(self.sum(&part));
        }
        format!("{}-{}", BASE64.encode(self.of_bytes(&sums)), parts.len())
    }

    fn sum(self, content: &Content) -> Vec<u8> {
        if let Some(bytes) = content.as_bytes() {
            return self.of_bytes(bytes);
        }
        let mut seed = md5(content);
        let mut sum = Vec::new();
        while sum.len() < self.length() {
            seed = Md5::new()
                .chain_update(seed)
                .chain_update(self.name())
                .finalize()
                .into();
            sum.extend(seed);
        }
        sum.truncate(self.length());
        sum
    }
}

/// MD5 of real bytes, or sixteen bytes that stand for it.
pub(crate) fn md5(content: &Content) -> [u8; 16] {
    if let Some(bytes) = content.as_bytes() {
        return Md5::digest(bytes).into();
    }
    if let [Piece::Generated(run)] = content.pieces() {
        return scatter([run.seed, run.offset, run.len]);
    }
    let mut sum = Md5::new();
    for piece in content.pieces() {
        match piece {
            Piece::Real(bytes) => sum.update(bytes),
            Piece::Generated(run) => sum.update(scatter([run.seed, run.offset, run.len])),
        }
    }
    sum.finalize().into()
}

/// MD5 of the MD5s of the parts: the digest of a multi-part ETag.
pub(crate) fn md5_of_md5s(parts: impl IntoIterator<Item = [u8; 16]>) -> [u8; 16] {
    let mut sum = Md5::new();
    for part in parts {
        sum.update(part);
    }
    sum.finalize().into()
}

/// Sixteen bytes that look random and depend on every input bit. Far cheaper
/// than MD5, because a listing of generated keys makes one for each key.
pub(crate) fn scatter(words: [u64; 3]) -> [u8; 16] {
    let mut low: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut high: u64 = 0xd1b5_4a32_d192_ed03;
    for word in words {
        low = mix(low ^ word);
        high = mix(high.wrapping_add(low));
    }
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

/// The finaliser of splitmix64.
pub(crate) fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_real_bytes_are_the_published_ones() {
        let check = Content::from("123456789");

        let sums = Algorithm::ALL.map(|algorithm| algorithm.full_object(&check));

        assert_eq!(
            sums,
            [
                "y/Q5Jg==",
                "4waSgw==",
                "rosUhgp5mIg=",
                "98O8HYCOBHMq32eZZczDTKeuNEE=",
                "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
            ]
        );
    }

    #[test]
    fn generated_content_has_equal_sums_only_when_equal() {
        let whole = Content::generated(7, 1 << 40);
        let again = Content::join([
            whole.slice(0, 1 << 30),
            whole.slice(1 << 30, (1 << 40) - (1 << 30)),
        ]);
        let other = Content::generated(8, 1 << 40);

        assert_eq!(md5(&whole), md5(&again));
        assert_ne!(md5(&whole), md5(&other));
        assert_ne!(
            Algorithm::Crc64Nvme.full_object(&whole),
            Algorithm::Crc64Nvme.full_object(&other)
        );
    }
}
