//! Latencies in a fixed number of buckets: linear within a power of two, so every value is kept to under 1.6 %.

/// Buckets per power of two.
const LINEAR: usize = 64;
const LINEAR_BITS: u32 = LINEAR.trailing_zeros();
const BUCKETS: usize = (64 - LINEAR_BITS as usize + 1) * LINEAR;

pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub fn new() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }

    pub fn record(&mut self, value: u64) {
        self.counts[index(value)] += 1;
        self.total += 1;
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    /// The lower bound of the bucket below which `share` of all values lie; 0 when there are none.
    pub fn percentile(&self, share: f64) -> u64 {
        let rank = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return lower_bound(bucket);
            }
        }
        0
    }
}

fn index(value: u64) -> usize {
    if value < LINEAR as u64 {
        return value as usize;
    }
    let shift = 63 - value.leading_zeros() - LINEAR_BITS;
    (shift as usize + 1) * LINEAR + (value >> shift) as usize - LINEAR
}

fn lower_bound(bucket: usize) -> u64 {
    if bucket < LINEAR {
        return bucket as u64;
    }
    ((bucket % LINEAR + LINEAR) as u64) << (bucket / LINEAR - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_kept_closely() {
        for value in (0..64).map(|bit| 1u64 << bit).chain([0, 63, 65, 127, 129, 1000, 123_456_789, u64::MAX]) {
            let kept = lower_bound(index(value));
            assert!(kept <= value && value - kept <= value / 64, "{value} became {kept}");
        }
        assert_eq!(index(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.percentile(0.5), 0);
        (1..=100).for_each(|value| histogram.record(value * 1000));
        assert_eq!(histogram.total(), 100);
        assert!((49_000..=50_000).contains(&histogram.percentile(0.5)));
        assert!((97_000..=99_000).contains(&histogram.percentile(0.99)));
    }
}
