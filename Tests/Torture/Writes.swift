import CIM
import CIMBusWire
import DBus
import Glibc
import SeededRandom
import Synchronization
import WireTestKit

/// The broker is killed again and again while clients write instances that it keeps. What it answered must be there when it is back; what it did not
/// answer may be there or not, and nothing else.
final class Writes {
    /// One instance, by the words of those who wrote it.
    private struct Kept {
        /// The text that was answered last; nil: it is not there.
        var answered: String?
        /// What was asked for since, without an answer: nil in it is a delete.
        var open: [String?] = []
    }

    private let options: Director.Options
    private let kills: Int
    private var generator: SeededGenerator
    private let folder: ServiceFolder
    private let bus: PrivateBus
    private let kept = Shared([String: Kept]())
    private let written = Shared(0)
    private static let writers = 4
    private static let className = "Torture_Note"

    init(kills: Int, _ options: Director.Options) async throws {
        self.kills = kills
        self.options = options
        generator = SeededGenerator(seed: options.seed)
        folder = try ServiceFolder()
        bus = try await PrivateBus.start(options.bus)
    }

    /// Whether nothing was lost.
    func run() async throws -> Bool {
        say("torture: seed \(options.seed), \(options.bus.rawValue), writes")
        var wrong = 0
        for kill in 0...kills {
            let broker = try await BrokerProcess.startPatiently(on: bus, ["--state", folder.path])
            let client = try await RawClient.connect(to: bus, transport: .bus)
            if kill == 0 { try await define(client) }
            for complaint in try await check(client) {
                wrong += 1
                say("torture: WRONG (seed \(options.seed)): after \(kill) kills: \(complaint)")
            }
            if kill == kills || wrong > 20 {
                broker.process.signal(SIGTERM)
                _ = try await broker.process.waitForEnd()
                break
            }
            let seeds = (0..<Self.writers).map { _ in generator.next() }
            let pause = Duration.microseconds(generator.below(120_000))
            let (kept, written) = (kept, written)
            try await withThrowingTaskGroup { group in
                for (writer, seed) in seeds.enumerated() {
                    group.addTask { await Self.write(client, writer, SeededGenerator(seed: seed), kept, written) }
                }
                group.addTask {
                    try await Task.sleep(for: pause)
                    try await broker.process.killAndWait()
                }
                try await group.waitForAll()
            }
            await client.close()
            if kill % 100 == 99 { say("torture: \(kill + 1) kills, \(written.value.withLock { $0 }) answered writes") }
        }
        let count = written.value.withLock { $0 }
        say("torture: \(count) answered writes, \(kills) kills, \(wrong) wrong")
        return wrong == 0
    }

    private func define(_ client: RawClient) async throws {
        let mof = "class \(Self.className) { [key] string Name; string Text; };"
        let reply = try await client.call(
            Contract.rootPath, Contract.mofCompiler, "CompileBuffer",
            [.string(mof), .string("root/cimv2"), .int32(0), .int32(0), .int32(0)])
        guard reply.count > 1, reply[1].integer() == 0 as UInt32? else { throw ProcessError(description: "the class is refused: \(reply)") }
    }

    /// Writes until the broker is gone.
    private static func write(
        _ client: RawClient, _ writer: Int, _ seed: SeededGenerator, _ kept: Shared<[String: Kept]>, _ written: Shared<Int>
    ) async {
        var generator = seed
        while true {
            let name = "\(writer)-\(generator.below(50))"
            let isThere = kept.value.withLock { $0[name]?.answered != nil }
            let text: String? = isThere && generator.chance(20) ? nil : "\(generator.next())"
            kept.value.withLock { $0[name, default: Kept()].open.append(text) }
            let operation: RawOperation =
                text.map { .put([("__CLASS", .string(className)), ("Name", .string(name)), ("Text", .string($0))]) }
                ?? .delete("\(className).Name=\"\(name)\"")
            guard let result = try? await client.run(operation), result.status == .noError else { return }
            kept.value.withLock { $0[name] = Kept(answered: text) }
            written.value.withLock { $0 += 1 }
        }
    }

    /// What is there, compared with what was answered. It is what counts from now on.
    private func check(_ client: RawClient) async throws -> [String] {
        let result = try await client.run(.enumerate(Self.className), within: .seconds(30))
        guard result.status == .noError else { return ["the instances cannot be read: \(result.status.hex) \(result.message)"] }
        var there: [String: String] = [:]
        for object in result.objects { there[object["Name"]?.text ?? ""] = object["Text"]?.text ?? "" }
        return kept.value.withLock { kept in
            var complaints: [String] = []
            for name in Set(kept.keys).union(there.keys).sorted() {
                let known = kept[name] ?? Kept()
                let found = there[name]
                if found != known.answered, !known.open.contains(found) {
                    complaints.append("\(name) is \(found ?? "not there"), and was answered as \(known.answered ?? "not there")")
                }
                kept[name] = Kept(answered: found)
            }
            return complaints
        }
    }
}
