import CIM
import CIMBusWire
import DBus

/// One of the operations of `org.cimbus1.Services`, with its arguments as they go over the bus.
public enum RawOperation: Sendable {
    case get(String)
    case put([(String, DBusValue)])
    case delete(String)
    case enumerate(String)
    case query(String)
    /// A subscription to events; its flags are those that the form needs.
    case events(String)
    case invoke(String, String, [(String, DBusValue)] = [])
    case putClass(DBusValue)
    case deleteClass(String)
    /// `CreateClassEnum` of a superclass.
    case classes(String)

    /// The name of the synchronous method.
    public var member: String {
        switch self {
        case .get: "GetObject"
        case .put: "PutInstance"
        case .delete: "DeleteInstance"
        case .enumerate: "CreateInstanceEnum"
        case .query: "ExecQuery"
        case .events: "ExecNotificationQuery"
        case .invoke: "ExecMethod"
        case .putClass: "PutClass"
        case .deleteClass: "DeleteClass"
        case .classes: "CreateClassEnum"
        }
    }

    /// Whether its semisynchronous form is pulled from an enumerator.
    var isEnumeration: Bool {
        switch self {
        case .enumerate, .query, .events, .classes: true
        default: false
        }
    }

    /// The arguments of the synchronous method.
    public func arguments(flags: Int32 = 0, context: [(String, DBusValue)] = []) -> [DBusValue] { values(flags, context) }

    func values(_ flags: Int32, _ context: [(String, DBusValue)]) -> [DBusValue] {
        let common: [DBusValue] = [.int32(flags), .dictionary(context)]
        return switch self {
        case .get(let name), .delete(let name), .enumerate(let name), .deleteClass(let name), .classes(let name): [.string(name)] + common
        case .query(let text): [.string("WQL"), .string(text)] + common
        case .events(let text): [.string("WQL"), .string(text), .int32(flags | 0x20), .dictionary(context)]
        case .putClass(let declaration): [declaration] + common
        case .put(let instance): [.dictionary(instance)] + common
        case .invoke(let path, let method, let parameters): [.string(path), .string(method)] + common + [.dictionary(parameters)]
        }
    }
}

/// How a client asks.
public enum CallForm: String, CaseIterable, Sendable {
    case sync, semisync, async

    var suffix: String {
        switch self {
        case .sync: ""
        case .semisync: "Semisync"
        case .async: "Async"
        }
    }
}

/// How an operation ended, in whichever form it was asked for.
public struct OperationResult: Sendable {
    public var status: WBEMStatus
    public var objects: [[String: DBusValue]] = []
    /// A put's path.
    public var parameter = ""
    /// The extended status.
    public var details: [String: DBusValue] = [:]
    public var message = ""
}

/// What arrived at a client's sink.
public enum SinkEvent: Sendable {
    case indicate([[String: DBusValue]])
    case status(flags: Int32, hresult: UInt32, parameter: String, object: [String: DBusValue])

    public var isFinal: Bool {
        if case .status(0, _, _, _) = self { true } else { false }
    }

    public init?(_ message: Message) {
        guard let values = try? message.values() else { return nil }
        if message.member == "Indicate", values.count == 1 {
            self = .indicate((values[0].elements ?? []).compactMap(\.stringDictionary))
        } else if message.member == "SetStatus", values.count == 4, let flags: Int32 = values[0].integer(),
            let hresult: UInt32 = values[1].integer()
        {
            self = .status(flags: flags, hresult: hresult, parameter: values[2].text ?? "", object: values[3].stringDictionary ?? [:])
        } else {
            return nil
        }
    }
}

/// A client's own sink, which notes what it gets.
public final class RawSink: Sendable {
    public let path: ObjectPath
    public let events = Recorder<SinkEvent>()
    let acknowledges: Bool

    init(_ path: ObjectPath, acknowledges: Bool) {
        self.path = path
        self.acknowledges = acknowledges
    }

    public var finals: Int { events.all.filter(\.isFinal).count }

    public var objects: [[String: DBusValue]] {
        events.all.flatMap { event -> [[String: DBusValue]] in if case .indicate(let objects) = event { objects } else { [] } }
    }

    /// `(current, total)` of each progress report.
    public var progress: [(UInt32, UInt32)] {
        events.all.compactMap { event in
            if case .status(2, let hresult, _, _) = event { (hresult & 0xFFFF, hresult >> 16) } else { nil }
        }
    }

    /// Waits for the final status.
    public func result(within duration: Duration = .seconds(10)) async throws -> OperationResult {
        let events = try await events.wait("the final status at \(path)", within: duration) { $0.contains(where: \.isFinal) }
        guard case .status(_, let hresult, let parameter, let object)? = events.first(where: \.isFinal) else {
            throw ProcessError(description: "no final status")
        }
        return OperationResult(
            status: WBEMStatus(rawValue: hresult), objects: objects, parameter: parameter, details: object,
            message: object["Description"]?.text ?? "")
    }
}
