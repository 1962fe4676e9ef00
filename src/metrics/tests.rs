//! A Prometheus that answers what a test tells it (Z11).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bpctl_core::blueprint::LevelQueries;
use bpctl_core::model::{Period, Quantity};
use bpctl_core::observe::{Level, PodUsage, Resource, Unknown, UnknownCode};

use super::{Measured, Prometheus, PrometheusOptions};

type Requests = Arc<Mutex<Vec<String>>>;

/// Answers by whether the mean or the count is asked for; `None`: hang up.
fn fake(answer: impl Fn(&str) -> Option<String> + Send + 'static) -> (PrometheusOptions, Requests) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/prom/", listener.local_addr().expect("an address"));
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
            let mut request = String::new();
            while reader.read_line(&mut request).is_ok_and(|read| read > 2) {}
            let length = |header: &str| header.to_lowercase().strip_prefix("content-length: ")?.parse().ok();
            let mut body = vec![0; request.lines().find_map(length).unwrap_or(0)];
            let _ = reader.read_exact(&mut body);
            request.push_str(&String::from_utf8_lossy(&body));
            seen.lock().expect("requests").push(request.clone());
            if let Some(answer) = answer(&request) {
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    let bearer = Some("hunter2".to_owned().into());
    let rate_interval = Period::from_secs(60);
    (
        PrometheusOptions {
            url,
            bearer,
            cpu_query: None,
            memory_query: None,
            level_queries: LevelQueries::default(),
            rate_interval,
        },
        requests,
    )
}

#[allow(clippy::unnecessary_wraps)] // what a fake answers
fn http(status: u16, body: &str) -> Option<String> {
    Some(format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()))
}

fn vector(series: &[(&str, &str, &str)]) -> String {
    let series: Vec<_> = series
        .iter()
        .map(|(namespace, pod, value)| {
            serde_json::json!({"metric": {"namespace": namespace, "pod": pod}, "value": [1_767_225_600.123, value]})
        })
        .collect();
    serde_json::json!({"status": "success", "data": {"resultType": "vector", "result": series}}).to_string()
}

async fn usage(options: PrometheusOptions, namespaces: &[&str]) -> Measured {
    let namespaces: Vec<String> = namespaces.iter().map(ToString::to_string).collect();
    let at = "2026-01-01T00:00:00Z".parse().expect("a time");
    let prometheus = Prometheus::connect(options).expect("a client");
    prometheus.usage(&namespaces, Resource::Cpu, Period::from_secs(300), at).await
}

async fn unknown(answer: impl Fn(&str) -> Option<String> + Send + 'static) -> Unknown {
    let (options, _) = fake(answer);
    let unknown = usage(options, &["shop"]).await.pods.ok().expect_err("unknown");
    assert!(!format!("{unknown:?}").contains("hunter2"), "T38");
    unknown
}

