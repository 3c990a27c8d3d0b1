//! The metrics that the built function writes, beside the alarms and the dashboard of the template: a name or a dimension
//! that drifts is an alarm that never rings.

use std::collections::BTreeSet;
use std::time::Duration;

use s3_sim::{Effect, Fault, Verb};
use serde_json::{Value, json};

use crate::lambda::Function;
use crate::world::{BACKUP, PRIMARY, World};

const TEMPLATE: &str = include_str!("../../cdk/cloudformation/s3-backup.template.json");
const NAMESPACE: &str = "S3Backup";
/// What the template gives as the name of the job: the name of the stack.
const STACK: &str = "stack";
const TIME: Duration = Duration::from_mins(1);

/// A metric with a set of its dimensions.
type Metric = (String, Vec<String>);

/// Starts the function by the handler of the template, and collects the metrics that it writes for these payloads.
fn written(world: &World, handler: &str, payloads: &[Value]) -> BTreeSet<Metric> {
    world.sim.clock().advance(Duration::from_secs(2));
    let function = started(world, handler, PRIMARY, STACK, payloads);
    for _ in payloads {
        function.response();
    }
    world.sim.clock().advance(Duration::from_secs(2));
    let lines = lines(function);
    assert!(lines.len() >= payloads.len(), "{handler}: {lines:?}");
    assert!(lines.iter().all(|line| line["Job"] == STACK), "{lines:?}");
    lines.iter().flat_map(metrics).collect()
}

/// The function of the stack of a source, by its handler in the template.
fn started(
    world: &World,
    handler: &str,
    source: &str,
    stack: &str,
    payloads: &[Value],
) -> Function {
    let vars = [
        ("_HANDLER", handler),
        ("SOURCE_BUCKET", source),
        ("DESTINATION_BUCKET", BACKUP),
        ("BACKUP_DESTINATION_PREFIX", "{source_bucket}/"),
        ("BACKUP_JOB_NAME", stack),
        ("BACKUP_WATCH_JOBS", "all"),
        ("BACKUP_EVENTS", "yes"),
    ];
    let texts = payloads.iter().map(Value::to_string).collect();
    Function::with_time(world, &vars, texts, TIME)
}

/// The lines of its log that CloudWatch makes metrics of.
fn lines(function: Function) -> Vec<Value> {
    let mut log = function.log();
    log.retain(|line| line["_aws"].is_object());
    log
}

/// The metrics that CloudWatch makes of a line.
fn metrics(line: &Value) -> Vec<Metric> {
    let [directive] = array(&line["_aws"]["CloudWatchMetrics"]) else {
        panic!("{line}");
    };
    assert_eq!(directive["Namespace"], NAMESPACE);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let sets = array(&directive["Dimensions"]).iter();
    let sets = sets.map(|set| array(set).iter().map(text).collect::<Vec<_>>());
    let names = || array(&directive["Metrics"]).iter();
    sets.flat_map(|set| names().map(move |metric| (text(&metric["Name"]), set.clone())))
        .inspect(|(name, _)| assert!(line[name].is_number(), "{name}: {line}"))
        .collect()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// Everything that an alarm or the dashboard of the template reads.
fn read(template: &Value) -> BTreeSet<Metric> {
    let mut read = BTreeSet::new();
    for resource in template["Resources"].as_object().unwrap().values() {
        let properties = &resource["Properties"];
        match resource["Type"].as_str().unwrap() {
            "AWS::CloudWatch::Alarm" if properties["Namespace"] == NAMESPACE => {
                let dimensions = array(&properties["Dimensions"]).iter();
                let names = dimensions.map(|one| {
                    assert_eq!(one["Value"], json!({"Ref": "AWS::StackName"}), "{resource}");
                    one["Name"].as_str().unwrap().to_owned()
                });
                let name = properties["MetricName"].as_str().unwrap().to_owned();
                read.insert((name, names.collect()));
            }
            "AWS::CloudWatch::Dashboard" => read.extend(shown(&properties["DashboardBody"])),
            _ => {}
        }
    }
    read
}

/// The metrics that the dashboard shows: of the job of the stack, or of all jobs. A dot stands for what the metric before it
/// has.
fn shown(body: &Value) -> Vec<Metric> {
    if let [_, of_all, of_one] = body["Fn::If"].as_array().map_or(&[][..], Vec::as_slice) {
        return [shown(of_all), shown(of_one)].concat();
    }
    // A value that is known on deployment only is a number here, which can stand in a text too.
    let text = array(&body["Fn::Join"][1])
        .iter()
        .map(|part| part.as_str().unwrap_or("26"));
    let body: Value = serde_json::from_str(&text.collect::<String>()).unwrap();
    let mut shown = Vec::new();
    for widget in array(&body["widgets"]) {
        let rows = array(&widget["properties"]["metrics"]);
        if rows[0][0]["expression"].is_string() {
            shown.extend(
                rows.iter()
                    .map(|row| found(row[0]["expression"].as_str().unwrap())),
            );
        } else if rows[0][0] == NAMESPACE {
            let dimension = rows[0][2].as_str().unwrap().to_owned();
            let names = rows.iter().map(|row| row[1].as_str().unwrap().to_owned());
            shown.extend(names.map(|name| (name, vec![dimension.clone()])));
        }
    }
    shown
}

/// The metric that a search expression finds for each job.
fn found(expression: &str) -> Metric {
    let beginning = format!("SEARCH('{{{NAMESPACE},");
    let rest = expression.strip_prefix(&beginning).expect(expression);
    let (dimension, rest) = rest.split_once("} MetricName=\"").expect(expression);
    let (name, _) = rest.split_once('"').expect(expression);
    (name.to_owned(), vec![dimension.to_owned()])
}

#[test]
fn the_one_watch_writes_what_the_alarms_of_each_job_read() {
    let stacks = [
        ("photos", STACK),
        ("letters", "stack-letters"),
        ("sounds", "stack-sounds"),
    ];
    let world = World::new();
    for (source, stack) in stacks {
        let world = &world;
        world.sim.create_bucket(source);
        world.sim.put(source, "k", "1");
        world.sim.clock().advance(Duration::from_secs(2));
        started(world, "bootstrap", source, stack, &[json!({})]).response();
    }
    let template: Value = serde_json::from_str(TEMPLATE).unwrap();
    let alarms = template["Resources"].as_object().unwrap().iter();
    let of_watch = alarms
        .filter(|(id, _)| id.starts_with("BackupWatch"))
        .map(|(_, alarm)| &alarm["Properties"])
        .filter(|properties| properties["Namespace"] == NAMESPACE);
    let read: BTreeSet<Metric> = of_watch
        .map(|properties| properties["MetricName"].as_str().unwrap().to_owned())
        .map(|name| (name, vec!["Job".to_owned()]))
        .collect();
    assert_eq!(read.len(), 2, "{read:?}");
    let unwritten = |lines: &[Value], stack: &str| -> Vec<Metric> {
        let own = lines.iter().filter(|line| line["Job"] == stack);
        let written: BTreeSet<Metric> = own.flat_map(metrics).collect();
        read.difference(&written).cloned().collect()
    };

    let watch = started(&world, "watch", "photos", STACK, &[json!({})]);
    let jobs = watch.response()["jobs"].as_array().unwrap().len();
    let all = lines(watch);
    let keys = world.sim.keys(BACKUP);
    let latest =
        |key: &&String| key.starts_with(".s3-backup/letters-") && key.ends_with("/latest.json");
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let reading = Fault::on(Verb::GetObject).key(keys.iter().find(latest).unwrap());
    world.sim.fault(reading.always(), denied);
    let watch = started(&world, "watch", "photos", STACK, &[json!({})]);
    let error = watch.error();
    let others = lines(watch);

    assert_eq!((jobs, all.len()), (3, 3));
    for (_, stack) in stacks {
        assert_eq!(unwritten(&all, stack), [], "{stack}");
    }
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("job \"stack-letters\""), "{message}");
    for (source, stack) in stacks {
        let is_told = unwritten(&others, stack).is_empty();
        assert_eq!(is_told, source != "letters", "{stack}: {others:?}");
    }
}

