import CIM
import CIMBusWire
import DBus

/// The figures of a broker (`org.cimbus1.Broker`).
public struct BrokerFigures: Hashable, Sendable {
    public var version: String
    public var namespaces: [String]
    public var openOperations: UInt32
    public var sinkReferences: UInt32
    public var registrations: UInt32
    public var counters: [String: UInt64]
}

/// An operation, as the broker lists it (`org.cimbus1.Operation`).
public struct OperationSummary: Hashable, Sendable {
    public var id: UInt64
    /// The Services method without its suffix.
    public var kind: String
    public var namespace: String
    /// The class or the path.
    public var target: String
    /// The client's unique name.
    public var client: String
    public var clientUserID: UInt32
    /// queued, running, status-seen or ended.
    public var state: String
    public var objectsDelivered: UInt64
    /// In µs; the clock is the broker's.
    public var started: UInt64
    /// Of a semisync operation: the bytes of the objects that wait to be pulled.
    public var bufferedBytes: UInt64
    /// How it ended; success while it is open.
    public var status: WBEMStatus
    /// Who holds its service sink: unique names, and how many references.
    public var references: [Reference] = []

    public struct Reference: Hashable, Sendable {
        public var owner: String
        public var count: UInt32
    }
}

/// A step on the way of an operation (`org.cimbus1.Broker.Trace`).
public struct OperationStep: Hashable, Sendable {
    /// Microseconds since 1970.
    public var time: UInt64
    /// What happened, such as `called` or `ended`.
    public var name: String
    /// More about it, by name, as text.
    public var details: [String: String]
}

/// How much a user has of something that is bounded (`org.cimbus1.Broker.ListQuotas`).
public struct QuotaSummary: Hashable, Sendable {
    /// Such as `operations`.
    public var bound: String
    /// Nil: all users but root together.
    public var userID: UInt32?
    public var used: UInt64
    public var most: UInt64
}

/// A provider's registration (`org.cimbus1.Registration`).
public struct RegistrationSummary: Hashable, Sendable {
    public var name: String
    public var namespace: String
    /// The unique name of the provider's process; empty when the provider is not running.
    public var owner: String
    public var processID: UInt32
    public var userID: UInt32
    public var classes: [String]
    /// running, losing-replies, suspended, unresponsive or absent.
    public var state: String
    public var openOperations: UInt32
    public var sinkReferences: UInt32
    public var counters: [String: UInt64]
    public var lastFailure: String
    /// What the broker found strange in the registration, such as a class that names another provider.
    public var warnings: [String]
}

/// What somebody may (`org.cimbus1.Broker.CheckRights`).
public struct RightsSummary: Hashable, Sendable {
    /// The rights as WMI numbers them (Semantics D.9.1).
    public var rawValue: UInt32
    /// One line for each right: whether it is there, and which rule says so.
    public var reasons: [String]
}

/// The broker as a whole: its figures, its operations and its providers. Each call asks the broker anew.
///
/// A call throws TransportFailure while there is no broker, and TimedOut when the broker does not answer within ``timeout``.
public struct BrokerAdministration: Sendable {
    let link: BrokerLink

    /// How long each call may take.
    public var timeout = Duration.seconds(25)

    init(link: BrokerLink) { self.link = link }

    /// The broker's properties.
    public func figures() async throws(CIMError) -> BrokerFigures {
        let values = try await call(
            Contract.rootPath, .properties, "GetAll", [.string(Contract.broker.text)])
        let fields = values.first?.stringDictionary ?? [:]
        return BrokerFigures(
            version: fields.text("Version"), namespaces: fields.texts("Namespaces"), openOperations: fields.number("OpenOperations"),
            sinkReferences: fields.number("SinkReferences"), registrations: fields.number("Registrations"),
            counters: fields.counters("Counters"))
    }

    /// The id of the machine that the broker is on, 32 hexadecimal digits, as its `/etc/machine-id` has it (`org.freedesktop.DBus.Peer`).
    ///
    /// Throws TransportFailure where there is no broker, or where its answer cannot be read.
    public func machineID() async throws(CIMError) -> String {
        guard let id = try await call(Contract.rootPath, .peer, "GetMachineId", []).first?.text else {
            throw CIMError(.transportFailure, "the broker's answer to GetMachineId cannot be read")
        }
        return id
    }

