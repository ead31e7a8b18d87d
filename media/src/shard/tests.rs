//! A shard over real sockets.
