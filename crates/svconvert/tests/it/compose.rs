//! process-compose.

use svconvert::LineVerdict;

use crate::{line, one, text, verdict};

const FILE: &str = r#"version: "0.5"
environment: ["STAGE=dev"]
processes:
  pg:
    command: postgres -D .data
    readiness_probe: {exec: {command: "pg_isready -h localhost"}, period_seconds: 1, failure_threshold: 30}
    shutdown: {signal: 2, timeout_seconds: 10}
  migrate:
    command: ./migrate up
    depends_on: {pg: {condition: process_healthy}}
  api:
    command: ./api --port $PORT
    working_dir: ./api
    depends_on: {migrate: {condition: process_completed_successfully}}
    liveness_probe: {http_get: {host: 127.0.0.1, port: 8080, path: /health}, timeout_seconds: 2}
    availability: {restart: on_failure, backoff_seconds: 2, max_restarts: 5}
  worker:
    command: ./worker
    replicas: 2
    depends_on: {api: {condition: process_healthy}}
    log_location: ./worker.{PC_REPLICA_NUM}.log
"#;

#[test]
fn processes_in_the_usual_shape_become_services() {
    let it = one("/srv/app/process-compose.yaml", FILE);
    text(
        &it,
        r#"
        base = "."

        [service.api]
        exec = ["bash", "-c", "./api --port $PORT"]
        cwd = "./api"
        env = { STAGE = "dev" }
        stop = { kill_after = "10s" }
        restart = { delay = "2s", max = 6, when = "on-failure", within = "1day" }
        health = { every = "10s", failures = 3, http = "http://127.0.0.1:8080/health", timeout = "2s" }
        needs = ["migrate"]

        [service.migrate]
        exec = ["./migrate", "up"]
        env = { STAGE = "dev" }
        stop = { kill_after = "10s" }
        kind = "job"
        needs = ["pg"]

        [service.pg]
        exec = ["postgres", "-D", ".data"]
        env = { STAGE = "dev" }
        ready = { command = ["pg_isready", "-h", "localhost"], timeout = "30s" }
        stop = { kill_after = "10s", signal = "INT" }
        restart = "never"

        [service.worker-0]
        exec = ["./worker"]
        env = { PC_REPLICA_NUM = "0", STAGE = "dev" }
        stdout = "./worker.0.log"
        stop = { kill_after = "10s" }
        restart = "never"
        needs = ["api"]

        [service.worker-1]
        exec = ["./worker"]
        env = { PC_REPLICA_NUM = "1", STAGE = "dev" }
        stdout = "./worker.1.log"
        stop = { kill_after = "10s" }
        restart = "never"
        needs = ["api"]
        "#,
    );
    for exact in [
        "command: postgres",
        "signal: 2",
        "timeout_seconds: 10",
        "working_dir",
        "backoff",
        "restart: on",
    ] {
        verdict(&it, exact, LineVerdict::Exact);
    }
    verdict(&it, "command: ./api", LineVerdict::Equivalent);
    // api has no readiness_probe here.
    let need = it.report.lines.iter().find(|it| it.text.starts_with("api: {condition"));
    assert_eq!(need.map(|it| it.verdict), Some(LineVerdict::Approximated));
    let place = &line(&it, "failure_threshold").location;
    assert_eq!((place.line, &FILE[place.bytes.clone()]), (6, "failure_threshold: 30"));
}

#[test]
fn every_line_of_the_file_is_told() {
    let it = one("/srv/app/process-compose.yaml", FILE);
    let told: std::collections::BTreeSet<usize> =
        it.report.lines.iter().map(|it| it.location.line).collect();
    assert_eq!(told.len(), FILE.lines().count());
}

