//! `docs/svcmgr.toml` as it is, but for its port and its directory: its server answers.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
};

use svbuild::{Definitions, Options, Target};

use crate::tree::{PATIENCE, Suite, Tree};

/// The definitions, and the port. Where the machine has no such interpreter, the example `server`
/// stands for it.
fn definitions(files: &Path) -> (Definitions, u16) {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let text = include_str!("../../../../docs/svcmgr.toml")
        .replace("8080", &port.to_string())
        .replace("/srv/www", files.to_str().unwrap());
    let mut definitions = Definitions::from_toml(&text).unwrap();
    let web = definitions.service.get_mut("web").unwrap();
    assert_eq!(web.exec[0], "/usr/bin/python3".into());
    if !Path::new("/usr/bin/python3").exists() {
        web.exec[0] = crate::seen::example("server").into();
    }
    fs::write(files.join("page"), "the page").unwrap();
    fs::set_permissions(files.join("page"), fs::Permissions::from_mode(0o644)).unwrap();
    (definitions, port)
}

fn ask(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /page HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

/// Several at once, so that a server that cannot start a thread is noticed.
fn answers(port: u16) {
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(move || ask(port))).collect();
        for answer in asked {
            assert_eq!(answer.join().unwrap().as_deref(), Some("the page"));
        }
    });
}

pub fn the_server_of_the_example_answers(suite: Suite) {
    let mut tree = Tree::new(suite);
    let (definitions, port) = definitions(&tree.path("open"));
    // Nothing of it is left out but what daemontools has not.
    let strict = definitions.render(suite.target, Options::new().language(suite.language));
    assert_eq!(strict.is_err(), suite.target == Target::Daemontools, "{strict:?}");
    tree.start(&definitions);
    tree.until("answer", || ask(port).filter(|answer| answer == "the page"));
    answers(port);
    let log = tree.service("web").join("log/main/current");
    tree.until("line with a label", || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        text.lines().any(|line| line.starts_with("@4") && line.contains("page")).then_some(())
    });
}

/// In a machine of its own; its start is over when it answers.
pub fn the_server_of_the_example_answers_under_systemd() {
    let files = tempfile::tempdir().unwrap();
    fs::set_permissions(files.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (definitions, port) = definitions(files.path());
    let plan = definitions.render(Target::Systemd, Options::new()).unwrap();
    crate::units::install(&plan);
    let systemctl = |words: &[&str]| Command::new("systemctl").args(words).status().unwrap();
    assert!(systemctl(&["start", "web.service"]).success());
    answers(port);
    assert!(systemctl(&["stop", "web.service"]).success());
}
