//! The metrics that the built function writes, beside the alarms and the dashboard of the template: a name or a dimension
//! that drifts is an alarm that never rings.

use std::collections::BTreeSet;
use std::time::Duration;

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
    let vars = [
        ("_HANDLER", handler),
        ("SOURCE_BUCKET", PRIMARY),
        ("DESTINATION_BUCKET", BACKUP),
        ("BACKUP_JOB_NAME", STACK),
        ("BACKUP_EVENTS", "yes"),
    ];
    let texts = payloads.iter().map(Value::to_string).collect();
    let function = Function::with_time(world, &vars, texts, TIME);
    for _ in payloads {
        function.response();
    }
    let log = function.log();
    world.sim.clock().advance(Duration::from_secs(2));
    let lines: Vec<&Value> = log.iter().filter(|line| line["_aws"].is_object()).collect();
    assert!(lines.len() >= payloads.len(), "{handler}: {log:?}");
    lines.into_iter().flat_map(metrics).collect()
}

/// The metrics that CloudWatch makes of a line.
fn metrics(line: &Value) -> Vec<Metric> {
    let [directive] = array(&line["_aws"]["CloudWatchMetrics"]) else {
        panic!("{line}");
    };
    assert_eq!(directive["Namespace"], NAMESPACE);
    assert_eq!(line["Job"], STACK);
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

/// The metrics that the dashboard shows. A dot stands for what the metric before it has.
fn shown(body: &Value) -> Vec<Metric> {
    // A value that is known on deployment only is a number here, which can stand in a text too.
    let text = array(&body["Fn::Join"][1])
        .iter()
        .map(|part| part.as_str().unwrap_or("26"));
    let body: Value = serde_json::from_str(&text.collect::<String>()).unwrap();
    let mut shown = Vec::new();
    for widget in array(&body["widgets"]) {
        let rows = array(&widget["properties"]["metrics"]);
        if rows[0][0] == NAMESPACE {
            let dimension = rows[0][2].as_str().unwrap().to_owned();
            let names = rows.iter().map(|row| row[1].as_str().unwrap().to_owned());
            shown.extend(names.map(|name| (name, vec![dimension.clone()])));
        }
    }
    shown
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