#[test]
fn what_is_no_such_file_is_refused_at_its_place() {
    let it = one("/a/x.yaml", "processes:\n  a: [\n");
    assert_eq!(it.report.worst(), LineVerdict::Refused);
    let it = one("/a/docker-compose.yml", "services:\n  web:\n    image: nginx\n");
    assert!(
        it.report.lines.iter().any(|it| it.verdict == LineVerdict::Refused),
        "{:#?}",
        it.report.lines
    );
    let it = one(
        "/a/x.yaml",
        "processes:\n  a:\n    command: ./x -d\n    is_daemon: true\n  b:\n    command: ./b\n",
    );
    verdict(&it, "is_daemon", LineVerdict::Refused);
    assert!(it.text.contains("[service.b]") && !it.text.contains("[service.a]"), "{}", it.text);
}

#[test]
fn variables_and_constants_are_put_in() {
    let it = one(
        "/p/process-compose.yaml",
        "vars:\n  PORT: 8080\nenvironment:\n  - LOG=${LOG}\nprocesses:\n  web:\n    command: ./web --port {{.PORT}} ${x\n    \
         working_dir: $HOME/web\n    environment:\n      A: a$$B\n      C: x ${D}\n    vars:\n      NAME: w\n    \
         description: the {{ .NAME }}\n",
    );
    for kept in [
        r#"cwd = "${HOME:-}/web""#,
        r#"env = { A = "a$B", C = "x ${D:-}", LOG = "${LOG:-}" }"#,
        "expand = true",
        "./web --port 8080 $${x",
        r#"description = "the w""#,
    ] {
        assert!(it.text.contains(kept), "{kept}: {} {:#?}", it.text, it.report.lines);
    }
    for line in ["environment:\n  - LOG", "working_dir", "environment:\n      A"] {
        let line = line.split('\n').next().unwrap();
        verdict(&it, line, LineVerdict::Equivalent);
    }
    for wrong in [
        "working_dir: ${A:-b}",
        "environment: [A=1, 'B=$A']",
        "description: '{{.X}}'",
        "environment: ['A=$1']",
    ] {
        let it = one(
            "/p/process-compose.yaml",
            &format!("processes:\n  web:\n    command: x\n    {wrong}\n"),
        );
        verdict(&it, wrong, LineVerdict::Refused);
    }
}

#[test]
fn each_replica_has_its_number_in_its_texts() {
    let it = one(
        "/p/process-compose.yaml",
        "processes:\n  web:\n    command: python3 -m http.server 404{{.PC_REPLICA_NUM}}\n    replicas: 2\n    readiness_probe:\n      \
         http_get:\n        host: 127.0.0.1\n        port: \"404{{.PC_REPLICA_NUM}}\"\n    liveness_probe:\n      exec:\n        \
         command: test -e {{.DIR}}/{{.PC_REPLICA_NUM}}\n    vars: { DIR: /run/web }\n  other:\n    command: sleep 1{{.PC_REPLICA_NUM}}\n    \
         depends_on:\n      web: { condition: process_healthy }\n",
    );
    for kept in [
        r#"exec = ["python3", "-m", "http.server", "4040"]"#,
        r#"exec = ["python3", "-m", "http.server", "4041"]"#,
        "http://127.0.0.1:4040/",
        "http://127.0.0.1:4041/",
        r#"["test", "-e", "/run/web/1"]"#,
        r#"exec = ["sleep", "10"]"#,
    ] {
        assert!(it.text.contains(kept), "{kept}: {} {:#?}", it.text, it.report.lines);
    }
    assert_eq!(it.text.matches("[service.").count(), 3, "{}", it.text);
    // Said once for all of them.
    let commands = it.report.lines.iter().filter(|line| line.text.starts_with("replicas"));
    assert_eq!(commands.count(), 1);
    verdict(&it, "command", LineVerdict::Exact);
    let it = one(
        "/p/process-compose.yaml",
        "processes:\n  web:\n    command: x\n    readiness_probe:\n      http_get:\n        port: \"{{.PORT}}\"\n",
    );
    verdict(&it, "http_get", LineVerdict::Refused);
}