    /// Every namespace of the broker, ordered by name.
    public func namespaces() async throws(CIMError) -> [CIMNamespaceName] {
        try await figures().namespaces.compactMap { CIMNamespaceName($0) }.sorted { $0.text < $1.text }
    }

    /// The open operations of this user. Root sees everybody's.
    public func listOperations() async throws(CIMError) -> [OperationSummary] { try await operations("ListOperations") }

    /// The semisync operations of this user that have ended, and whose results the broker still keeps. Root sees everybody's.
    public func listFinishedOperations() async throws(CIMError) -> [OperationSummary] { try await operations("ListFinishedOperations") }

    private func operations(_ member: String) async throws(CIMError) -> [OperationSummary] {
        let values = try await call(Contract.rootPath, Contract.broker, member, [])
        return (values.first?.elements ?? []).compactMap { entry in
            guard let parts = entry.elements, parts.count == 2, let path = parts[0].text, let fields = parts[1].stringDictionary else {
                return nil
            }
            let id = fields["ID"]?.integer(UInt64.self) ?? Contract.number(in: path, below: Contract.operationsPath) ?? 0
            return OperationSummary(
                id: id, kind: fields.text("Kind"), namespace: fields.text("Namespace"), target: fields.text("Target"),
                client: fields.text("Client"), clientUserID: fields.number("ClientUID"), state: fields.text("State"),
                objectsDelivered: fields.number("ObjectsDelivered"), started: fields.number("StartedUSec"),
                bufferedBytes: fields.number("BufferedBytes"), status: WBEMStatus(rawValue: fields.number("Status")),
                references: Self.references(fields["References"]))
        }
    }

    private static func references(_ value: DBusValue?) -> [OperationSummary.Reference] {
        (value?.elements ?? []).compactMap { reference in
            guard let parts = reference.elements, parts.count == 3, let owner = parts[1].text, let count: UInt32 = parts[2].integer() else {
                return nil
            }
            return OperationSummary.Reference(owner: owner, count: count)
        }
    }

    /// What has happened to an operation of this user, or for root of anybody, in order. Throws NotFound where it is not open, and did not end
    /// within the last 5 minutes or is not among the last of its user's.
    public func trace(_ id: UInt64) async throws(CIMError) -> [OperationStep] {
        let values = try await call(Contract.rootPath, Contract.broker, "Trace", [.uint64(id)])
        return (values.first?.elements ?? []).compactMap { step in
            guard let parts = step.elements, parts.count == 3, let time: UInt64 = parts[0].integer(), let name = parts[1].text else {
                return nil
            }
            let details = (parts[2].stringDictionary ?? [:]).mapValues { value in
                value.text ?? value.integer(Int64.self).map { "\($0)" } ?? value.integer(UInt64.self).map { "\($0)" } ?? "?"
            }
            return OperationStep(time: time, name: name, details: details)
        }
    }

    /// What this user has of each bound that the user has anything of; for root, what every user has, and all but root together.
    public func quotas() async throws(CIMError) -> [QuotaSummary] {
        let values = try await call(Contract.rootPath, Contract.broker, "ListQuotas", [])
        return (values.first?.elements ?? []).compactMap { quota in
            guard let parts = quota.elements, parts.count == 4, let bound = parts[0].text, let uid: UInt32 = parts[1].integer(),
                let used: UInt64 = parts[2].integer(), let most: UInt64 = parts[3].integer()
            else { return nil }
            return QuotaSummary(bound: bound, userID: uid == .max ? nil : uid, used: used, most: most)
        }
    }

    /// What the broker counts, as text in the format of OpenMetrics (`Broker.GetMetrics`).
    public func metrics() async throws(CIMError) -> String {
        try await call(Contract.rootPath, Contract.broker, "GetMetrics", []).first?.text ?? ""
    }

