//! The checks that the fuzz targets run: the very ones that the plain tests run.
//!
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run decode --fuzz-dir fuzz -- -max_total_time=120` runs one on a stable compiler.
//! What it finds is added to `corpus/`, which `tests/codec/corpus.rs` replays.

#[path = "../../tests/codec/checks.rs"]
pub mod checks;
