import CIM
import CIMBusClient
import Glibc
import WireTestKit

/// A bus with a broker, an adopter of one mapping, and a client.
struct AdopterStage {
    let bus: PrivateBus
    let broker: BrokerProcess
    let session: Session
    let adopter: ChildProcess
    private let folder: MappingFolder

    /// - Parameters:
    ///   - mof: the mapping.
    ///   - prepare: brings what the broker has before the adopter starts.
    init(_ mof: String, prepare: (Session) async throws -> Void = { _ in }) async throws {
        bus = try await PrivateBus.start()
        broker = try await BrokerProcess.start(on: bus)
        session = try await Session.connect(to: .address(bus.address))
        try await prepare(session)
        folder = try MappingFolder(["test.mof": mof])
        adopter = try await Self.start(on: bus, folder)
    }

    /// Starts an adopter, and waits until it serves.
    private static func start(on bus: PrivateBus, _ folder: MappingFolder) async throws -> ChildProcess {
        let adopter = try ChildProcess(
            "/bin/sh",
            ["-c", "exec \"$0\" \"$@\" 2>&1", BuildFolder.path(of: "cimbus-adopter"), "--address", bus.address, "--adopt", folder.path])
        let lines = adopter.lines
        try await withDeadline(.seconds(20), "the adopter to register") {
            for await line in lines where line.contains("are served") { return }
            throw ProcessError(description: "the adopter ended")
        }
        return adopter
    }

    func query(_ text: String) async throws -> [CIMInstance] {
        var rows: [CIMInstance] = []
        for try await row in session.execQuery(text) { rows.append(row) }
        return rows
    }

    /// The most that the adopter has had in memory, in KiB.
    var adopterPeak: Int {
        get throws {
            guard let file = fopen("/proc/\(adopter.processID)/status", "r") else { throw ProcessError(description: "the adopter is gone") }
            defer { fclose(file) }
            var line = [CChar](repeating: 0, count: 256)
            while fgets(&line, 256, file) != nil {
                let text = line.withUnsafeBufferPointer {
                    String(decoding: $0.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                }
                if text.hasPrefix("VmHWM:"), let number = Int(text.filter(\.isNumber)) { return number }
            }
            throw ProcessError(description: "no VmHWM")
        }
    }
}
