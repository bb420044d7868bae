//! Calls on services that seem to be supervised: their FIFOs are read here.
//! `cargo bench -p svcmgr-bench --bench service`; `cargo xtask bench` compares them with direct system calls.

use std::{
    error::Error,
    fs::{self, File, OpenOptions},
    hint::black_box,
    io::Read,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use criterion::{Criterion, criterion_group, criterion_main};
use nix::{libc, sys::stat::Mode, unistd::mkfifo};
use svclient::{Bulk, Op, Service, WatchSet};

/// Captured from runit 2.2.0-3: up.
const RECORD: [u8; 20] =
    [0x40, 0, 0, 0, 0x6b, 3, 0x7e, 0x0d, 0x1b, 0x96, 0x47, 0x5c, 0xa7, 0x58, 0, 0, 0, b'u', 0, 1];

/// A service directory, and the reading ends of its FIFOs `ok` and `control`.
struct Alive(Service, [File; 2]);

fn service(dir: &Path) -> Result<Alive, Box<dyn Error>> {
    let supervise = dir.join("supervise");
    fs::create_dir_all(&supervise)?;
    fs::write(dir.join("run"), "")?;
    fs::write(supervise.join("status"), RECORD)?;
    fs::write(supervise.join("stat"), "run\n")?;
    let fifo = |name| -> Result<File, Box<dyn Error>> {
        let path = supervise.join(name);
        mkfifo(&path, Mode::S_IRWXU)?;
        Ok(OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?)
    };
    let fifos = [fifo("ok")?, fifo("control")?];
    Ok(Alive(Service::open(dir)?, fifos))
}

fn run(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let tree = tempfile::tempdir()?;
    let all: Vec<Alive> = (0..100)
        .map(|number| service(&tree.path().join(format!("web-{number}"))))
        .collect::<Result<_, _>>()?;
    let services: Vec<Service> = all.iter().map(|it| it.0.clone()).collect();
    let Some(Alive(first, [_, control])) = all.first() else { return Ok(()) };

    criterion.bench_function("status", |bencher| bencher.iter(|| first.status()));
    let kept = Service::from_fd(File::open(first.dir())?)?;
    criterion.bench_function("status, by a kept descriptor", |bencher| {
        bencher.iter(|| kept.status());
    });
    criterion.bench_function("statuses of 100", |bencher| {
        bencher.iter(|| Bulk::new(black_box(&services)).statuses());
    });
    // With the reading that empties the FIFO.
    let (mut control, mut byte) = (control, [0]);
    criterion.bench_function("send, and read it", |bencher| {
        bencher.iter(|| first.send(Op::Alarm).map(|()| control.read(&mut byte)));
    });
    let mut set = WatchSet::new()?;
    set.add(first.clone())?;
    while set.next_now()?.is_some() {}
    let status = first.dir().join("supervise/status");
    let new = first.dir().join("supervise/status.new");
    let mut second = 0;
    criterion.bench_function("publish, and hear of it", |bencher| {
        bencher.iter(|| -> Result<_, Box<dyn Error>> {
            let mut record = RECORD;
            // Another moment is news.
            second = (second + 1) % 200;
            if let Some(byte) = record.get_mut(7) {
                *byte = second;
            }
            fs::write(&new, record)?;
            fs::rename(&new, &status)?;
            Ok(set.next().transpose()?)
        });
    });
    Ok(())
}

fn services(criterion: &mut Criterion) {
    if let Err(error) = run(criterion) {
        eprintln!("cannot measure: {error}");
        std::process::exit(1);
    }
}

criterion_group!(benches, services);
criterion_main!(benches);
