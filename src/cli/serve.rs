//! `s3-backup serve`: the page of [`crate::web`] on this machine, with the credentials of this terminal.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::interval;

use super::{Exit, Prepared, given, refuse, show};
use crate::app::App;
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
    /// The bucket that keeps the backup; of several the first is shown [env: DESTINATION_BUCKET]
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
        let work = answer(server, &door, (&orders, queue), &app);
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

/// Answers, and carries out what was ordered, until a signal, or until nobody uses the page. A restore that is
/// under way is carried out to its end, or until the second signal.
async fn answer(
    server: impl Future<Output = io::Result<()>>,
    door: &Door,
    (orders, mut queue): (&Orders, mpsc::UnboundedReceiver<Order>),
    app: &App,
) -> Result<(), Exit> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| failed(&error))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| failed(&error))?;
    let mut looks = interval(LOOK);
    let mut server = Box::pin(server);
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            ended = &mut server => ended.map_err(|error| failed(&error))?,
            Some(order) = queue.recv() => under_way.push(orders.carry_out(order, app)),
            Some(()) = under_way.next() => {}
            _ = looks.tick() => {
                if under_way.is_empty() && door.idle() > IDLE {
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
