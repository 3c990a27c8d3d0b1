//! The receivers of messages about runs: a topic, a monitor's address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::reader::Reader;
use super::reason::{ConfigReason, HeartbeatReason};
use super::variable::{CONTINUATION, HEARTBEAT_URL, JOB_NAME, NOTIFY, SNS_TOPIC_ARN, WATCH_JOBS};

/// The most bytes of the name of a job, which CloudWatch takes as a dimension.
const MOST_JOB_NAME_BYTES: usize = 255;
/// The most bytes of an address.
const MOST_URL_BYTES: usize = 2_048;

/// The receivers of messages, and the runs that they hear of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotifySettings {
    /// The topic that gets a message.
    pub topic: Option<TopicArn>,
    /// The runs that they hear of.
    pub notify: Notify,
    /// The address that is asked for after each complete run.
    pub heartbeat: Option<HeartbeatUrl>,
    /// The name of the job in metrics; the source without one.
    pub job_name: Option<String>,
    /// The jobs that the watch looks at.
    pub watch_jobs: WatchJobs,
    /// Whether somebody continues runs that stop: only the end of the last one is told then.
    pub runs_are_continued: bool,
}

/// Which runs are told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notify {
    /// All.
    #[default]
    Always,
    /// Those that are not complete, and those with warnings.
    Problems,
    /// None.
    Never,
}

impl Notify {
    const ALLOWED: &str = "always, problems, never";

    fn parse(name: &str) -> Option<Self> {
        match name {
            "always" => Some(Self::Always),
            "problems" => Some(Self::Problems),
            "never" => Some(Self::Never),
            _ => None,
        }
    }
}

/// The jobs that the watch looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WatchJobs {
    /// The one that is configured.
    #[default]
    Own,
    /// Each job of the backup buckets that has a name in metrics.
    All,
}

impl WatchJobs {
    const ALLOWED: &str = "own, all";

    fn parse(name: &str) -> Option<Self> {
        match name {
            "own" => Some(Self::Own),
            "all" => Some(Self::All),
            _ => None,
        }
    }
}

/// A topic of Amazon SNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicArn {
    arn: String,
    partition: String,
    region: String,
}

impl TopicArn {
    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.arn
    }

    /// Its region: requests are signed for it and go there.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Its partition, such as `aws` or `aws-cn`.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    fn parse(text: &str) -> Result<Self, ConfigReason> {
        let parts: Vec<&str> = text.split(':').collect();
        let ["arn", partition, "sns", region, account, name] = parts[..] else {
            return Err(ConfigReason::NotATopic);
        };
        let is_plain = |text: &str| {
            let mut bytes = text.bytes();
            !text.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        if name
            .rsplit_once('.')
            .is_some_and(|(_, kind)| kind == "fifo")
        {
            return Err(ConfigReason::FifoTopic);
        }
        if !(is_plain(partition) && is_plain(region) && is_account && is_plain(name)) {
            return Err(ConfigReason::NotATopic);
        }
        Ok(Self {
            arn: text.to_owned(),
            partition: partition.to_owned(),
            region: region.to_owned(),
        })
    }
}

/// An address on the internet that is asked for after each complete run. It may hold a secret, as those of
/// healthchecks.io do: no error and no log shows more of it than its host.
#[derive(Clone, PartialEq, Eq)]
pub struct HeartbeatUrl {
    url: String,
    host: String,
}

impl std::fmt::Debug for HeartbeatUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HeartbeatUrl(https://{}/...)", self.host)
    }
}

impl HeartbeatUrl {
    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// What may be shown of it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Any address at all, for a server on this machine.
    #[cfg(test)]
    pub(crate) fn unchecked(url: &str) -> Self {
        let host = "on-this-machine".to_owned();
        let url = url.to_owned();
        Self { url, host }
    }

