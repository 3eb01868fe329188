import CIM
import CIMBusWire
import DBus

/// One result of a query. A schema query (`SELECT * FROM meta_class`) gives classes, every other query gives instances.
public enum CIMObject: Hashable, Sendable {
    case instance(CIMInstance)
    case `class`(CIMClass)

    public var className: String {
        switch self {
        case .instance(let instance): instance.className
        case .class(let declaration): declaration.name
        }
    }
}

extension InstanceDecoder {
    /// For the instances of a query, which may be one for classes.
    init() {
        self.init(
            expectedClass: "",
            refusingClasses: CIMError(.invalidQuery, "the query gives classes, not instances: ask with execQueryForObjects"))
    }

    /// All objects of an `aa{sv}`, instances and classes.
    mutating func readObjects(_ message: Message) throws -> [CIMObject] {
        if message.isPackedBatch { return try readInstances(message).map { .instance($0) } }
        var reader = message.reader
        let end = try reader.enterArray(elementAlignment: 4)
        var objects: [CIMObject] = []
        while !reader.isAtEnd(of: end) {
            objects.append(try reader.isClass(isBrokers: true) ? .class(try reader.readClass()) : .instance(try readInstance(&reader)))
        }
        try reader.leaveArray(end)
        return objects
    }
}
