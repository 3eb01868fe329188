import CIM
import CIMBusWire
import DBus

/// What a permanent subscription's events go to (Semantics J.4).
protocol EventConsumer: Sendable {
    /// Takes one event. The next comes when it returns.
    /// - Parameter lost: how many were lost right before it.
    func consume(_ event: CIMInstance, lost: UInt64) async throws(CIMError)
}

/// A connection to the bus that consumers alone use: what they send, and how long others take to answer, holds up nothing else of the broker's.
actor ConsumersConnection {
    private let address: BusAddress
    private let loop: EventLoop
    private var open: Connection?

    init(_ address: BusAddress, on loop: EventLoop) {
        self.address = address
        self.loop = loop
    }

    /// The connection, which is made anew where the bus has dropped it.
    func callAsFunction() async throws(DBusError) -> Connection {
        if let open { return open }
        let new = try await Connection.connect(to: address, on: loop)
        // Another consumer may have been faster.
        if let open {
            await new.close()
            return open
        }
        open = new
        new.onDisconnected { [weak self] _ in Task { await self?.forget() } }
        return new
    }

    private func forget() { open = nil }

    func close() async { await open?.close() }
}

/// Writes a line to a file (`LogFileEventConsumer`).
struct LogFileConsumer: EventConsumer {
    let file: EventLogFile
    let template: EventTemplate

    func consume(_ event: CIMInstance, lost: UInt64) async throws(CIMError) {
        if lost > 0 { try await file.write("(\(lost) events were lost here)") }
        // A value with lines would be taken for lines of others.
        try await file.write(template.text(of: event).oneLine)
    }
}

/// Writes an entry to the journal (`CIMBus_JournalEventConsumer`).
struct JournalConsumer: EventConsumer {
    let journal: JournalSocket
    let name: String
    let identifier: String
    let priority: UInt8
    let template: EventTemplate

    func consume(_ event: CIMInstance, lost: UInt64) async throws(CIMError) {
        var fields = [
            ("MESSAGE", template.text(of: event).printableLines), ("PRIORITY", String(priority)), ("SYSLOG_IDENTIFIER", identifier),
            ("CIMBUS_CONSUMER", name.oneLine), ("CIMBUS_CLASS", event.className),
        ]
        if lost > 0 { fields.append(("CIMBUS_EVENTS_LOST", String(lost))) }
        try journal.send(fields)
    }
}

/// Emits a signal (`CIMBus_SignalEventConsumer`).
struct SignalConsumer: EventConsumer {
    let connection: ConsumersConnection
    let name: String
    let path: ObjectPath
    let interface: InterfaceName
    let member: MemberName
    /// Who gets it; nil: whoever listens on the bus.
    let destination: BusName?

    func consume(_ event: CIMInstance, lost: UInt64) async throws(CIMError) {
        do throws(DBusError) {
            let connection = try await connection()
            try await connection.send(
                try Message.signal(
                    destination: destination, path: path, interface: interface, member: member,
                    values: [.string(name), DBusValue(instance: event), .uint64(lost)]))
            // The next one follows when the bus has read this one.
            _ = try await connection.call(
                try Message.methodCall(
                    destination: BusName(verified: "org.freedesktop.DBus"), path: ObjectPath(verified: "/org/freedesktop/DBus"),
                    interface: InterfaceName(verified: "org.freedesktop.DBus.Peer"), member: MemberName(verified: "Ping"), values: []))
        } catch {
            throw CIMError(.transportFailure, "the signal \(interface).\(member) cannot be sent: \(error.message)")
        }
    }
}

/// Starts a unit of systemd (`CIMBus_UnitEventConsumer`).
struct UnitConsumer: EventConsumer {
    let connection: ConsumersConnection
    let template: EventTemplate
    let mode: String

    private static let patience = Duration.seconds(25)

    func consume(_ event: CIMInstance, lost: UInt64) async throws(CIMError) {
        let unit = template.text(of: event, escape: Self.escaped)
        do throws(DBusError) {
            let call = try Message.methodCall(
                destination: BusName(verified: "org.freedesktop.systemd1"), path: ObjectPath(verified: "/org/freedesktop/systemd1"),
                interface: InterfaceName(verified: "org.freedesktop.systemd1.Manager"), member: MemberName(verified: "StartUnit"),
                values: [.string(unit), .string(mode)])
            _ = try await connection().call(call, timeout: Self.patience)
        } catch {
            throw CIMError(.failed, "unit \(unit.clipped(255)) is not started: \(error.message)")
        }
    }

    /// As `systemd-escape` writes a text, so that it is one part of a unit's name whatever is in it.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for (index, byte) in text.utf8.enumerated() {
            switch byte {
            case UInt8(ascii: "/"): escaped += "-"
            case UInt8(ascii: "."):
                escaped += index == 0 ? "\\x2e" : "."
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: ":"), UInt8(ascii: "_"):
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16)
                escaped += "\\x" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return escaped
    }
}
