use std::collections::BTreeMap;

use rstest::rstest;
use serde::Deserialize;

use super::{at, manifest};
use crate::model::{Diagnostic, Percent, Period, Quantity};
use crate::yaml::from_node;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Policy {
    name: String,
    #[serde(default)]
    max_replicas: Option<u32>,
    #[serde(default)]
    ratio: Option<f64>,
    #[serde(default)]
    target: Option<Percent>,
    #[serde(default)]
    cooldown: Option<Period>,
    #[serde(default)]
    version: Option<semver::Version>,
    #[serde(default)]
    memory: Option<Quantity>,
    #[serde(default)]
    tiers: Vec<Tier>,
    #[serde(default)]
    limits: BTreeMap<String, Vec<Percent>>,
    #[serde(default)]
    ports: BTreeMap<u16, String>,
    #[serde(default)]
    mode: Option<Mode>,
    #[serde(default)]
    inner: Option<Inner>,
    #[serde(default)]
    enabled: bool,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Inner {
    window: Period,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Tier {
    Critical,
    BestEffort,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Off,
    After(Period),
    Between { low: u8, high: u8 },
}

fn read(text: &str) -> Result<Policy, Box<Diagnostic>> {
    let document = manifest(text);
    from_node(&document, &document.root)
}

#[test]
fn everything_a_policy_can_hold_is_read() {
    let policy = read(concat!(
        "name: web\nmax_replicas: 0x10\nratio: 3\ntarget: 80%\ncooldown: 5m\nversion: 1.2.3\nmemory: 128\n",
        "tiers: [critical, best-effort]\nlimits: {a: [1%, 2%]}\nports: {80: http}\nmode: {after: 1h}\n",
        "inner: {window: 1m}\nenabled: yes\n"
    ))
    .expect("a sound policy");
    assert_eq!(policy.max_replicas, Some(16));
    assert_eq!(policy.ratio, Some(3.0));
    assert_eq!(policy.target, Some(Percent::whole(80)));
    assert_eq!(policy.memory, Some("128".parse().expect("quantity")));
    assert_eq!(policy.tiers, [Tier::Critical, Tier::BestEffort]);
    assert_eq!(policy.limits["a"][1], Percent::whole(2));
    assert_eq!(policy.ports[&80], "http");
    assert_eq!(policy.mode, Some(Mode::After(Period::from_secs(3600))));
    assert!(policy.enabled);
    assert_eq!(
        read("name: x\nmode: off\n").map_err(|e| e.message),
        Err("mode must be one of off, after, between, this is the boolean false".into())
    );
    assert_eq!(read("name: x\nmode: 'off'\n").expect("quoted").mode, Some(Mode::Off));
    assert_eq!(
        read("name: x\nmode: {between: {low: 1, high: 2}}\n").expect("struct").mode,
        Some(Mode::Between { low: 1, high: 2 })
    );
    assert_eq!(read("name: x\ntarget:\n").expect("null").target, None);
    assert_eq!(read("name: x\nname: z\n").expect("last wins").name, "z");
}

#[rstest]
#[case(
    "name: x\nmax_replicas: two\n",
    "wrong-type",
    2,
    15,
    "must be a whole number of at least 0",
    "write it in digits, without a fraction: 2"
)]
#[case(
    "name: x\nmax_replicas: 2.5\n",
    "wrong-type",
    2,
    15,
    "must be a whole number of at least 0",
    "write it in digits, without a fraction: 3"
)]
#[case("name: [a]\n", "wrong-type", 1, 7, "name must be text", "write a")]
#[case("name: [a, b]\n", "wrong-type", 1, 7, "name must be text", "write one text")]
#[case("name: x\ntiers: {a: b}\n", "wrong-type", 2, 8, "tiers must be a list", "write each entry behind `- `")]
#[case("name: x\nports: [a]\n", "wrong-type", 2, 8, "ports must be a mapping", "write `NAME: …` lines below it")]
#[case("name: x\nmax_replica: 3\n", "unknown-field", 2, 1, "`max_replica`", "did you mean `max_replicas`?")]
#[case("name: x\nmaxReplicas: 3\n", "unknown-field", 2, 1, "`maxReplicas`", "did you mean `max_replicas`?")]
#[case("name: x\nzzz: 3\n", "unknown-field", 2, 1, "`zzz`", "known here: name, max_replicas")]
#[case("name: x\ninner:\n  windwo: 1m\n", "unknown-field", 3, 3, "`windwo`", "did you mean `window`?")]
#[case("# c\nenabled: true\n", "missing-field", 2, 1, "`name`", "add `name: …`")]
#[case("name: x\ninner: {}\n", "missing-field", 2, 8, "`window` of inner", "add `window: …`")]
#[case(
    "name: x\nmax_replicas: many\n",
    "wrong-type",
    2,
    15,
    "max_replicas must be a whole number of at least 0, this is text",
    ""
)]
#[case("name: x\nmax_replicas: 1.5\n", "wrong-type", 2, 15, "this is the number 1.5", "")]
#[case(
    "name: x\nmax_replicas: -1\n",
    "bad-value",
    2,
    15,
    "max_replicas: must be a whole number from 0 to 4294967295",
    ""
)]
#[case("name: 1.10\n", "wrong-type", 1, 7, "name must be text, this is the number 1.1", "write \"1.10\" in quotes")]
#[case("name: [x]\n", "wrong-type", 1, 7, "name must be text, this is a list", "")]
#[case("name:\n", "wrong-type", 1, 6, "name must be text, this is nothing", "")]
#[case(
    "name: x\ntarget: 80\n",
    "wrong-type",
    2,
    9,
    "target must be a percentage such as 80%, this is the number 80",
    "write 80%"
)]
#[case("name: x\ntarget: much\n", "bad-value", 2, 9, "target: `much` is not a percentage such as 80%", "")]
#[case(
    "name: x\ncooldown: 300\n",
    "wrong-type",
    2,
    11,
    "cooldown must be a length of time such as 5m",
    "write it like 5m"
)]
#[case(
    "name: x\ninner:\n  window: 300\n",
    "wrong-type",
    3,
    11,
    "window must be a length of time such as 5m",
    "write it like 5m"
)]
#[case("name: x\nversion: 1.2\n", "wrong-type", 2, 10, "version must be a version such as 1.2.0", "write 1.2.0")]
#[case("name: x\nversion: v1.0.0\n", "bad-value", 2, 10, "version: unexpected character", "write 1.0.0")]
#[case("name: x\nmax_replicas: \"8\"\n", "wrong-type", 2, 15, "this is text", "write 8 without quotes")]
#[case("name: x\ntarget: 0.65\n", "wrong-type", 2, 9, "target must be a percentage", "write 65%")]
#[case("name: x\nmemory: 192 Mi\n", "bad-value", 2, 9, "memory: `192 Mi`", "write 192Mi")]
#[case(
    "name: x\ntiers: critical, best-effort\n",
    "wrong-type",
    2,
    8,
    "tiers must be a list",
    "write [critical, best-effort]"
)]
#[case("name: x\ntiers: [critically]\n", "bad-value", 2, 9, "`critically` is not one", "did you mean `critical`?")]
#[case("name: x\nversion: 1.2.x\n", "bad-value", 2, 10, "version: ", "")]
#[case("name: x\nmemory: big\n", "bad-value", 2, 9, "memory: `big` is not a quantity", "")]
#[case("name: x\nmemory: yes\n", "wrong-type", 2, 9, "memory must be a quantity such as", "write it like")]
#[case("name: x\nlimits:\n  a: [1%, 2]\n", "wrong-type", 3, 11, "a[1] must be a percentage", "")]
#[case(
    "name: x\ntiers:\n- critical\n- critcal\n",
    "bad-value",
    4,
    3,
    "`critcal` is not one of the values that tiers[1]",
    "did you mean `critical`?"
)]
#[case("name: x\ntiers: critical\n", "wrong-type", 2, 8, "tiers must be a list, this is text", "")]
#[case("name: x\nmode: {after: 5}\n", "wrong-type", 2, 15, "after must be a length of time", "")]
#[case("name: x\nmode: after\n", "bad-value", 2, 7, "`after` needs a value", "")]
#[case("name: x\nports: {web: http}\n", "wrong-type", 2, 9, "must be a whole number", "")]
#[case("- name\n", "wrong-type", 1, 1, "this must be a mapping, this is a list", "")]
fn errors_point_at_what_is_wrong(
    #[case] text: &str,
    #[case] code: &str,
    #[case] line: usize,
    #[case] column: usize,
    #[case] message: &str,
    #[case] help: &str,
) {
    let error = read(text).expect_err(text);
    assert_eq!(at(&error), (code, line, column), "{error:?}");
    assert!(error.message.contains(message), "{}", error.message);
    assert!(error.help.clone().unwrap_or_default().contains(help), "{:?}", error.help);
    assert_eq!(error.sources.len(), 1);
}

#[test]
fn large_maps_with_duplicates_are_read_in_linear_time() {
    let text: String = (0..50_000).fold(String::from("v: 1\nv: 2\n"), |text, key| text + &format!("k{key}: 1\n"));
    let document = manifest(&text);
    let start = std::time::Instant::now();
    let map: BTreeMap<String, u8> = from_node(&document, &document.root).expect("a map");
    assert_eq!((map.len(), map["v"]), (50_001, 2));
    assert!(start.elapsed() < std::time::Duration::from_secs(2));
}
