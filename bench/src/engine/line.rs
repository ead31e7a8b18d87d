//! A far end's network: which of its datagrams are lost on the way.

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};

/// Loses each datagram with the same chance, whatever became of the one before.
#[derive(Debug)]
pub(super) struct Line {
    loss: f64,
    chance: SmallRng,
}

impl Line {
    /// `loss` is of 1. The same seed loses the same ones.
    pub(super) fn new(loss: f64, seed: u64) -> Self {
        Self {
            loss,
            chance: SmallRng::seed_from_u64(seed),
        }
    }

    /// Whether the next datagram is lost.
    pub(super) fn loses(&mut self) -> bool {
        self.loss > 0.0 && self.chance.random_bool(self.loss.min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loses_its_share_and_nothing_where_it_has_none() {
        let lost = |loss: f64| {
            let mut line = Line::new(loss, 1);
            (0..10_000).filter(|_| line.loses()).count()
        };
        assert_eq!(lost(0.0), 0);
        assert!((400..600).contains(&lost(0.05)), "{}", lost(0.05));
        assert_eq!(lost(1.0), 10_000);
    }
}
