import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository

/// A subscription that is stored: a filter, a consumer, and the binding of the two (Semantics J.4).
struct PermanentSubscription: Sendable {
    /// What is stored. While it stays the same, so does the subscription.
    struct Definition: Hashable, Sendable {
        /// The path of the binding, with its namespace: what the subscription is called, in any case, as paths are.
        let binding: CIMName
        let filter: CIMInstance
        /// Where the events are.
        let namespace: CIMNamespaceName
        let consumer: CIMInstance
        /// Whose it is; nil where the three are not one user's.
        let creator: UInt32?
        /// The part that the binding names and that is not there.
        let missing: String?

        var query: String { filter["Query"]?.stringValue ?? "" }
    }

    let definition: Definition
    /// The operation by which it subscribes, and the place at which its events arrive, as of a client's sink; nil: it is inactive, as `fault` says.
    var operation: OperationID?
    var sink = ""
    var fault: CIMError?
    /// Events that its consumer took, and did not take; and what the last of those failed with.
    var delivered: UInt64 = 0
    var failures: UInt64 = 0
    var lastFailure = ""
    /// Events that its consumer has not taken yet, in batches, and whether it is at one.
    var waiting: [(events: [CIMInstance], lost: UInt64)] = []
    var isBusy = false

    init(_ definition: Definition) { self.definition = definition }

    /// The classes of what makes up permanent subscriptions.
    private static let classes = ["__EventFilter", "__EventConsumer", "__FilterToConsumerBinding"]

    /// Whether instances of a class are part of permanent subscriptions.
    /// - Parameter changes: those that come with the instance, which may bring its class.
    static func isPart(
        _ className: String, in namespace: CIMNamespaceName, _ changes: [RepositoryChange], _ declaration: (String) -> CIMClass?
    ) -> Bool {
        var name = className
        // A class that is below itself is refused where it is stored.
        for _ in 0...changes.count {
            if let declaration = declaration(name) { return classes.contains { declaration.isSameOrDerived(from: $0) } }
            let brought = changes.lazy.compactMap { change -> CIMClass? in
                guard case .putClass(let brought, let home, _) = change, home == namespace, CIMName.equal(brought.name, name) else {
                    return nil
                }
                return brought
            }.first
            guard let superclass = brought?.superclass else { return false }
            name = superclass
        }
        return false
    }

    /// The class that makes a provider the consumer of others' events.
    static let consumerRegistration = "__EventConsumerProviderRegistration"

    /// As it is shown.
    func instance(lost: UInt64) -> CIMInstance {
        CIMInstance(
            className: Self.className,
            [
                "Binding": .string(definition.binding.text), "Filter": .string(definition.filter["Name"]?.stringValue ?? ""),
                "Query": .string(definition.query), "EventNamespace": .string(definition.namespace.text),
                "Consumer": .string(definition.consumer.path?.relativePath ?? definition.consumer.className),
                "State": .string(operation == nil ? "inactive" : "active"), "Status": .uint32(fault?.status.rawValue ?? 0),
                "Explanation": .string(fault?.message ?? ""), "Delivered": .uint64(delivered), "Lost": .uint64(lost),
                "Failures": .uint64(failures), "LastFailure": .string(lastFailure),
                "CreatorUserID": definition.creator.map { .uint32($0) } ?? .null,
            ])
    }

    static let className = "CIMBus_PermanentSubscription"
}

/// Who made something that is stored: `CreatorSID` is the text `uid:N`, as its bytes. The broker writes it, whatever its client said.
enum Creator {
    static func sid(of uid: UInt32) -> CIMValue { .array(of: .uint8, "uid:\(uid)".utf8.map { .uint8($0) }) }

    static func uid(of instance: CIMInstance) -> UInt32? {
        guard let bytes = instance["CreatorSID"]?.arrayValue else { return nil }
        let text = String(decoding: bytes.compactMap { $0.uint64Value.flatMap { UInt8(exactly: $0) } }, as: UTF8.self)
        return text.hasPrefix("uid:") ? UInt32(text.dropFirst(4)) : nil
    }
}
