import CIM
import DBus

/// Objects where they lie in a message. All throw ``InstanceDecoder/Need``, and what decoding throws.
extension InstanceDecoder {
    /// All instances of an `aa{sv}`.
    package mutating func readInstances(at start: BodyReader) throws -> [CIMInstance] {
        var reader = start
        return try readInstances(&reader)
    }

    /// All instances of a message that is one `aa{sv}`.
    package mutating func readInstances(_ message: Message) throws -> [CIMInstance] { try readInstances(at: message.reader) }

    /// One `a{sv}`.
    package mutating func readInstance(at start: BodyReader) throws -> CIMInstance {
        var reader = start
        return try readInstance(&reader)
    }
}
