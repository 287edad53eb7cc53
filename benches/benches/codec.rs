//! The codec under criterion: every case with every contestant.
//!
//! Fails at the end if ours allocates in any case.

use std::time::Duration;

use benches::cases;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn codec(criterion: &mut Criterion) {
    let mut allocating = Vec::new();
    for mut case in cases() {
        if case.ours_allocates() {
            allocating.push(case.name.clone());
        }
        let mut group = criterion.benchmark_group(case.name.clone());
        for contestant in &mut case.contestants {
            let bytes = case.bytes_per_packet * contestant.packets;
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(contestant.name, |bencher| {
                bencher.iter_custom(|runs| (0..runs).map(|_| (contestant.run)().elapsed).sum::<Duration>());
            });
        }
        group.finish();
    }
    assert!(allocating.is_empty(), "ours allocates: {allocating:?}");
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    targets = codec
}
criterion_main!(benches);
