import CIM
import CIMBusClient
import Synchronization

/// The connection to the broker, which is made while the words of the command line are parsed: the one waits for other processes, the other for nobody.
enum EarlyConnection {
    private static let begun = Mutex<(address: BusAddress, session: Task<Result<Session, CIMError>, Never>)?>(nil)

    /// Begins to connect to the bus that the words of a verb name. Does nothing where they ask for help, or for the brokers of other machines.
    static func begin(_ words: [String]) {
        guard let verb = words.first, UsageReport.command(at: [verb])?.configuration.isVerb == true, let address = address(in: words) else {
            return
        }
        let session = Task { () async -> Result<Session, CIMError> in
            do throws(CIMError) { return .success(try await Session.connect(to: address)) } catch { return .failure(error) }
        }
        begun.withLock { $0 = (address, session) }
    }

    /// The bus, as far as one can tell before the words are parsed; nil where none is asked, or another than they seem to name.
    static func address(in words: [String]) -> BusAddress? {
        var address: String?
        var choice: BusChoice?
        for (position, word) in words.enumerated() {
            if word.hasPrefix("-H") || word == "-h"
                || ["--host", "--help", "--version", "--generate-", "--experimental-"].contains(where: word.hasPrefix)
            {
                return nil
            }
            if word == "--address" { address = words.dropFirst(position + 1).first }
            if word.hasPrefix("--address=") { address = String(word.dropFirst("--address=".count)) }
            if word == "--system" { choice = .system }
            if word == "--session" { choice = .session }
        }
        let bus = BusChoice.address(address, choice)
        if case .address(let text) = bus, !text.contains(":") { return nil }
        return bus
    }

    /// Where a connection to this bus was begun: its session, once; or why there is none.
    static func session(at address: BusAddress) async throws(CIMError) -> Session? {
        let found = begun.withLock { begun in
            defer { begun = nil }
            return begun
        }
        guard let found, found.address == address else { return nil }
        return try await withTaskCancellationHandler {
            await found.session.value
        } onCancel: {
            found.session.cancel()
        }.get()
    }
}