#[test]
fn a_job_that_cannot_be_looked_at_in_one_bucket_has_no_line_of_the_other() {
    let world = World::new().with_bucket("second");
    world.put("k", "1");
    let both = |handler| {
        let vars = [
            ("_HANDLER", handler),
            ("SOURCE_BUCKET", PRIMARY),
            ("DESTINATION_BUCKET", "backup,second"),
            ("BACKUP_JOB_NAME", STACK),
        ];
        Function::with_time(&world, &vars, vec!["{}".to_owned()], TIME)
    };
    both("bootstrap").response();
    let healthy = both("watch");
    healthy.response();
    let denied = Effect::status(403, "AccessDenied", "Access Denied");
    let reading = Fault::on(Verb::GetObject).bucket("second");
    world.sim.fault(reading.always(), denied);

    let watch = both("watch");
    let error = watch.error();

    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("in bucket second: "), "{message}");
    assert_eq!(lines(healthy).len(), 2);
    assert_eq!(
        lines(watch),
        [""; 0],
        "an old backup there would pass for a fresh one"
    );
}

#[test]
fn the_built_function_writes_each_metric_that_an_alarm_or_the_dashboard_reads() {
    let world = World::new().with_bucket("scratch");
    world
        .sim
        .set_versioning(PRIMARY, s3_sim::Versioning::Enabled);
    for number in 0..3 {
        world.put(&format!("{number}"), "1");
    }
    let foreign = json!({"source": "aws.s3", "detail-type": "Object Created",
        "detail": {"bucket": {"name": BACKUP}, "object": {"key": "loop"}}});

    let mut all = written(&world, "bootstrap", &[json!({}), json!({})]);
    all.extend(written(
        &world,
        "bootstrap",
        &[json!({"operation": "verify"})],
    ));
    all.extend(written(&world, "events", &[foreign]));
    let restore = json!({"operation": "restore", "all": true, "run": "latest"});
    let drill = json!({"operation": "drill", "to": "s3://scratch/drills/", "sample": 2});
    all.extend(written(&world, "restore", &[restore, drill]));
    all.extend(written(&world, "watch", &[json!({})]));

    let template: Value = serde_json::from_str(TEMPLATE).unwrap();
    let read = read(&template);
    assert!(read.len() >= 20, "{read:?}");
    let missing: Vec<&Metric> = read.difference(&all).collect();
    assert!(missing.is_empty(), "nobody writes {missing:?}");
}

#[test]
fn each_function_whose_metrics_are_read_is_told_the_name_of_the_job() {
    let template: Value = serde_json::from_str(TEMPLATE).unwrap();
    let resources = template["Resources"].as_object().unwrap().values();
    let functions = resources.filter(|resource| resource["Type"] == "AWS::Lambda::Function");
    let mut handlers = BTreeSet::new();
    for function in functions {
        let properties = &function["Properties"];
        let handler = properties["Handler"].as_str().unwrap();
        let job = &properties["Environment"]["Variables"]["BACKUP_JOB_NAME"];
        if handler != "web" {
            assert_eq!(*job, json!({"Ref": "AWS::StackName"}), "{handler}");
        }
        handlers.insert(handler);
    }
    let expected = ["bootstrap", "events", "restore", "watch", "web"];
    assert_eq!(handlers, expected.into());
}
