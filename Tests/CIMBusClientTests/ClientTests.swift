import Testing

/// The client's library over real buses and real brokers. One stage at a time: what is measured is not disturbed. What is tested without a
/// broker stands beside it.
@Suite(.serialized, .timeLimit(.minutes(1))) struct ClientTests {}