    fn parse(text: &str) -> Result<Self, HeartbeatReason> {
        let rest = text
            .strip_prefix("https://")
            .ok_or(HeartbeatReason::NotHttps)?;
        if text.len() > MOST_URL_BYTES {
            let most = MOST_URL_BYTES;
            return Err(HeartbeatReason::TooLong { most });
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) || text.contains(['\\', '#', '@']) {
            return Err(HeartbeatReason::Character);
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let host = host_of(authority).ok_or(HeartbeatReason::NoHost)?;
        if is_private(host) {
            let host = host.to_owned();
            return Err(HeartbeatReason::Private { host });
        }
        Ok(Self {
            url: text.to_owned(),
            host: host.to_owned(),
        })
    }
}

/// The value of a dimension of CloudWatch: ASCII, and not blank.
fn parse_job_name(text: &str) -> Result<String, ConfigReason> {
    let is_plain = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if !is_plain || text.trim().is_empty() || text.len() > MOST_JOB_NAME_BYTES {
        return Err(ConfigReason::not_allowed(format!(
            "1 to {MOST_JOB_NAME_BYTES} printable characters of ASCII"
        )));
    }
    Ok(text.to_owned())
}

/// The host of `host:port`, without the brackets of an IPv6 address.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => match authority.find(':') {
            Some(colon) => authority.split_at(colon),
            None => (authority, ""),
        },
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    let is_port = port.is_empty() || port.parse::<u16>().is_ok_and(|port| port > 0);
    (is_port && !host.is_empty()).then_some(host)
}

/// Whether a name or an address is one of a private network or of this machine.
fn is_private(host: &str) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        return is_private_address(address);
    }
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let Some((_, last)) = host.rsplit_once('.') else {
        // Also `localhost`, and an address that is written as one number.
        return true;
    };
    // Resolvers take `127.1` and `0x7f.0.0.1` for addresses.
    let is_number = last.starts_with(|c: char| c.is_ascii_digit());
    let own = [
        "localhost",
        "local",
        "internal",
        "intranet",
        "lan",
        "home",
        "corp",
    ];
    is_number || own.contains(&last) || host.ends_with(".home.arpa")
}

fn is_private_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => match address.to_ipv4() {
            Some(within) => is_private_v4(within),
            None => is_private_v6(address),
        },
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    // 100.64.0.0/10 is shared by the customers of a provider.
    let is_shared = first == 100 && (64..128).contains(&second);
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || first == 0
        || first >= 240
        || is_shared
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_unique_local()
        || address.is_unicast_link_local()
        || address.is_multicast()
        || address.is_unspecified()
        || address.is_loopback()
}

