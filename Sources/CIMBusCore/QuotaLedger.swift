/// Open operations per user and in all. Nested operations are charged to the user of the outermost client (L12).
public struct QuotaLedger: Hashable, Sendable {
    private var perUser: [UInt32: Int] = [:]
    /// Bytes of results that wait in the broker's memory to be pulled.
    private var buffered: [UInt32: Int] = [:]
    public private(set) var total = 0

    public init() {}

    func hasRoom(for uid: UInt32, limits: Limits) -> Bool {
        total < limits.operations && (perUser[uid] ?? 0) < limits.operationsPerUser
    }

    func operations(of uid: UInt32) -> Int { perUser[uid] ?? 0 }

    mutating func charge(_ uid: UInt32) {
        perUser[uid, default: 0] += 1
        total += 1
    }

    mutating func refund(_ uid: UInt32) {
        guard let count = perUser[uid] else { return }
        perUser[uid] = count == 1 ? nil : count - 1
        total -= 1
    }

    func buffered(for uid: UInt32) -> Int { buffered[uid] ?? 0 }

    mutating func buffer(_ bytes: Int, for uid: UInt32) {
        let sum = (buffered[uid] ?? 0) + bytes
        buffered[uid] = sum > 0 ? sum : nil
    }
}
