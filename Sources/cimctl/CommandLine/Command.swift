import ArgumentParser
import CIMBusClient
import DBus
import Dispatch
import Glibc
import SystemPackage

/// A command of the command line.
protocol Program: AsyncParsableCommand {
    /// Does it. What it throws is reported, and makes the exit status that its kind has; a `ValidationError` 64.
    func perform(_ output: inout Output) async throws
    /// What to do after this command failed so; nil where it is the same for all commands.
    func advice(after status: WBEMStatus) -> String?
    /// Where its broker is.
    var busAddress: BusAddress { get }
    var style: OutputStyle { get }
    /// Where a failure happened, beside the bus.
    var place: FailureReport.Place { get }
}

extension Program {
    /// The name, which is one word where the configuration has none. The library has the type printed as any value may be, which takes longer than all
    /// else that it does for a command line.
    static var _commandName: String { configuration.commandName ?? _typeName(Self.self, qualified: false).lowercased() }

    func advice(after status: WBEMStatus) -> String? { nil }
    var style: OutputStyle { OutputStyle() }
    var place: FailureReport.Place { FailureReport.Place(command: UsageReport.name(of: Self.self)) }

    func run() async throws {
        let status = await execute { program, output in try await program.perform(&output) }
        if status != .done { throw status.code }
    }

    /// Does `body` for this command, writes what it says, and reports how it fails.
    func execute(_ body: @escaping @Sendable (Self, inout Output) async throws -> Void) async -> ExitStatus {
        let program = UncheckedCommand(self)
        let style = style
        let work = Task(executorPreference: commandThread) { () -> Outcome in
            var output = Output(style)
            do {
                try await body(program.value, &output)
                try output.finish()
                return .done
            } catch {
                try? output.breakRows()
                try? output.finish()
                return Outcome(error)
            }
        }
        let interruption = Interruption { work.cancel() }
        defer { interruption.stop() }
        return report(await work.value)
    }

    private func report(_ outcome: Outcome) -> ExitStatus {
        switch outcome {
        case .done: return .done
        case .reported(let status): return status
        case .mistaken(let message):
            StandardError.write(UsageReport.text(message, for: Self.self, isJSON: style.format.isJSON))
            return .usage
        case .failed(let error):
            let advice = (error.cause as? Advice)?.text ?? advice(after: error.status)
            let report = FailureReport(error, on: busAddress, advice: advice)
            StandardError.write(style.format.isJSON ? report.json(place) : report.text)
            return ExitStatus(error)
        }
    }
}

/// A command that talks to the broker, and does nothing without one.
protocol Command: Program {
    var options: CommandOptions { get }
    func run(_ session: Session, _ output: inout Output) async throws
    /// Whether it only shows what there is: then it may be done again and again, and its output may be long.
    static var onlyShows: Bool { get }
    /// Whether it goes on until it is interrupted.
    static var isEndless: Bool { get }
    /// The classes that the user named: which one is misspelt, where one is not there.
    var namedClasses: [String] { get }
}

extension Command {
    static var onlyShows: Bool { true }
    static var isEndless: Bool { false }
    var namedClasses: [String] { [] }
    var busAddress: BusAddress { options.busAddress }
    var style: OutputStyle { options.style(isPaged: Self.onlyShows && !Self.isEndless) }
    var place: FailureReport.Place {
        FailureReport.Place(command: UsageReport.name(of: Self.self), namespace: options.namespaceName)
    }

    func perform(_ output: inout Output) async throws {
        if options.watch != nil, !Self.onlyShows || Self.isEndless {
            throw ValidationError("--watch is for commands that only show something")
        }
        guard options.hosts.isEmpty else { return try await HostRun(options).perform(self, &output) }
        let session = try await options.connect()
        try await repeatedly(session, &output)
        await session.close()
    }

    /// Once, or for `--watch` until it is interrupted.
    func repeatedly(_ session: Session, _ output: inout Output) async throws {
        try await helpfully(session, &output)
        try output.flush()
        guard let seconds = options.watch else { return }
        while true {
            try await Self.pause(seconds)
            if style.format == .table || style.format == .list, style.terminalWidth != nil { try output.write("\u{1B}[H\u{1B}[2J") }
            try await helpfully(session, &output)
            try output.flush()
        }
    }

    private static func pause(_ seconds: Double) async throws(CIMError) {
        do { try await Task.sleep(for: .seconds(seconds)) } catch { throw CIMError(.callCancelled, "it was interrupted") }
    }

    /// Runs it; where a name is not there, the failure says which one may have been meant.
    func helpfully(_ session: Session, _ output: inout Output) async throws {
        do {
            try await run(session, &output)
        } catch let error as CIMError {
            guard let question = await question(about: error, session) else { throw error }
            let advice = (error.cause as? Advice)?.text ?? advice(after: error.status) ?? FailureAdvice.text(for: error, on: busAddress)
            throw CIMError(
                error.status, error.message, extendedStatus: error.extendedStatus, cause: Advice(text: "\(question) \(advice)"))
        }
    }

    /// A failure is no reason to wait for long.
    private static var patience: Duration { .seconds(2) }

    private func question(about error: CIMError, _ session: Session) async -> String? {
        switch error.status {
        case .invalidNamespace:
            var broker = session.broker
            broker.timeout = Self.patience
            guard let names = try? await broker.namespaces().map(\.text) else { return nil }
            return Suggestion.question(for: options.namespace, among: names)
        case .invalidClass, .notFound:
            if namedClasses.isEmpty { return nil }
            let all = session.enumerateClasses(options: OperationOptions(timeout: Self.patience))
            guard let names = try? await all.collected().map(\.name) else { return nil }
            let known = Set(names.map { CIMName($0) })
            for name in namedClasses where !known.contains(CIMName(name)) {
                if let question = Suggestion.question(for: name, among: names) { return question }
            }
            return nil
        default: return nil
        }
    }
}

/// Where commands run. What they read and write may block for as long as the other end likes; the threads that Swift's tasks share, as few as the
/// machine has processors, go on meanwhile.
let commandThread = EventLoop(name: "command")

/// Where the shell waits for the next line.
let shellThread = EventLoop(name: "shell")

/// How a command went.
enum Outcome: Sendable {
    case done
    case failed(CIMError)
    case mistaken(String)
    /// It was said already what failed.
    case reported(ExitStatus)

    init(_ error: any Error) {
        switch error {
        case let error as CIMError: self = .failed(error)
        case is Output.NobodyReads: self = .done
        case let error as ValidationError: self = .mistaken(error.message)
        case let error as Reported: self = .reported(error.status)
        default: self = .failed(CIMError(.failed, "\(error)"))
        }
    }
}

/// What failed was said already; this is the exit status.
struct Reported: Error {
    let status: ExitStatus
}

/// `@unchecked Sendable`: parsed arguments are never changed after parsing, and tasks only read them.
struct UncheckedCommand<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}

/// Ctrl-C and a polite kill cancel the operation; a second one kills as usual.
final class Interruption {
    private var sources: [any DispatchSourceSignal] = []

    init(_ cancel: @escaping @Sendable () -> Void) {
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                signal(number, SIG_DFL)
                cancel()
            }
            source.activate()
            sources.append(source)
        }
    }

    func stop() { for source in sources { source.cancel() } }
}

enum StandardError {
    static func write(_ text: String) {
        // Where it is closed there is nobody to tell.
        _ = try? FileDescriptor.standardError.writeAll(text.utf8)
    }
}
