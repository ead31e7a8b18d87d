//! Two legs joined, each with a far end of its own, on a virtual clock.
