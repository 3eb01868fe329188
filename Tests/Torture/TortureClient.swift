import CIM
import DBus
import Glibc
import SeededRandom
import Synchronization
import WireTestKit

/// One client, in a process of its own. It starts operations until SIGTERM, waits for the ends of those that are open, and ends.
///
/// Now and then it prints `began N`, so many operations were accepted, and `ended STATUS N` for each way to end; `wrong TEXT`; and at last
/// `drained N`.
final class TortureClient: Sendable {
    fileprivate struct State {
        var generator: SeededGenerator
        var number = 0
        var accepted = 0
        var ends: [String: Int] = [:]
        /// Under way, by number.
        var open: [Int: String] = [:]
    }

    private static let isAsked = Atomic<Bool>(false)
    /// Operations at once.
    private static let width = 6
    private let address: String
    private let isPrivate: Bool
    private let classes: [String]
    private let state: Mutex<State>

    static func main(_ arguments: [String]) async throws {
        signal(SIGTERM) { _ in TortureClient.isAsked.store(true, ordering: .relaxed) }
        let client = TortureClient(arguments[0], UInt64(arguments[1]) ?? 0, isPrivate: arguments[2] == "private", Array(arguments[3...]))
        await client.run()
    }

    private init(_ address: String, _ seed: UInt64, isPrivate: Bool, _ classes: [String]) {
        self.address = address
        self.isPrivate = isPrivate
        self.classes = classes
        state = Mutex(State(generator: SeededGenerator(seed: seed)))
    }

    private var isAsked: Bool { Self.isAsked.load(ordering: .relaxed) }

    private func run() async {
        let telling = Task {
            while true {
                try await Task.sleep(for: .seconds(10))
                if isAsked { say("waits \(state.withLock { $0.open.values.sorted().joined(separator: "; ") })") }
            }
        }
        defer { telling.cancel() }
        while !isAsked {
            let caller = try? await Caller.connect(to: address, isPrivate: isPrivate) { say("wrong \($0)") }
            guard let caller else {
                // There is no bus, or no broker.
                try? await Task.sleep(for: .milliseconds(20))
                continue
            }
            await withTaskGroup { group in
                for _ in 0..<Self.width { group.addTask { await self.work(caller) } }
            }
            await caller.connection.close()
        }
        report()
        say("drained \(state.withLock { $0.accepted })")
    }

    /// Says what has become of operations since the last time.
    private func report() {
        let ends = state.withLock { state in
            defer { state.ends = [:] }
            return state.ends
        }
        for (end, count) in ends.sorted(by: { $0.key < $1.key }) { say("ended \(end) \(count)") }
    }

    private func work(_ caller: Caller) async {
        while !isAsked, !caller.isOver {
            let (request, cancelsAfter) = state.withLock { state in
                let next = state.next(classes)
                state.open[next.0.number] = next.0.description
                return next
            }
            let end = await caller.run(request, cancelsAfter: cancelsAfter)
            state.withLock { $0.open[request.number] = nil }
            let accepted = state.withLock { state -> Int? in
                let name: String =
                    switch end {
                    case .status(let status)?: status == .noError ? "success" : status.errorName ?? status.hex
                    case .lost?: "lost"
                    case nil: "refused"
                    }
                state.ends[name, default: 0] += 1
                guard end != nil else { return nil }
                state.accepted += 1
                return state.accepted
            }
            guard let accepted else {
                // A quota, perhaps: room comes with time.
                try? await Task.sleep(for: .milliseconds(20))
                continue
            }
            // Nobody serves the class just now: to ask again at once shows nothing.
            if case .status(let status)? = end, [.providerLoadFailure, .providerNotFound, .invalidClass].contains(status) {
                try? await Task.sleep(for: .milliseconds(100))
            }
            if accepted % 20 == 0 {
                say("began \(accepted)")
                report()
            }
        }
    }
}

extension TortureClient.State {
    /// Ways of a provider to misbehave; some of them are its death.
    private static let scripts = [
        "healthy", "healthy-long", "not-found", "failed-reply", "crash-before-reply", "crash-after-reply", "crash-between-indicates",
        "crash-after-status", "crash-after-release", "exit", "stop", "stop-before-reply", "leave", "reply-without-status", "silent",
        "release-without-status", "status-twice", "indicate-after-status", "indicate-after-end", "foreign", "unknown-sink",
        "transfer-and-die",
        "leak", "release-before-reply", "release-too-often", "flood", "indicate-without-reply", "never", "misfit", "deep", "progress",
    ]

    fileprivate mutating func next(_ classes: [String]) -> (WatchedRequest, Duration?) {
        number += 1
        let className = generator.pick(classes)
        let misbehaves = className.hasPrefix("Faulty")
        var script: String?
        // Half of what is asked of such a provider is what it can do: else it lives for no longer than a few calls.
        if misbehaves { script = generator.chance(50) ? "healthy-long" : generator.pick(Self.scripts) }
        let kind: WatchedRequest.Kind =
            switch generator.below(4) {
            case 0, 1: .enumerate
            case 2: .get(key: misbehaves ? "healthy" : "n\(generator.below(TortureProvider.count))")
            default: .invoke(word: "word \(number) of \(getpid())")
            }
        let request = WatchedRequest(
            kind: kind, className: className, script: script, form: generator.pick(CallForm.allCases), number: number)
        return (request, generator.chance(10) ? .milliseconds(generator.below(30)) : nil)
    }
}