impl Reader {
    /// The receivers of messages. An incomplete setting is a mistake: somebody waits for those messages.
    pub(super) fn notify(&mut self) -> NotifySettings {
        let topic = self.read(&SNS_TOPIC_ARN, TopicArn::parse);
        let asked = self.value(&NOTIFY);
        let notify = self.choice(&NOTIFY, Notify::parse, Notify::ALLOWED);
        if asked.is_some() && notify != Notify::Never && self.value(&SNS_TOPIC_ARN).is_none() {
            self.mistake(&NOTIFY, asked.as_deref(), ConfigReason::NeedsTopic);
        }
        let yes_or_no = |text: &str| match text {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        let heartbeat = self
            .value(&HEARTBEAT_URL)
            .map(|url| HeartbeatUrl::parse(&url));
        let heartbeat = match heartbeat {
            Some(Err(reason)) => {
                self.mistake(&HEARTBEAT_URL, None, reason);
                None
            }
            Some(Ok(url)) => Some(url),
            None => None,
        };
        NotifySettings {
            topic,
            notify,
            heartbeat,
            job_name: self.read(&JOB_NAME, parse_job_name),
            watch_jobs: self.choice(&WATCH_JOBS, WatchJobs::parse, WatchJobs::ALLOWED),
            runs_are_continued: self.choice(&CONTINUATION, yes_or_no, "yes, no"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ConfigError};

    fn config(vars: &[(&str, &str)]) -> Result<NotifySettings, ConfigError> {
        let buckets = [("SOURCE_BUCKET", "src"), ("DESTINATION_BUCKET", "backup")];
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Config::from_vars(buckets.iter().chain(vars).map(own)).map(|config| config.notify)
    }

    #[test]
    fn a_topic_is_told_of_all_runs_unless_it_is_said_otherwise() {
        let topic = (
            "BACKUP_SNS_TOPIC_ARN",
            "arn:aws-cn:sns:cn-north-1:123456789012:a_b-c",
        );

        let always = config(&[topic]).unwrap();
        let problems = config(&[topic, ("BACKUP_NOTIFY", "problems")]).unwrap();

        let arn = always.topic.unwrap();
        assert_eq!((arn.partition(), arn.region()), ("aws-cn", "cn-north-1"));
        assert_eq!(always.notify, Notify::Always);
        assert_eq!(problems.notify, Notify::Problems);
        assert_eq!(config(&[]).unwrap(), NotifySettings::default());
        assert!(config(&[("BACKUP_NOTIFY", "never")]).is_ok());
    }

    #[test]
    fn all_that_is_wrong_with_it_is_told_at_once() {
        let vars = [
            ("BACKUP_SNS_TOPIC_ARN", "my-topic"),
            ("BACKUP_NOTIFY", "sometimes"),
            ("BACKUP_CONTINUATION", "maybe"),
            ("BACKUP_JOB_NAME", "j\u{f6}b"),
            ("BACKUP_HEARTBEAT_URL", "http://hc-ping.com/uuid"),
            ("BACKUP_WATCH_JOBS", "both"),
        ];

        let error = config(&vars).unwrap_err();

        assert_eq!(error.0.len(), 6, "{error}");
        for part in [
            "BACKUP_SNS_TOPIC_ARN = \"my-topic\" is not the ARN of a topic",
            "BACKUP_NOTIFY = \"sometimes\" is not allowed; allowed: always, problems, never",
            "BACKUP_JOB_NAME = \"j\u{f6}b\" is not allowed; allowed: 1 to 255 printable",
            "BACKUP_CONTINUATION = \"maybe\" is not allowed; allowed: yes, no",
            "BACKUP_WATCH_JOBS = \"both\" is not allowed; allowed: own, all",
            "BACKUP_HEARTBEAT_URL does not begin with https://",
        ] {
            assert!(error.to_string().contains(part), "{part:?}: {error}");
        }
    }

    #[test]
    fn messages_that_nobody_gets_are_a_mistake() {
        let error = config(&[("BACKUP_NOTIFY", "problems")]).unwrap_err();

        assert!(error.to_string().contains("needs a topic"), "{error}");
    }

    #[test]
    fn a_heartbeat_goes_to_the_internet_only() {
        let private = [
            "https://localhost/x",
            "https://localhost./x",
            "https://monitor/x",
            "https://uptime.local/x",
            "https://ip-10-0-0-1.ec2.internal/x",
            "https://127.0.0.1/x",
            "https://127.1/x",
            "https://0x7f.0.0.1/x",
            "https://2130706433/x",
            "https://10.0.0.1:8443",
            "https://172.16.0.1",
            "https://192.168.1.1?x",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://[::1]/x",
            "https://[fd00::1]:443/x",
            "https://[fe80::1]/",
            "https://[::ffff:10.0.0.1]/",
        ];
        for url in private {
            let error = config(&[("BACKUP_HEARTBEAT_URL", url)]).unwrap_err();
            assert!(
                error.to_string().contains("not on the internet"),
                "{url}: {error}"
            );
        }
        for url in [
            "https://",
            "https:///x",
            "https://hc-ping.com:port/",
            "https://me@hc-ping.com/",
            "https://hc-ping.com/a b",
            "https://hc-ping.com\\@127.0.0.1/",
            "HTTPS://hc-ping.com/",
            "ftp://hc-ping.com/",
        ] {
            assert!(config(&[("BACKUP_HEARTBEAT_URL", url)]).is_err(), "{url}");
        }
        for url in [
            "https://hc-ping.com/5f2d1b9a",
            "https://kuma.example.org:3001/api/push/k?status=up&msg=OK",
            "https://8.8.8.8/",
            "https://[2600:1f00::1]/",
        ] {
            assert!(config(&[("BACKUP_HEARTBEAT_URL", url)]).is_ok(), "{url}");
        }
    }

    #[test]
    fn the_secret_in_an_address_is_shown_nowhere() {
        let url = "https://hc-ping.com/5f2d1b9a";
        let settings = config(&[("BACKUP_HEARTBEAT_URL", url)]).unwrap();
        let refused = config(&[("BACKUP_HEARTBEAT_URL", "http://x.org/5f2d1b9a")]).unwrap_err();

        assert!(!format!("{settings:?}").contains("5f2d1b9a"));
        assert!(!refused.to_string().contains("5f2d1b9a"));
    }
}
