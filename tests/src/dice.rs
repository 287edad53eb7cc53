//! Random numbers of tests, which follow from a seed.

/// A small generator of its own, so that runs do not depend on anybody else's.
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// A number below that.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}
