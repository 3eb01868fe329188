import CIM
import CIMBusWire
import CIMQuery
import DBus
import Glibc

/// What the broker tells a provider about a call beside its arguments: who asks, how, and until when.
public struct RequestContext: Sendable {
    /// What a Put may do (Semantics A.2.2).
    public enum PutMode: Hashable, Sendable {
        case createOrUpdate
        /// The provider throws NotFound when the instance does not exist.
        case updateOnly
        /// The provider throws AlreadyExists when the instance exists.
        case createOnly
    }

    /// The namespace of the call.
    public let namespace: CIMNamespaceName
    /// The client's flags. For a Put see ``putMode``.
    public let flags: OperationFlags
    private let context: BodyReader
    let call: OpenCall
    /// What the query asks that is being served; nil where it is none. A provider need not read the text itself.
    public internal(set) var query: ProviderQuery?

    init(namespace: CIMNamespaceName, flags: Int32, context: BodyReader, call: OpenCall) {
        self.namespace = namespace
        self.flags = OperationFlags(rawValue: flags)
        self.context = context
        self.call = call
    }

    /// The client's context and the broker's keys, as they came. Each use reads the message anew.
    public var values: [String: DBusValue] { forwardedContext.stringDictionary ?? [:] }

    /// ``values`` as `a{sv}`, to be handed on in calls made for this one (L12).
    public var forwardedContext: DBusValue {
        var reader = context
        return (try? reader.readValue(Signature.dictionary)) ?? .dictionary([])
    }

    /// One of ``values``, in any case of its name, without reading the others.
    subscript(key: String) -> DBusValue? {
        var reader = context
        do throws(DBusDecodingError) {
            let end = try reader.enterArray(elementAlignment: 8)
            var entry = try reader.value(ofEntry: key, before: end)
            guard case .variant(let value)? = try entry?.readValue(Signature(verified: "v")) else { return nil }
            return value
        } catch { return nil }
    }
}

extension RequestContext {
    /// The broker's number of the operation.
    public var operationID: UInt64? { self[ContextKey.operation]?.integer() }

    /// The client's unique name on the bus.
    public var clientName: String? { self[ContextKey.clientName]?.text }

    /// The user of the direct client. Decide by this user what the call may do. Nil when the broker did not name a user: treat nil as a
    /// user without rights.
    public var clientUserID: UInt32? { self[ContextKey.clientUser]?.integer() }

    /// What the client may, of the class and the method that the call is about, as WMI numbers rights (Semantics D.9.1): everybody has Enable
    /// (0x1), MethodExecute (0x2), WriteProvider (0x10) and Subscribe (0x40) where no rule of the administrator's says otherwise.
    public var clientRights: UInt32 { self[ContextKey.clientRights]?.integer() ?? 0 }

    /// Those of ``clientRights`` that a rule of the administrator's grants.
    public var clientGrants: UInt32 { self[ContextKey.clientGrants]?.integer() ?? 0 }

    /// For display only: the number may belong to another process by now.
    public var clientProcessID: UInt32? { self[ContextKey.clientProcess]?.integer() }

    /// The user of the outermost client, where providers call each other.
    public var originUserID: UInt32? { self[ContextKey.originUser]?.integer() }

    /// The moment at which the client stops waiting; nil when the client gave no deadline. At that moment the task is cancelled.
    public var deadline: ContinuousClock.Instant? {
        guard let microseconds: Int64 = self[ContextKey.deadline]?.integer() else { return nil }
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        let now = Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1000
        return ContinuousClock.now + .microseconds(microseconds &- now)
    }

    /// Whether the client lets a person be asked to authorize the call (D-Bus's ALLOW_INTERACTIVE_AUTHORIZATION). When false, whoever would have to
    /// ask one refuses with AccessDenied.
    public var allowsInteractiveAuthorization: Bool { call.request.message.flags.contains(.allowInteractiveAuthorization) }

    public var putMode: PutMode {
        if flags.contains(.createOnly) { return .createOnly }
        return flags.contains(.updateOnly) ? .updateOnly : .createOrUpdate
    }

    /// Whether a Put writes a part of the instance only (Semantics C.1.3).
    public var isPartialPut: Bool { self[ContextKey.putExtensions]?.bool ?? false }

    /// The properties that a partial Put writes. Nil means all properties.
    public var putProperties: [String]? {
        isPartialPut ? self[ContextKey.putProperties]?.elements?.compactMap(\.text) : nil
    }

    /// Whether a partial Put must set a property to NULL, or fail, where it writes the property and the instance has no value for it
    /// (Semantics C.1.3). When false, the provider may choose.
    public var isStrictAboutNulls: Bool { isPartialPut && self[ContextKey.putStrictNulls]?.bool ?? false }

    /// Whether a partial Put must write all its properties or none. When it fails, the provider takes back what it has written by then
    /// (Semantics C.1.3).
    public var isAtomic: Bool { isPartialPut && self[ContextKey.putAtomic]?.bool ?? false }

    /// Whether a Put writes this property.
    public func writes(_ property: String) -> Bool { putProperties?.contains { CIMName.equal($0, property) } ?? true }

    /// Whether the operation is over. Further work for it is of no use to anybody.
    public var isOver: Bool { call.isOver }

    /// Tells the client how far the work has come, if the client asked for that (SEND_STATUS), and shows the broker that this provider is
    /// alive (L8). Costs one message, so do not call it for every object. Nothing happens when the operation is over.
    /// - Parameters:
    ///   - total: 0 when not known.
    ///   - text: what is being done.
    ///   - object: what else the client may want to know. When the object is larger than 64 KiB, nothing is reported.
    public func report(current: Int, of total: Int, text: String = "", object: CIMInstance? = nil) {
        call.report(current: UInt16(clamping: current), total: UInt16(clamping: total), text: text, object)
    }
}
