use serde_json::json;

use super::*;

/// Would miss: a form in which people write passwords into configuration, commands or addresses, and that a plan, a judgement, a comment
/// or the ledger then shows.
#[test]
fn t38_every_form_of_a_credential_is_withheld() {
    let mut missed = Vec::new();
    for text in [
        r#"{"host":"db","password":"hunter2"}"#,
        r#"{\"host\":\"db\",\"password\":\"hunter2\"}"#,
        "serve --user app --password hunter2",
        "--db-password=hunter2",
        "curl -u app:hunter2 http://h/",
        "curl --user=app:hunter2 http://h/",
        "host=db user=app password=hunter2",
        "jdbc:mysql://db/app?user=a&password=hunter2",
        "jdbc:oracle:thin:app/hunter2@db:1521:x",
        "app:hunter2@tcp(db:3306)/app",
        "Authorization: Bearer hunter2",
        "Bearer hunter2",
        "proxy_set_header Authorization \"Basic YTpodW50ZXIy\";",
        "Authorization: hunter2",
        "-H 'Authorization: Basic hunter2'",
        "http://backend/?access_token=hunter2",
        "http://backend/?a=b&api_key=hunter2",
        "auth: {user: a, password: hunter2}",
        "credentials: {user: a, pw: hunter2}",
        r#"<property name="password" value="hunter2"/>"#,
        "<password>hunter2</password>",
        "<db-password encrypted=\"false\">hunter2</db-password>",
        "CREATE USER app IDENTIFIED BY 'hunter2';",
        "ALTER ROLE app WITH PASSWORD 'hunter2'",
        "smtp_auth: hunter2",
        "\"auth\": \"YTpodW50ZXIy\"",
        "//registry.example/:_authToken=hunter2",
        "amqp://user:A/hunter2@mq/",
        "postgres://app:hunter2@db/app",
        "redis://:hunter2@redis:6379/0",
        "https://u:hun@ter2@h/",
        "https://0123456789abcdef@errors.example/1",
        "export DB_PASSWORD=hunter2",
        "set DB_PASSWORD hunter2",
        "requirepass hunter2",
        "-Ddb.password=hunter2",
        "-Xmx1g -Ddb.password=hunter2 -jar app.jar",
        "machine h login app password hunter2",
        "config[\"password\"] = \"hunter2\"",
        "client.setPassword(\"hunter2\")",
        "password => 'hunter2'",
        "password := hunter2",
        "[--db-password, hunter2]",
        "{\"name\": \"DB_PASSWORD\", \"value\": \"hunter2\"}",
        "PGPASS=hunter2",
        "password: 12345678",
        "password=$ecret",
        "password=${PW:-hunter2}",
        "Server=db;User=a;Password=hunter2;",
        "DefaultEndpointsProtocol=https;AccountKey=hunter2hunter2==;EndpointSuffix=x",
        "Endpoint=sb://x/;SharedAccessKey=hunter2",
        "https://x.blob.core.windows.net/c?se=1&sig=hunter2%3D",
        "password: &a hunter2",
        "password: !!str hunter2",
        "SMTP_PW=hunter2",
        "bindpw hunter2",
        "rootpw {SSHA}hunter2",
        "psk=\"hunter2\"",
        "encryptionKey: hunter2",
        "hmac: hunter2",
        "X-From: ghp_hunter2hunter2hunter2hunter2",
        "to https://hooks.slack.com/services/T0hunter/B0hunter/x now",
        "id AKIAHUNTER2HUNTER2HU",
    ] {
        missed.extend(Some(text).filter(|text| !text_holds(text)));
    }
    assert_eq!(missed, [""; 0]);
}