#[tokio::test]
async fn two_questions_answer_for_all_namespaces() {
    let (options, requests) = fake(|request| match request {
        request if request.contains("avg_over_time") => {
            http(200, &vector(&[("shop", "web-1", "0.25"), ("shop", "web-2", "1.5e-05"), ("pay", "api-1", "2")]))
        }
        _ => http(200, &vector(&[("shop", "web-1", "20"), ("shop", "web-2", "7"), ("pay", "api-1", "20")])),
    });
    let measured = usage(options, &["shop", "pay", "a.b"]).await;
    let pods = measured.pods.known().expect("whole");
    let used = |pod: &PodUsage| (pod.pod.raw().to_owned(), pod.mean.nanos(), pod.samples);
    let shop: Vec<_> = pods["shop"].iter().map(used).collect();
    assert_eq!(shop, [("web-1".into(), 250_000_000, 20), ("web-2".into(), 15_000, 7)]);
    assert_eq!(pods["pay"][0].mean, Quantity::from_millis(2000));
    assert!(!pods.contains_key("a.b"));
    assert_eq!(measured.expected_samples, 20);
    let requests = requests.lock().expect("requests");
    assert_eq!(requests.len(), 2);
    let (head, form) = requests[0].split_once("\r\n\r\n").expect("a body");
    assert!(head.starts_with("POST /prom/api/v1/query HTTP/1.1"), "{head}");
    assert!(head.contains("authorization: Bearer hunter2"));
    let form: std::collections::BTreeMap<_, _> = url::form_urlencoded::parse(form.as_bytes()).collect();
    assert!(form["query"].contains(r#"namespace=~"shop|pay|a\\.b""#), "{}", form["query"]);
    assert!(form["query"].contains("[60s]") && form["query"].contains("[5m:15s]"));
    // B6: a rate over more time than the container is there is no sample.
    let whole = r#"[60s]) and container_cpu_usage_seconds_total{container!="",container!="POD",namespace=~"shop|pay|a\\.b"} offset 60s)"#;
    assert!(form["query"].contains(whole), "{}", form["query"]);
    assert_eq!(form["time"], "2026-01-01T00:00:00Z");
}

/// Several containers are told apart, and the pod's use is what they used together: one that ran for half of the time counts half.
#[tokio::test]
async fn containers_are_told_apart_and_add_up() {
    let of = |container: &str, value: &str| serde_json::json!({"metric": {"namespace": "shop", "pod": "web-1", "container": container}, "value": [1_767_225_600, value]});
    let answer = move |values: [&str; 2]| {
        let result = [of("web", values[0]), of("setup", values[1])];
        http(
            200,
            &serde_json::json!({"status": "success", "data": {"resultType": "vector", "result": result}}).to_string(),
        )
    };
    let (options, _) =
        fake(move |request| answer(if request.contains("avg_over_time") { ["0.2", "0.5"] } else { ["20", "10"] }));
    let measured = usage(options, &["shop"]).await;
    let pod = measured.pods.known().expect("whole")["shop"][0].clone();
    assert_eq!((pod.mean.clone(), pod.samples), (Quantity::from_millis(450), 20));
    let named = |name| pod.of(Some(name)).map(|(mean, samples)| (mean.millis(), samples));
    assert_eq!((named("web"), named("setup"), named("other")), (Some((200, 20)), Some((500, 10)), None));
}

/// Series with these labels and values, as service levels are answered.
fn levels(series: &[(&str, &str)]) -> Option<String> {
    let series = series.iter().map(|(labels, value)| {
        let labels: serde_json::Value = serde_json::from_str(labels).expect("labels");
        serde_json::json!({"metric": labels, "value": [1_767_225_600, value]})
    });
    let result: Vec<_> = series.collect();
    http(200, &serde_json::json!({"status": "success", "data": {"resultType": "vector", "result": result}}).to_string())
}

async fn level(options: PrometheusOptions, level: Level) -> super::MeasuredRequests {
    let at = "2026-01-01T00:00:00Z".parse().expect("a time");
    let prometheus = Prometheus::connect(options).expect("a client");
    prometheus.level(&["shop".into()], level, Period::from_secs(300), at).await
}

/// B1: a histogram's buckets, of pods or of a workload as a whole.
#[tokio::test]
async fn b01_buckets_are_read_with_their_bounds() {
    let (mut options, requests) = fake(|request| match request {
        request if request.contains("avg_over_time") => levels(&[
            (r#"{"namespace":"shop","pod":"web-1","le":"0.25"}"#, "3.5"),
            (r#"{"namespace":"shop","pod":"web-1","le":"+Inf"}"#, "4"),
            (r#"{"namespace":"shop","workload":"web","le":"1"}"#, "9"),
        ]),
        _ => levels(&[
            (r#"{"namespace":"shop","pod":"web-1","le":"0.25"}"#, "20"),
            (r#"{"namespace":"shop","pod":"web-1","le":"+Inf"}"#, "20"),
            (r#"{"namespace":"shop","workload":"web","le":"1"}"#, "7"),
        ]),
    });
    options.level_queries.latency = Some("my_buckets{namespace=~\"$namespaces\"}[$rate]".into());
    let measured = level(options, Level::Latency).await;
    let shop = measured.series.known().expect("whole")["shop"].clone();
    let told: Vec<_> = shop
        .iter()
        .map(|s| (s.of.raw(), s.workload, s.at_most.as_ref().map(Quantity::millis), s.mean.millis(), s.samples))
        .collect();
    assert_eq!(
        told,
        [("web", true, Some(1000), 9000, 7), ("web-1", false, None, 4000, 20), ("web-1", false, Some(250), 3500, 20)]
    );
    let requests = requests.lock().expect("requests");
    let form = requests[0].split_once("\r\n\r\n").expect("a body").1;
    let form: std::collections::BTreeMap<_, _> = url::form_urlencoded::parse(form.as_bytes()).collect();
    assert!(form["query"].contains(r#"my_buckets{namespace=~"shop"}[60s]"#), "{}", form["query"]);
}

/// Z11: what is no whole answer of numbers is unknown, and never healthy.
#[tokio::test]
async fn z11_levels_that_are_not_whole_are_unknown() {
    let pod = r#"{"namespace":"shop","pod":"web-1"}"#;
    for (asked, series, wanted) in [
        (Level::Errors, vec![], UnknownCode::NotObserved),
        (Level::Errors, vec![(pod, "NaN")], UnknownCode::Malformed),
        (Level::Requests, vec![(pod, "-1")], UnknownCode::Malformed),
        (Level::Requests, vec![(pod, "1"), (pod, "1")], UnknownCode::Malformed),
        (Level::Requests, vec![(r#"{"namespace":"shop"}"#, "1")], UnknownCode::Malformed),
        (Level::Requests, vec![(r#"{"pod":"web-1"}"#, "1")], UnknownCode::Malformed),
        (Level::Requests, vec![(r#"{"namespace":"pay","pod":"web-1"}"#, "1")], UnknownCode::Malformed),
        (Level::Latency, vec![(pod, "1")], UnknownCode::Malformed),
        (Level::Latency, vec![(r#"{"namespace":"shop","pod":"web-1","le":"x"}"#, "1")], UnknownCode::Malformed),
    ] {
        let told = format!("{asked} {series:?}");
        let answer = move |_: &str| levels(&series);
        let unknown = level(fake(answer).0, asked).await.series.ok().expect_err("unknown");
        assert_eq!(unknown.code, wanted, "{told}: {unknown:?}");
    }
}

/// Z11
#[tokio::test]
async fn z11_what_is_not_a_whole_answer_of_numbers_is_unknown() {
    for value in ["NaN", "+Inf", "-Inf", "-0.5", "", "1e999"] {
        let body = vector(&[("shop", "web-1", "0.25"), ("shop", "web-2", value)]);
        assert_eq!(unknown(move |_| http(200, &body)).await.code, UnknownCode::Malformed, "{value}");
    }
    let empty = unknown(|_| http(200, &vector(&[]))).await;
    assert_eq!(empty.code, UnknownCode::NoSamples);
    assert!(!format!("{empty:?}").contains("avg_over_time"), "nobody reads PromQL at night: {empty:?}");
    let good = vector(&[("shop", "web-1", "20")]);
    for (extra, code) in [
        (r#""warnings": ["no data from <b>store</b>"], "#, UnknownCode::Incomplete),
        (r#""isPartial": true, "#, UnknownCode::Incomplete),
    ] {
        let body = good.replacen('{', &format!("{{{extra}"), 1);
        let unknown = unknown(move |_| http(200, &body)).await;
        assert_eq!(unknown.code, code, "{extra}");
    }
    let (options, _) = fake(move |_| http(200, &good.replacen('{', r#"{"infos": ["not a counter"], "#, 1)));
    assert!(usage(options, &["shop"]).await.pods.known().is_some(), "a hint is no warning");
}

/// Z11
#[tokio::test]
async fn z11_garbage_is_unknown() {
    let twice = vector(&[("shop", "web-1", "1"), ("shop", "web-1", "2")]);
    let elsewhere = vector(&[("pay", "web-1", "1")]);
    let unlabelled = vector(&[("shop", "web-1", "1")]).replace("\"pod\"", "\"instance\"");
    let scalar = r#"{"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}}"#.to_owned();
    let error = r#"{"status": "error", "errorType": "timeout", "error": "query timed out"}"#.to_owned();
    let cut = &vector(&[("shop", "web-1", "1")])[..60];
    for (status, body, code) in [
        (200, "<html>login</html>".to_owned(), UnknownCode::Malformed),
        (200, cut.to_owned(), UnknownCode::Malformed),
        (200, twice, UnknownCode::Malformed),
        (200, elsewhere, UnknownCode::Malformed),
        (200, unlabelled, UnknownCode::Malformed),
        (200, scalar, UnknownCode::Malformed),
        (200, error.clone(), UnknownCode::Malformed),
        (503, error, UnknownCode::Unreachable),
        (401, "who".into(), UnknownCode::Forbidden),
        (302, String::new(), UnknownCode::Malformed),
    ] {
        let shown = body.clone();
        assert_eq!(unknown(move |_| http(status, &body)).await.code, code, "{status} {shown}");
    }
    assert_eq!(unknown(|_| None).await.code, UnknownCode::Unreachable);
    let counted = |request: &str| {
        let pod = if request.contains("count_over_time") { "web-1" } else { "web-2" };
        http(200, &vector(&[("shop", pod, "1")]))
    };
    assert_eq!(unknown(counted).await.code, UnknownCode::Malformed);
}

/// Z11. Would miss: a cache that answers with what it kept of another moment; a server that rounds is none.
#[tokio::test]
async fn z11_an_answer_of_another_moment_is_unknown() {
    for (of, near) in [
        ("1767225600", true),
        ("1767225600.999", true),
        ("1767225599.5", true),
        ("1.7672256e+09", true),
        ("1767225601.001", false),
        ("1767218400", false),
        ("1767229200", false),
        ("null", false),
        ("-1", false),
    ] {
        let body = vector(&[("shop", "web-1", "20"), ("shop", "web-2", "20")]);
        let body = body.replacen("1767225600.123", of, 1);
        let (options, _) = fake(move |_| http(200, &body));
        let pods = usage(options, &["shop"]).await.pods;
        match pods.ok() {
            Ok(_) => assert!(near, "{of} is taken"),
            Err(unknown) => assert!(!near && unknown.code == UnknownCode::Malformed, "{of}: {unknown:?}"),
        }
    }
}

/// Z11
#[tokio::test]
async fn z11_a_slow_answer_is_unknown() {
    let (options, _) = fake(|_| {
        std::thread::sleep(Duration::from_secs(3));
        None
    });
    let prometheus = Prometheus::with_patience(options, Duration::from_millis(200)).expect("a client");
    let at = "2026-01-01T00:00:00Z".parse().expect("a time");
    let measured = prometheus.usage(&["shop".to_owned()], Resource::Memory, Period::from_secs(60), at).await;
    let unknown = measured.pods.ok().expect_err("unknown");
    assert_eq!(unknown.code, UnknownCode::Unreachable);
    assert_eq!(
        unknown.message,
        "couldn't read the memory use of the last 60s at 2026-01-01T00:00:00Z: Prometheus did not answer"
    );
}

/// T38
#[tokio::test]
async fn t38_a_bearer_token_that_the_server_repeats_is_not_kept() {
    let token = secrecy::SecretString::from("hunter2-0123456789");
    crate::runtime::hold(&token);
    let (mut options, _) = fake(|request| {
        let sent = request.lines().find(|line| line.starts_with("authorization")).unwrap_or_default();
        http(403, &serde_json::json!({"status": "error", "error": format!("not with {sent}")}).to_string())
    });
    options.bearer = Some(token);
    let unknown = usage(options, &["shop"]).await.pods.ok().expect_err("unknown");
    assert_eq!(unknown.detail.expect("its words").raw(), "not with authorization: Bearer (credential)");
}

#[tokio::test]
async fn a_proxy_that_takes_no_post_is_asked_by_get() {
    let (options, requests) = fake(|request| match request {
        request if request.starts_with("POST") => http(405, "no"),
        _ => http(200, &vector(&[("shop", "web-1", "1")])),
    });
    assert!(usage(options, &["shop"]).await.pods.known().is_some());
    assert!(requests.lock().expect("requests").iter().any(|r| r.starts_with("GET /prom/api/v1/query?query=")));
}

#[tokio::test]
async fn the_clock_is_read_without_loss() {
    let scalar = r#"{"status": "success", "data": {"resultType": "scalar", "result": [1767225600.5, "1767225600.5"]}}"#;
    let (options, _) = fake(move |_| http(200, scalar));
    let now = Prometheus::connect(options).expect("a client").now().await.expect("a time");
    assert_eq!(now.to_string(), "2026-01-01T00:00:00.5Z");
}

/// Would miss: a replica that answers from an hour ago, taken for what is now; and a second's difference taken for another time.
#[tokio::test]
async fn z11_a_clock_far_from_ours_is_not_gone_by() {
    let scalar = r#"{"status": "success", "data": {"resultType": "scalar", "result": [1767225600, "1767225600"]}}"#;
    for (now, near) in [
        ("2026-01-01T00:00:00Z", true),
        ("2026-01-01T00:01:00Z", true),
        ("2025-12-31T23:59:00Z", true),
        ("2026-01-01T00:01:01Z", false),
        ("2025-12-31T23:58:59Z", false),
        ("2026-01-31T00:00:00Z", false),
    ] {
        let (options, _) = fake(move |_| http(200, scalar));
        let prometheus = Prometheus::connect(options).expect("a client");
        let moment = prometheus.moment(now.parse().expect("a time")).await;
        assert_eq!(moment.is_ok(), near, "{now}: {moment:?}");
    }
    // One that does not say what time it is there is asked about ours.
    let (options, _) = fake(move |_| http(404, ""));
    let now = "2026-01-01T00:00:00Z".parse().expect("a time");
    assert_eq!(Prometheus::connect(options).expect("a client").moment(now).await.ok(), Some(now));
}

#[test]
fn an_address_with_credentials_or_of_another_kind_is_refused() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    for url in ["", "prometheus:9090", "file:///etc", "http://u:hunter2@p:9090", "http://p:9090/?x=1"] {
        let (cpu_query, memory_query, rate_interval) = (None, None, Period::from_secs(60));
        let options = PrometheusOptions {
            url: url.into(),
            bearer: None,
            cpu_query,
            memory_query,
            level_queries: LevelQueries::default(),
            rate_interval,
        };
        let error = Prometheus::connect(options).expect_err(url).to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn names_are_matched_as_they_are() {
    assert_eq!(super::prometheus::escaped(r#"a.b"c\d"#), r#"a\\.b\"c\\\\d"#);
}
