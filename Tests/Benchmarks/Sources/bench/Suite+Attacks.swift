import CIM
import CIMBusClient
import Glibc
import WireTestKit

/// What one user's attack costs another user's client (L13).
extension Suite {
    /// Debian's users daemon and nobody: dbus-daemon takes nobody whom the system's user database does not know.
    private static let good = "1"
    private static let hostile = "65534"

    /// A client that makes one get after the other, alone and beside each of the attacks of a user, in turns. The client is a library's with its
    /// defaults. Over the bus it would share the bus with the attack, which keeps `dbus-daemon` busy whoever it is sent to.
    func attacks() async throws {
        guard getuid() == 0 else {
            print("## Attacks\n\nOnly root can run processes of other users: skipped.\n")
            return
        }
        print("## A client beside another user's attacks\n")
        print("| attack | gets a second, alone | beside it | ratio | p99 ms, alone | beside it | ratio |\n|---|---|---|---|---|---|---|")
        let (names, _) = try await ChildProcess.output("./attack", [])
        for line in names.split(separator: "\n") {
            guard let name = line.split(separator: "\t").first else { continue }
            try await attack(String(name))
        }
        print("")
    }

    private func attack(_ name: String) async throws {
        let stage = try await Stage(pinned: false, objects: 5_000, allUsers: true)
        var alone: [[Double]] = []
        var beside: [[Double]] = []
        for _ in 0..<(quick ? 1 : 3) {
            alone.append(try await goodClient(stage))
            let attacker = try Stage.spawn(false, "/usr/bin/setpriv", Self.identity(Self.hostile) + ["./attack", name, stage.bus.address])
            // The attack is under way when a first client has come and gone beside it.
            _ = try await goodClient(stage)
            beside.append(try await goodClient(stage))
            try await attacker.killAndWait()
        }
        func middle(_ rounds: [[Double]], _ field: Int) -> Double { median(rounds.map { $0[field] }) }
        let rates = (middle(alone, 0), middle(beside, 0))
        let tails = (middle(alone, 1), middle(beside, 1))
        let figures = [rates.0, rates.1, rates.1 / rates.0, tails.0, tails.1, tails.1 / tails.0]
        print("| \(name) | \(figures.map(fixed).joined(separator: " | ")) |")
        print("ratio: attack-\(name)-rate \(fixed(rates.1 / rates.0))")
        print("ratio: attack-\(name)-p99 \(fixed(tails.1 / tails.0))")
        fflush(nil)
        try await stage.end()
    }

    private static func identity(_ uid: String) -> [String] { ["--reuid", uid, "--regid", uid, "--clear-groups"] }

    /// Gets a second, and the 99th percentile in milliseconds.
    private func goodClient(_ stage: Stage) async throws -> [Double] {
        let client = try Stage.spawn(
            false, "/usr/bin/setpriv", Self.identity(Self.good) + [Stage.program(), "good", stage.bus.address, quick ? "2" : "4"])
        let line = try await Stage.line(client, "the good client")
        let figures = line.split(separator: "\t").compactMap { Double($0) }
        guard figures.count == 2 else { throw BenchError("the good client said \(line)") }
        _ = try await client.waitForEnd()
        return figures
    }
}

/// One who does nothing but ask.
enum GoodClient {
    static func run(_ address: String, seconds: Int) async throws {
        let session = try await Session.connect(to: .address(address))
        let path = CIMObjectPath(className: "Bench_Thing", ["Handle": .string("7")])
        // The private connection comes over the bus, which the attack keeps busy: what is measured begins with it.
        let giveUp = Role.nanoseconds() + 20_000_000_000
        var quick = 0
        while quick < 3, Role.nanoseconds() < giveUp {
            let began = Role.nanoseconds()
            _ = try await session.getInstance(at: path)
            quick = Role.nanoseconds() - began < 50_000_000 ? quick + 1 : 0
        }
        var times: [UInt64] = []
        let start = Role.nanoseconds()
        let end = start + UInt64(seconds) * 1_000_000_000
        while Role.nanoseconds() < end {
            let began = Role.nanoseconds()
            _ = try await session.getInstance(at: path)
            times.append(Role.nanoseconds() - began)
        }
        let rate = Double(times.count) / (Double(Role.nanoseconds() - start) / 1e9)
        print("\(rate)\t\(Latency(times).microseconds(99) / 1_000)")
        await session.close()
    }
}