/// Would miss: plans in which nobody reads what changes, since everything that sounds like a password is withheld.
#[test]
fn t38_what_holds_no_credential_is_shown() {
    let mut withheld = Vec::new();
    for text in [
        "",
        "LOG_LEVEL=debug",
        "--max-tokens=5",
        "TOKEN_LIFETIME=3600",
        "token_ttl: 30m",
        "http://backend:8080/",
        "http://token-service:8080/auth/login",
        "http://npm:8080/@scope/package",
        "http://good/a:b@c",
        "ssh://git@github.example/shop/shop.git",
        "author: x",
        "authority=shop.example:443",
        "--auth-mode=off",
        "--authorization-mode=RBAC",
        "auth: oidc",
        "smtp_auth: plain",
        "auth=none",
        "authorization: enabled",
        "auth: http://auth:8080/",
        "auth_basic \"restricted\";",
        "proxy_pass http://backend:8080;",
        "proxy_set_header Authorization $http_authorization;",
        "--db-password=$(DB_PASSWORD)",
        "--password ${DB_PASSWORD}",
        "postgres://app:$(DB_PASSWORD)@db/app",
        "Authorization: Bearer ${TOKEN}",
        "password={{ .Values.password }}",
        "--tls-private-key-file=/etc/tls/tls.key",
        "password_file: /run/secrets/db",
        "enable_token_cache=true",
        "password: \"\"",
        "secretName: shop-tls",
        "{\"secretKeyRef\":{\"name\":\"db\"}}",
        "<password></password>",
        "compass: north",
        "keyboard=us",
        "monkey: banana",
        "--user=1000:1000",
        "basic setup of the shop",
        "a bearer token is sent along",
        "registry.shop.example/token-service:1.4.0",
        "greeting=hello, world",
        "server { listen 8080; }",
        "{\"colour\":\"red\",\"size\":3}",
        "max_connections = 100",
        "spring.datasource.url=jdbc:postgresql://db:5432/app",
        "contact: mailto:shop@shop.example",
        "-Xmx512m -XX:+UseG1GC",
    ] {
        withheld.extend(Some(text).filter(|text| text_holds(text)));
    }
    assert_eq!(withheld, [""; 0]);
}

/// Would miss: a line that names nothing itself, and belongs to a name of a credential; one that no longer does.
#[test]
fn t38_lines_belong_to_what_names_them() {
    for (text, expected) in [
        ("a: 1\npassword: x\nb: 2", ".X."),
        ("db:\n  password:\n    x\n  host: h", "..X."),
        ("secrets:\n  - name: x\nother: y", ".X."),
        ("secrets:\n- x\n- y\nother:\n- z", ".XX.."),
        ("[db.password]\nvalue = x\n\n[web]\nvalue = y", ".X..."),
        ("[credentials]\nvalue = x\nother = y", ".XX"),
        ("- name: DB_PASSWORD\n  value: x\n- name: MODE\n  value: y", ".X.."),
        ("{\n  \"name\": \"DB_PASSWORD\",\n  \"value\": \"x\"\n}\n", "..X."),
        ("args:\n- --password\n- x\n- --mode\n- y", "..X.."),
        ("[\n  \"--password\",\n  \"x\",\n  \"y\"\n]", "..X.."),
        ("<password>\n  x\n</password>\n<mode>y</mode>", ".X.."),
        ("run --password \\\n  x \\\n  y\nz", ".XX."),
        ("password = \"\"\"\nx\n\"\"\"\na = 1", ".XX."),
        ("tls: |\n  -----BEGIN KEY-----\n  x", "XXX"),
    ] {
        let told: String = lines_that_hold(text).iter().map(|holds| if *holds { 'X' } else { '.' }).collect();
        let secret = expected.char_indices().filter(|(_, mark)| *mark == 'X').map(|(at, _)| at);
        for at in secret {
            assert_eq!(&told[at..=at], "X", "{text}: {told}");
        }
        let shown = expected.char_indices().filter(|(at, mark)| *mark == '.' && told.as_bytes()[*at] == b'X');
        let names = |line: &str| words(line).any(|(start, end)| is_name(&line[start..end]));
        // A name alone may be withheld with what it names.
        for (at, _) in shown {
            assert!(text.lines().nth(at).is_some_and(names), "{text}: {told}");
        }
    }
}