    /// Every provider that the broker knows, running or not, ordered by name.
    public func registrations() async throws(CIMError) -> [RegistrationSummary] {
        let values = try await call(Contract.rootPath, .objectManager, "GetManagedObjects", [])
        guard case .array(_, let objects)? = values.first else { return [] }
        var summaries: [RegistrationSummary] = []
        for case .dictEntry(_, let interfaces) in objects {
            guard let fields = interfaces.stringDictionary?[Contract.registration.text]?.stringDictionary else { continue }
            summaries.append(
                RegistrationSummary(
                    name: fields.text("Name"), namespace: fields.text("Namespace"), owner: fields.text("Owner"),
                    processID: fields.number("ProcessID"), userID: fields.number("UserID"), classes: fields.texts("Classes"),
                    state: fields.text("State"), openOperations: fields.number("OpenOperations"),
                    sinkReferences: fields.number("SinkReferences"), counters: fields.counters("Counters"),
                    lastFailure: fields.text("LastFailure"), warnings: fields.texts("Warnings")))
        }
        return summaries.sorted { ($0.name, $0.namespace) < ($1.name, $1.namespace) }
    }

    /// Cancels an operation of this user. Root may cancel anybody's. Throws NotFound when no open operation has that number, or when this
    /// user may not see it.
    public func cancelOperation(_ id: UInt64) async throws(CIMError) {
        do throws(CIMError) {
            _ = try await call(Contract.path(ofOperation: id), Contract.operation, "Cancel", [])
        } catch  where error.status == .notFound {
            throw CIMError(.notFound, "no operation \(id) is open, or none of yours; list them", cause: error)
        }
    }

    // MARK: Rights

    /// What somebody may, of a namespace, or of a class or a method of it.
    ///
    /// Throws AccessDenied where this user asks about another and has not the right ReadSecurity, InvalidParameter for a principal that is none,
    /// InvalidNamespace.
    /// - Parameters:
    ///   - principal: `user:NAME`, `user:UID`, `group:NAME`, `group:GID` or `everyone`; nil: this user.
    ///   - className: nil: what is of no class.
    public func rights(
        of principal: String? = nil, in namespace: CIMNamespaceName = .cimv2, className: String? = nil, method: String? = nil
    ) async throws(CIMError) -> RightsSummary {
        let values = try await call(
            Contract.rootPath, Contract.broker, "CheckRights",
            [.string(principal ?? ""), .string(namespace.text), .string(className ?? ""), .string(method ?? "")])
        guard values.count == 2, let bits: UInt32 = values[0].integer(), let why = values[1].text else {
            throw CIMError(.transportFailure, "the broker's answer to CheckRights cannot be read")
        }
        return RightsSummary(rawValue: bits, reasons: why.split(separator: "\n").map(String.init))
    }

    /// The rules that are in force, in the order in which they are asked: where each stands, and what it says. Throws AccessDenied without the
    /// right ReadSecurity of `root`.
    public func rightsRules() async throws(CIMError) -> [(place: String, text: String)] {
        let values = try await call(Contract.rootPath, Contract.broker, "ListRights", [])
        return (values.first?.elements ?? []).compactMap { rule in
            guard let parts = rule.elements, parts.count == 2, let place = parts[0].text, let text = parts[1].text else { return nil }
            return (place, text)
        }
    }

    /// Lets the broker read its rules of rights again. Throws InvalidParameter with the file, the line and the fault, where there is one: then the
    /// rules stay as they were. Throws AccessDenied for anybody but root and the broker's user.
    public func reload() async throws(CIMError) { _ = try await call(Contract.rootPath, Contract.broker, "Reload", []) }

    private func call(
        _ path: ObjectPath, _ interface: InterfaceName, _ member: String, _ arguments: [DBusValue]
    ) async throws(CIMError) -> [DBusValue] {
        let destination = try link.destination()
        do throws(DBusError) {
            let message = try Message.methodCall(
                destination: destination, path: path, interface: interface, member: MemberName(verified: member), flags: .noAutoStart,
                values: arguments)
            let reply = try await link.connection.call(message, timeout: timeout)
            do throws(DBusDecodingError) {
                return try reply.values()
            } catch {
                throw DBusError(code: .malformed, "the broker's answer to \(member): \(error)")
            }
        } catch {
            throw CIMError(transport: error)
        }
    }
}

extension [String: DBusValue] {
    fileprivate func text(_ key: String) -> String { self[key]?.text ?? "" }
    fileprivate func texts(_ key: String) -> [String] { self[key]?.elements?.compactMap(\.text) ?? [] }
    fileprivate func number<T: FixedWidthInteger>(_ key: String) -> T { self[key]?.integer() ?? 0 }

    fileprivate func counters(_ key: String) -> [String: UInt64] {
        self[key]?.stringDictionary?.compactMapValues { $0.integer() } ?? [:]
    }
}
