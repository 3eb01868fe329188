import ArgumentParser
import CIMBusClient
import Dispatch
import Glibc

/// A command that talks to the broker.
protocol Command: AsyncParsableCommand {
    var options: CommandOptions { get }
    /// Does it. What it throws is reported, and makes the exit status 1; a `ValidationError` 64.
    func run(_ session: Session, _ output: inout Output) async throws
    /// What to do after this command failed so; nil where it is the same for all commands.
    static func advice(after status: WBEMStatus) -> String?
}

extension Command {
    static func advice(after status: WBEMStatus) -> String? { nil }

    func run() async throws {
        let options = options
        let command = UncheckedCommand(self)
        let work = Task { () -> Outcome in
            var output = Output()
            do {
                let session = try await options.connect()
                try await command.value.run(session, &output)
                try output.flush()
                await session.close()
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
        case .mistaken(let message): throw ValidationError(message)
        case .failed(let error):
            let advice = Self.advice(after: error.status)
            StandardError.write(FailureReport(error, brokerCommand: options.brokerCommand, advice: advice).text)
            throw ExitCode(1)
        }
    }
}

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
        var text = text
        text.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