/// Would miss: a command whose option and password are two items; a Kubernetes field that only names a Secret, and is withheld.
#[test]
fn t38_values_of_objects_are_looked_at_by_name_and_text() {
    let field = |name: &str| {
        let item = Segment::Item(vec![("name".into(), name.into())]);
        FieldPath::keys(["spec", "template", "spec", "containers", "env"]).join(item).key("value")
    };
    let variable = |name: &str, value: &str| field_holds("Deployment", &field(name), [Some(&Json::from(value))]);
    for (name, value) in [
        ("DATABASE_DSN", "host=db user=a"),
        ("REDISCLI_AUTH", "hunter2"),
        ("SMTP_AUTH", "hunter2"),
        ("X", "https://discord.com/api/webhooks/123456/abcdefgh"),
        ("X", "https://hooks.slack.com/triggers/T1/2/abcdefgh"),
    ] {
        assert!(variable(name, value), "{name}={value}");
    }
    for (name, value) in [("SMTP_AUTH", "true"), ("LOG_LEVEL", "debug"), ("X", "https://discord.com/channels/1/2")] {
        assert!(!variable(name, value), "{name}={value}");
    }
    assert!(
        value_holds(&json!(["redis-cli", "-a", "hunter2"])) && value_holds(&json!({"name": "DB_DSN", "value": "x"}))
    );
    assert!(!value_holds(&json!(["ls", "-a", "x"])) && !value_holds(&json!({"name": "DB", "value": "x"})));
    for held in [
        json!(["--db-password=hunter2"]),
        json!(["serve", "--db-password", "hunter2"]),
        json!(["sh", "-c", "export DB_PASSWORD=hunter2; serve"]),
        json!({"name": "DB_PASSWORD", "value": "hunter2"}),
        json!([{"name": "URL", "value": "http://u:hunter2@h/"}]),
        json!({"spec": {"password": "hunter2"}}),
        json!({"adminPin": 1, "adminPassword": 123_456}),
    ] {
        assert!(value_holds(&held), "{held}");
    }
    for shown in [
        json!(["--max-tokens=5", "--verbose"]),
        json!(["secrets", "pods"]),
        json!({"secretName": "tls", "items": [{"key": "password", "path": "db"}]}),
        json!({"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}),
        json!({"automountServiceAccountToken": false}),
        json!({"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}),
        json!({"image": "token-service:latest"}),
        json!(3),
    ] {
        assert!(!value_holds(&shown), "{shown}");
    }
    let env = FieldPath::keys(["env"]).join(Segment::Item(vec![("name".into(), "MODE".into())])).key("value");
    assert!(field_holds("Deployment", &env, [Some(&json!("fast")), Some(&json!("-Dx.token=hunter2"))]));
    assert!(!field_holds("Deployment", &env, [Some(&json!("fast")), None]));
    assert!(field_holds("ConfigMap", &FieldPath::keys(["data", "users.conf"]), [Some(&json!("admin:hunter2"))]));
    assert!(field_holds("Database", &FieldPath::keys(["spec", "password"]), [Some(&json!("hunter2"))]));
    assert!(!field_holds("Ingress", &FieldPath::keys(["spec", "secretName"]), [Some(&json!("tls"))]));
}

/// Would miss: a line of 4 MiB that holds up everybody: time that grows with its square.
#[test]
#[allow(clippy::disallowed_methods, reason = "the time that it takes is what is tested")]
fn t38_long_lines_take_time_by_their_length() {
    let started = std::time::Instant::now();
    for part in [
        "a",
        "://",
        "\"",
        "password",
        "password ",
        "password=",
        "x://a:@",
        "{",
        "-u ",
        "bearer ",
        "[\n",
        " \n",
        "a:\n ",
        "\u{e4}",
    ] {
        let text = part.repeat((1 << 16) / part.len());
        lines_that_hold(&text);
        lines_that_hold(&format!("password={text}"));
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

/// Would miss: what a JSON patch writes to a field that is named as a credential, wherever its name stands.
#[test]
fn t38_what_a_patch_writes_is_named_by_its_path() {
    for text in [
        r#"[{"op":"add","path":"/data/password","value":"hunter2"}]"#,
        r#"[{"value":"hunter2","op":"add","path":"/data/pass\u0077ord"}]"#,
        "- op: replace\n  path: /spec/template/metadata/annotations/api-token\n  value: hunter2",
        "- op: add\n  path: /spec/template/spec/containers/0/env/1\n  value: {value: hunter2, name: DB_PASSWORD}",
        "op: add\npath: /data/x~1password\nvalue: hunter2",
        "- op : add\n  path : /data/password\n  value : hunter2",
        "- op: add\n  path: /data/password\n  value: hunter2\n\t",
        "- op: add\n  path: data/password\n  value: hunter2",
        "- {op: add, path: /stringData/foo, value: hunter2}",
        "kind: PatchTransformer\npatch: '[{\"op\":\"add\",\"path\":\"/data/password\",\"value\":\"hunter2\"}]'",
        "kind: PatchTransformer\npatch: \"[{\\\"op\\\":\\\"add\\\",\\\"path\\\":\\\"/data/password\\\",\\\"value\\\":\\\"hunter2\\\"}]\"",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData: {foo: hunter2}",
    ] {
        assert!(text_holds(text), "{text}");
        assert!(value_holds(&json!({ "patch": text })), "{text}");
    }
    assert!(conceals(&json!({"op": "add", "path": "/data/password", "value": "hunter2"})));
    let of = |kind: &str| json!({"target": {"kind": kind, "name": "x"}, "patch": "- {op: add, path: /data/foo, value: hunter2}"});
    assert!(value_holds(&of("Secret")) && !value_holds(&of("ConfigMap")));
    for harmless in [
        "- op: replace\n  path: /spec/replicas\n  value: 3",
        "- op: remove\n  path: /data/password",
        "- op: add\n  path: /metadata/labels/key\n  value: a",
        "stop: a\npath: /data/password\nvalue: 3",
        "kind: SecretStore\ndata: {a: b}",
    ] {
        assert!(!text_holds(harmless), "{harmless}");
    }
}
