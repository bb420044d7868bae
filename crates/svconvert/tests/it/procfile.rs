//! Procfiles.

use svconvert::{LineVerdict, Memory, convert};

use crate::{line, one, verdict};

#[test]
fn plain_lines_are_words_and_others_take_a_shell() {
    let it = one(
        "/srv/app/Procfile",
        "web: bin/rails server -p $PORT\ncss: yarn build:css --watch\n# no\n\nworker: Q=a,b bundle exec sidekiq\nno line\n",
    );
    assert!(it.text.starts_with("base = \".\"\n"), "{}", it.text);
    for expected in [
        r#"exec = ["/bin/sh", "-c", "bin/rails server -p $PORT"]"#,
        r#"exec = ["yarn", "build:css", "--watch"]"#,
        r#"exec = ["bundle", "exec", "sidekiq"]"#,
        r#"env = { PORT = "5000" }"#,
        r#"env = { PORT = "5200", Q = "a,b" }"#,
        r#"env_file = [{ optional = true, path = ".env" }]"#,
        r#"stop = { kill_after = "5s" }"#,
    ] {
        assert!(it.text.contains(expected), "{expected}: {}", it.text);
    }
    verdict(&it, "no line", LineVerdict::Equivalent);
    assert_eq!(it.definitions.service["web"].cwd.as_deref(), Some("/srv/app".as_ref()));
    assert_eq!(it.report.lines.len(), 4);
}

#[test]
fn a_release_is_a_job() {
    let it = one("/srv/app/Procfile", "release: python manage.py migrate\n");
    assert!(it.text.contains("kind = \"job\""), "{}", it.text);
    verdict(&it, "release", LineVerdict::Approximated);
}

#[test]
fn dotenv_is_read_by_the_service_where_both_grammars_agree() {
    let convert = |env: &str| {
        let files = Memory::new()
            .file("/a/Procfile", "web: A=1 B=2 ./web\njob: ./job\n")
            .file("/a/.env", env);
        convert(&files, &["/a/Procfile".into()], None).unwrap()
    };
    let it = convert("A=x\nPORT=3000\nnothing\n");
    assert!(it.text.contains(r#"exec = ["/usr/bin/env", "A=1", "./web"]"#), "{}", it.text);
    assert!(it.text.contains(r#"exec = ["/usr/bin/env", "PORT=3100", "./job"]"#), "{}", it.text);
    assert!(it.text.contains("env_file = "), "{}", it.text);
    verdict(&it, "A=x", LineVerdict::Exact);
    // What a line sets itself wins over both, under foreman and honcho.
    let files = Memory::new()
        .file("/a/Procfile", "web: ./web\nclock: PORT=3 ./clock\n")
        .file("/a/.env", "PORT=3000\n");
    let own = svconvert::convert(&files, &["/a/Procfile".into()], None).unwrap();
    assert!(own.text.contains(r#"exec = ["/usr/bin/env", "PORT=3", "./clock"]"#), "{}", own.text);
    verdict(&it, "nothing", LineVerdict::Equivalent);
    let it = convert("A=x\nexport C=1\n");
    assert!(!it.text.contains("env_file"), "{}", it.text);
    assert!(
        it.text.contains(r#"env = { A = "1", B = "2", C = "1", PORT = "5000" }"#),
        "{}",
        it.text
    );
    verdict(&it, "export C", LineVerdict::Approximated);
    assert_eq!(line(&it, "A=x").location.file, "/a/.env");
}
