import DBus

/// Memory that is free goes back to the system (L13).
///
/// The C library keeps what was freed, for each thread that had it: some texts of MOF that were only checked left hundreds of MiB. So after a large
/// message, and after a text was compiled, the broker lets the C library give back what it can. Batches of objects are no large messages.
extension Broker {
    /// Bytes that are much.
    private static var large: Int { 512 << 10 }
    /// Until most of what it needed is free. Those that come within this time are dealt with together.
    private static var pause: Duration { .seconds(2) }
    private static let thread = BlockingThreads(name: "memory", most: 1)

    /// Something that needed so many bytes is over, or will be soon.
    func left(_ bytes: Int) {
        guard bytes >= Self.large, !isGivingBack else { return }
        isGivingBack = true
        loop.schedule(after: Self.pause) { [weak self] in
            self?.assumeIsolated { $0.isGivingBack = false }
            Self.thread.execute { FreeMemory.giveBack() }
        }
    }
}
