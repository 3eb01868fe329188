import CProcess
import Glibc
import Testing

@testable import UnixProcesses

/// The kernel itself: needs root, or a kernel that tells everybody, and no container.
@Suite(.serialized, .enabled(if: ProcessConnector() != nil, "the kernel's process connector is not to be had here"))
struct ProcessConnectorTests {
    @Test("EV67: what a connector with a small buffer received and lost is what another one with a large buffer received, CPU by CPU")
    func exact() throws {
        let large = try #require(ProcessConnector())
        let small = try #require(ProcessConnector(buffer: 4_096))
        var numbers: [UInt32: [UInt32]] = [:]
        func readLarge() throws {
            while case .messages(let messages, let lost) = large.read() {
                try #require(lost == 0)
                for message in messages { numbers[message.cpu, default: []].append(message.number) }
            }
        }
        var (firsts, lasts): ([UInt32: UInt32], [UInt32: UInt32]) = ([:], [:])
        let (received, lost) = (small.numbers.received, small.numbers.lost)
        var isOverrun = false
        func readSmall() {
            while true {
                switch small.read() {
                case .messages(let messages, _):
                    for message in messages { lasts[message.cpu] = message.number }
                case .overrun: isOverrun = true
                default: return
                }
            }
        }
        // What came before is no matter: each CPU's last number is where counting begins.
        cprocess_probe()
        readSmall()
        firsts = lasts
        let (before, lostBefore) = (small.numbers.received - received, small.numbers.lost - lost)
        for _ in 0..<200 { try Self.runShortProcess() }
        readSmall()
        #expect(isOverrun)
        cprocess_probe()
        readSmall()
        try readLarge()
        let counted = small.numbers.received - received - before + small.numbers.lost - lost - lostBefore
        var sent: UInt64 = 0
        for (cpu, first) in firsts {
            let last = try #require(lasts[cpu])
            sent += UInt64(numbers[cpu, default: []].filter { $0 > first && $0 <= last }.count)
        }
        #expect(small.numbers.lost > lost)
        #expect(counted == sent)
    }

    @Test("a process that forks, becomes another program and ends says so in this order")
    func messages() throws {
        let connector = try #require(ProcessConnector())
        let id = try Self.runShortProcess()
        cprocess_probe()
        var heard: [KernelMessage] = []
        while case .messages(let messages, _) = connector.read() { heard += messages.compactMap { KernelMessage($0) } }
        let own = heard.filter { message in
            switch message {
            case .forked(id, _), .executed(id), .ended(id): true
            default: false
            }
        }
        #expect(own == [.forked(id, parent: getpid()), .executed(id), .ended(id)])
    }

    @discardableResult
    private static func runShortProcess() throws -> Int32 {
        var id = pid_t()
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
        defer { free(arguments[0]) }
        try #require(posix_spawn(&id, "/bin/true", nil, nil, &arguments, environ) == 0)
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0 && errno == EINTR {}
        return id
    }
}
