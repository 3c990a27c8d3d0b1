//! `s3-backup serve`: the page of [`crate::web`] on this machine, with the credentials of this terminal.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt, stream};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::interval;

use super::{Exit, Prepared, given, refuse, show};
use crate::config::{DESTINATION_BUCKET, SOURCE_BUCKET};
use crate::process;
use crate::web::{Api, Backup, Door, Limits, Order, Orders, Restorer, Secret, router};

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  s3-backup serve --source primary --destination backup
  s3-backup serve --source primary --destination backup --read-only --no-open

It answers at 127.0.0.1 only, prints a link that is good for one minute and once, and ends after 30
minutes in which nobody used it. The page does what your credentials may do. See docs/web.md.

Exit codes: 0 ended, 1 could not run, 2 wrong usage";

/// How long nobody may use it.
const IDLE: Duration = Duration::from_mins(30);
/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Its arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The bucket that is backed up: `bucket` or `s3://bucket/prefix` [env: SOURCE_BUCKET]
    #[arg(long, value_name = "BUCKET")]
    source: Option<String>,
    /// The bucket that keeps the backup; of several the first that can be read is shown [env: DESTINATION_BUCKET]
    #[arg(long, value_name = "BUCKET")]
    destination: Option<String>,
    /// The port of 127.0.0.1; without it a free one
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Do not open the browser
    #[arg(long)]
    no_open: bool,
    /// Show, preview and download only: nothing can be put back
    #[arg(long)]
    read_only: bool,
}

/// Serves the page until it is interrupted, or nobody uses it any more.
pub async fn serve(arguments: &Arguments) -> Exit {
    arguments.serve().await.into()
}

impl Arguments {
    async fn serve(&self) -> Result<(), Exit> {
        let vars = given([
            (&SOURCE_BUCKET, &self.source),
            (&DESTINATION_BUCKET, &self.destination),
        ]);
        let Prepared(app) = Prepared::new(vars).await?;
        let config = app.config().map_err(|error| refuse(&error.into()))?;
        let backup = Backup::open(&config, app.connections()).await;
        let backup = backup.map_err(|error| refuse(&error.into()))?;
        if !backup.is_there().await {
            let source = &backup.source;
            show::error(&format!(
                "there is no backup of {source} yet; make one with s3-backup run"
            ));
            return Err(Exit::CouldNotRun);
        }
        if let Some(why) = &backup.instead {
            let shown = backup.bucket.name();
            show::stderr_line(&format!("{why}; the page shows the backup in {shown}"));
        }
        let listener = self.listen().await?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        let secret = Secret::random().map_err(|error| failed(&error))?;
        let link = format!("http://{address}/#{}", secret.as_str());
        let (orders, queue) = Orders::new();
        let door = Door::new(address.to_string(), secret).map_err(|error| failed(&error))?;
        let orders = Arc::new(orders);
        let api = Arc::new(Api {
            backup,
            restorer: Restorer::Here(Arc::clone(&orders)),
            read_only: self.read_only,
            limits: Limits::new(config.prices.clone()),
            most_image: Api::MOST_IMAGE,
        });
        show::write(&format!("{link}\n"))?;
        show::stderr_line("the link is good for one minute, and once; Ctrl-C ends the page");
        if !self.no_open {
            open(&link);
        }
        let door = Arc::new(door);
        let server = axum::serve(listener, router(api, &door));
        let server = server.into_future();
        let carry_out = |order| orders.carry_out(order, &app);
        let work = answer(server, &door, (queue, carry_out), looks());
        process::until_interrupted(app.connections(), work, show::stderr_line).await
    }

    async fn listen(&self) -> Result<TcpListener, Exit> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        TcpListener::bind(address).await.map_err(|error| {
            show::error(&format!(
                "cannot listen at {address}: {error}; leave --port out for a free one"
            ));
            Exit::CouldNotRun
        })
    }
}

/// The moments at which it is looked whether somebody uses the page.
fn looks() -> impl Stream<Item = Instant> {
    stream::unfold(interval(LOOK), |mut looks| async {
        Some((looks.tick().await.into_std(), looks))
    })
}

