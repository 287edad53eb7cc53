//! The codec under criterion: every case with every contestant.

use std::time::Duration;

use benches::codec::{decode_cases, encode_cases};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn codec(criterion: &mut Criterion) {
    for mut case in decode_cases().into_iter().chain(encode_cases()) {
        let mut group = criterion.benchmark_group(case.name.clone());
        for contestant in &mut case.contestants {
            let bytes = case.bytes_per_packet * contestant.packets;
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(contestant.name, |bencher| {
                bencher.iter_custom(|runs| (0..runs).map(|_| (contestant.run)()).sum::<Duration>());
            });
        }
        group.finish();
    }
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
