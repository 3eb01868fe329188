/// What operations occupy, for each user and in all: those that are open, the results that finished ones leave to be pulled, and the bytes that
/// wait for a reply or for `Next`.
///
/// An open operation is charged to the user of the outermost client (L12). Results and bytes are charged to the user whose connection is to
/// pull them.
public struct QuotaLedger: Hashable, Sendable {
    /// A number for each user, and their sum.
    struct Count: Hashable, Sendable {
        private var perUser: [UInt32: Int] = [:]
        private(set) var total = 0

        func of(_ uid: UInt32) -> Int { perUser[uid] ?? 0 }

        mutating func charge(_ uid: UInt32) {
            perUser[uid, default: 0] += 1
            total += 1
        }

        /// - Returns: whether one was charged.
        mutating func refund(_ uid: UInt32) -> Bool {
            guard let count = perUser[uid] else { return false }
            perUser[uid] = count == 1 ? nil : count - 1
            total -= 1
            return true
        }
    }

    /// Operations without their one end.
    var open = Count()
    /// Finished semisynchronous operations that are kept (L8).
    var results = Count()
    private var buffered: [UInt32: Int] = [:]

    public init() {}

    func hasRoom(for uid: UInt32, limits: Limits) -> Bool {
        open.total < limits.operations && open.of(uid) < limits.operationsPerUser
    }

    func hasRoomForResults(of uid: UInt32, limits: Limits) -> Bool {
        results.total < limits.results && results.of(uid) < limits.resultsPerUser
    }

    /// Bytes of results that wait in the broker's memory.
    func buffered(for uid: UInt32) -> Int { buffered[uid] ?? 0 }

    mutating func buffer(_ bytes: Int, for uid: UInt32) {
        let sum = (buffered[uid] ?? 0) + bytes
        buffered[uid] = sum > 0 ? sum : nil
    }
}
