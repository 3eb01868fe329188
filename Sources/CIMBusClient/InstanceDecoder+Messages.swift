import CIM
import CIMBusWire
import DBus

extension InstanceDecoder {
    /// For the instances of a query, which may be one for classes.
    init() {
        self.init(
            expectedClass: "",
            refusingClasses: CIMError(.invalidQuery, "the query gives classes, not instances: ask with execQueryForObjects"))
    }

    /// All instances of an `aa{sv}`. Throws ``Need``, and what decoding throws.
    mutating func readInstances(_ message: Message) throws -> [CIMInstance] {
        var reader = message.reader
        return try readInstances(&reader)
    }

    /// All objects of an `aa{sv}`, instances and classes.
    mutating func readObjects(_ message: Message) throws -> [CIMObject] {
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
