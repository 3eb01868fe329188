import Testing

/// MI over real buses and real brokers. One stage at a time: what is measured is not disturbed.
@Suite(.serialized, .timeLimit(.minutes(1))) struct MITests {}
