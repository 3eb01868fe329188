/// How many of the kernel's messages did not come. Each CPU numbers its own, so that a gap tells exactly.
struct MessageNumbers: Sendable {
    private var next: [UInt32: UInt32] = [:]
    private(set) var received: UInt64 = 0
    private(set) var lost: UInt64 = 0

    /// Takes the number of a message that came.
    /// - Returns: how many of its CPU did not, right before it. Of a CPU's first message nobody knows.
    @discardableResult
    mutating func take(_ number: UInt32, of cpu: UInt32) -> UInt64 {
        received += 1
        let gap = next[cpu].map { UInt64(number &- $0) } ?? 0
        next[cpu] = number &+ 1
        // The kernel counts up: what looks like four milliards lost is a CPU that began anew.
        guard gap < UInt64(UInt32.max / 2) else { return 0 }
        lost += gap
        return gap
    }
}
