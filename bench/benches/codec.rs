//! Decoding, which has to vanish beside the reading: a record of each dialect into a status, and
//! labels. `cargo bench -p svcmgr-bench --bench codec`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use svproto::{Dialect, Record, Scale, Tai64n};

/// Captured from running services: daemontools 0.76-15, runit 2.2.0-3, s6 2.15.1.0-1,
/// daemontools-encore 1.11.
const RECORDS: [(&str, Dialect, &str); 4] = [
    ("daemontools", Dialect::Daemontools, "400000006b037e2405718c0c106000000075"),
    ("runit", Dialect::Runit, "400000006b037e0d1b96475ca758000000750001"),
    ("s6", Dialect::S6, "400000006b037e4f10057190400000006b037e4f0fc52ee7000000000000379e000004"),
    ("encore", Dialect::Encore, "400000006b037e390dbede14c148000000750300"),
];

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

fn decode(criterion: &mut Criterion) {
    for (name, dialect, hex) in RECORDS {
        let bytes = bytes(hex);
        criterion.bench_function(&format!("status of a {name} record"), |bencher| {
            bencher.iter(|| {
                // Not moved into a result: that takes as long again, and is the caller's.
                if let Ok(record) = Record::from_bytes(black_box(dialect), black_box(&bytes)) {
                    black_box(record.facts());
                }
            });
        });
    }
}

fn labels(criterion: &mut Criterion) {
    let label = Tai64n::from_bytes([0x40, 0, 0, 0, 0x6b, 3, 0x7e, 0x0d, 0x1b, 0x96, 0x47, 0x5c]);
    for (name, scale) in [("fixed", Scale::Fixed), ("leap seconds", Scale::LeapSeconds)] {
        criterion.bench_function(&format!("TAI64N to Unix time, {name}"), |bencher| {
            bencher.iter(|| black_box(label).unix(black_box(scale)));
        });
    }
}

criterion_group!(benches, decode, labels);
criterion_main!(benches);