/// Answers, and carries out what was ordered, until a signal, or until nobody uses the page. A restore that is
/// under way is carried out to its end, or until the second signal.
async fn answer<W: Future>(
    server: impl Future<Output = io::Result<()>>,
    door: &Door,
    (mut queue, carry_out): (mpsc::UnboundedReceiver<Order>, impl Fn(Order) -> W),
    looks: impl Stream<Item = Instant>,
) -> Result<(), Exit> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| failed(&error))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| failed(&error))?;
    let mut looks = Box::pin(looks);
    let mut server = Box::pin(server);
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            ended = &mut server => ended.map_err(|error| failed(&error))?,
            Some(order) = queue.recv() => under_way.push(carry_out(order)),
            Some(_) = under_way.next() => {}
            Some(now) = looks.next() => {
                if under_way.is_empty() && door.idle(now) > IDLE {
                    show::stderr_line("nobody used the page for 30 minutes: it ends");
                    return Ok(());
                }
            }
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
    }
    while under_way.next().await.is_some() {}
    Ok(())
}

/// Opens the link in the browser. Without one, the link is on the terminal.
fn open(link: &str) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let quiet = Stdio::null;
    let opened = Command::new(program)
        .arg(link)
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .spawn();
    if let Err(error) = opened {
        tracing::debug!(%error, "no browser opened");
    }
}

fn failed(error: &io::Error) -> Exit {
    show::error(&format!("the page cannot be served: {error}"));
    Exit::CouldNotRun
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::pending;

    use axum::http::{HeaderMap, HeaderValue, header};
    use serde_json::json;
    use tokio::sync::Notify;

    use super::*;
    use crate::request::{self, RestoreId};

    /// A door, and the headers of a call that it lets in.
    fn door() -> (Door, HeaderMap) {
        let secret = Secret::random().unwrap();
        let door = Door::new("127.0.0.1:1".to_owned(), secret.clone()).unwrap();
        let token = door.trade(secret.as_str()).unwrap();
        let value = HeaderValue::from_str(&format!("Bearer {}", token.as_str())).unwrap();
        (door, HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
    }

    /// Serves with looks at these times from now on, each of which is told before; how long it took.
    async fn served<W: Future>(
        door: &Door,
        orders: (mpsc::UnboundedReceiver<Order>, impl Fn(Order) -> W),
        look: impl Fn(Duration),
    ) -> Duration {
        let (began, last) = (Instant::now(), Cell::new(Duration::ZERO));
        let looks = (0..10_000).map(|number| {
            last.set(LOOK * number);
            look(last.get());
            began + last.get()
        });
        // Others have their turn between two looks.
        let looks = stream::iter(looks).then(|now| async move {
            tokio::task::yield_now().await;
            now
        });
        answer(pending(), door, orders, looks).await.unwrap();
        last.get()
    }

    fn nothing() -> (
        mpsc::UnboundedReceiver<Order>,
        impl Fn(Order) -> std::future::Ready<()>,
    ) {
        (Orders::new().1, |_| std::future::ready(()))
    }

    #[tokio::test]
    async fn it_ends_after_thirty_minutes_in_which_nobody_used_it() {
        let (door, _) = door();

        let took = served(&door, nothing(), |_| {}).await;

        assert!((IDLE..=IDLE + LOOK).contains(&took), "{took:?}");
    }

    #[tokio::test]
    async fn only_calls_with_the_token_keep_it_open() {
        let (door, headers) = door();
        let refused = HeaderMap::new();

        let took = served(&door, nothing(), |_| {
            assert!(door.check_token(&refused).is_err());
        });
        assert!((IDLE..=IDLE + LOOK).contains(&took.await));
        assert!(door.check_token(&headers).is_ok());
        assert!(door.idle(Instant::now()) < LOOK);
        assert!(door.idle(Instant::now() + IDLE) >= IDLE);
    }

    #[tokio::test]
    async fn a_restore_that_is_under_way_is_carried_out_to_its_end() {
        let (door, _) = door();
        let (orders, queue) = Orders::new();
        let words = json!({"operation": "restore", "confirm": "2026-11-21T02-00-00Z-7f3a"});
        let id = RestoreId::parse("2026-11-21T02-00-00Z-7f3a").unwrap();
        orders.begin(request::parse(&words).unwrap(), id).unwrap();
        let (end, takes) = (Notify::new(), IDLE * 3);

        let took = served(&door, (queue, |_| end.notified()), |now| {
            if now == takes {
                end.notify_one();
            }
        });
        let took = took.await;

        assert!((takes..=takes + LOOK * 20).contains(&took), "{took:?}");
    }
}
