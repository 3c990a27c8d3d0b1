//! The Lambda function: the custom runtime's entry point.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use s3_backup::lambda::{Handler, log};
use s3_backup::process;
use s3_backup::s3::Connections;
use s3_backup::web::Hosted;
use serde_json::Value;

fn main() -> Result<(), Error> {
    log::begin();
    process::runtime()?.block_on(async {
        let handler = Handler::new(Connections::from_env().await, process::environment())
            .on_cpus(process::cpus());
        // One package, several functions: the setting `Handler` of each says which it is.
        let name = std::env::var("_HANDLER").unwrap_or_default();
        let answers = async {
            let watch = |event: LambdaEvent<Value>| Box::pin(handler.handle_watch(event));
            let answer = |event: LambdaEvent<Value>| Box::pin(handler.handle(event));
            let events = |event: LambdaEvent<Value>| Box::pin(handler.handle_only_events(event));
            let page = Hosted::new(handler.app(), process::environment());
            let web = |event: LambdaEvent<Value>| {
                let answer = Box::pin(page.answer(event));
                async { Ok::<_, Error>(answer.await) }
            };
            Some(match name.as_str() {
                "watch" => lambda_runtime::run(service_fn(watch)).await,
                "events" => lambda_runtime::run(service_fn(events)).await,
                "web" => lambda_runtime::run(service_fn(web)).await,
                _ => lambda_runtime::run(service_fn(answer)).await,
            })
        };
        let connections = handler.app().connections();
        let ended = process::until_terminated(connections, answers).await;
        ended.unwrap_or(Ok(()))
    })
}
