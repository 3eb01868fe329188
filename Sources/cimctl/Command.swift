import ArgumentParser
import CIMBusClient
import DBus
import Dispatch
import Glibc
import SystemPackage

/// A command of the command line.
protocol Program: AsyncParsableCommand {
    /// Does it. What it throws is reported, and makes the exit status 1; a `ValidationError` 64.
    func perform(_ output: inout Output) async throws
    /// What to do after this command failed so; nil where it is the same for all commands.
    func advice(after status: WBEMStatus) -> String?
    /// Where its broker is.
    var busAddress: BusAddress { get }
}

extension Program {
    func advice(after status: WBEMStatus) -> String? { nil }

    func run() async throws {
        let program = UncheckedCommand(self)
        let work = Task(executorPreference: commandThread) { () -> Outcome in
            var output = Output()
            do {
                try await program.value.perform(&output)
                try output.flush()
                return .done
            } catch let error as CIMError {
                try? output.flush()
                return .failed(error)
            } catch is Output.NobodyReads {
                return .done
            } catch let error as ValidationError {
                return .mistaken(error.message)
            } catch {
                return .failed(CIMError(.failed, "\(error)"))
            }
        }
        let interruption = Interruption { work.cancel() }
        defer { interruption.stop() }
        switch await work.value {
        case .done: return
        case .mistaken(let message):
            StandardError.write(UsageReport.text(message, for: Self.self))
            throw ExitCode.validationFailure
        case .failed(let error):
            let advice = (error.cause as? Advice)?.text ?? advice(after: error.status)
            StandardError.write(FailureReport(error, on: busAddress, advice: advice).text)
            throw ExitCode(1)
        }
    }
}

/// A command that talks to the broker, and does nothing without one.
protocol Command: Program {
    var options: CommandOptions { get }
    func run(_ session: Session, _ output: inout Output) async throws
}

extension Command {
    var busAddress: BusAddress { options.busAddress }

    func perform(_ output: inout Output) async throws {
        let session = try await options.connect()
        try await run(session, &output)
        try output.flush()
        await session.close()
    }
}

/// Where commands run. What they read and write may block for as long as the other end likes; the threads that Swift's tasks share, as few as the
/// machine has processors, go on meanwhile.
private let commandThread = EventLoop(name: "command")

private enum Outcome: Sendable {
    case done
    case failed(CIMError)
    case mistaken(String)
}

/// `@unchecked Sendable`: parsed arguments are never changed after parsing, and one task reads them.
private struct UncheckedCommand<Value>: @unchecked Sendable {
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
