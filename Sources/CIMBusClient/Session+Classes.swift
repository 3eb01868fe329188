import CIM
import CIMBusWire
import DBus

extension Session {
    /// A class by name, with its inherited features. Throws NotFound or InvalidClass when there is no such class.
    ///
    /// The session keeps the class. A second call for it returns the same class, and does not ask the broker. The session reads a class
    /// anew when an instance does not fit it. The session reads every class anew in these cases:
    /// - A put or delete of a class, a compilation of MOF, or a delete of a namespace over this connection has ended, well or not.
    /// - Another broker comes.
    ///
    /// So the session does not notice at once what somebody else changes. Nor does it notice what a put changes later that was given up
    /// (cancelled, TimedOut). `refreshing` asks the broker in any case.
    /// - Parameter timeout: how long the call may take; after that it throws TimedOut. Nil: as long as the broker allows.
    public func getClass(_ name: String, refreshing: Bool = false, timeout: Duration? = nil) async throws(CIMError) -> CIMClass {
        guard let declaration = try await layout(of: name, isWhole: true, refreshing: refreshing, timeout: timeout).declaration else {
            throw CIMError(.invalidClass, "\(name) is not a class")
        }
        return declaration
    }

    /// Of a class what it takes to read and show its instances: its name and ancestors, the names and types of its properties in their order,
    /// which of them are keys, what their values are called, and whether it is a singleton. This is a small part of a large class. Kept, and failing, as
    /// ``getClass(_:refreshing:timeout:)`` says; where the session has the class itself, that is it.
    package func classShape(of name: String, timeout: Duration? = nil) async throws(CIMError) -> CIMClass {
        guard let shape = try await layout(of: name, timeout: timeout).declaration else {
            throw CIMError(.invalidClass, "\(name) is not a class")
        }
        return shape
    }

    /// A class as the options ask for it. The session asks the broker each time, and does not keep the class. With
    /// `OperationFlags.useAmendedQualifiers` the class has its localized qualifiers in the place of the stored ones. Throws as
    /// ``getClass(_:refreshing:timeout:)`` does.
    public func getClass(_ name: String, options: OperationOptions) async throws(CIMError) -> CIMClass {
        let reply = try await call(.getObject(name, options))
        guard reply.hasSignature("a{sv}") else { throw .unexpected(reply, to: "GetObject") }
        do {
            var reader = reply.reader
            guard try reader.isClass(isBrokers: true) else { throw CIMError(.invalidClass, "\(name) is not a class") }
            return try reader.readClass()
        } catch {
            throw CIMError(undecodable: error, what: "class \(name)")
        }
    }

    /// The layout to decode the instances of a class with.
    /// - Parameter isWhole: whether the class itself is wanted, too.
    func layout(
        of name: String, isWhole: Bool = false, refreshing: Bool = false, timeout: Duration? = nil
    ) async throws(CIMError) -> ObjectLayout {
        try await link.classes.layout(of: name, in: namespace, isWhole: isWhole, refreshing: refreshing) { () throws(CIMError) in
            let options = OperationOptions(timeout: timeout, context: isWhole ? [:] : [ContextKey.classShape: .boolean(true)])
            let reply = try await call(.getObject(name, options))
            guard reply.hasSignature("a{sv}") else { throw .unexpected(reply, to: "GetObject") }
            do {
                var reader = reply.reader
                return try reader.readClass()
            } catch {
                throw CIMError(undecodable: error, what: "class \(name)")
            }
        }
    }
}

extension Session {
    /// Decodes with this session's classes.
    func decode<Value: Sendable>(
        _ decoder: inout InstanceDecoder, what: String, _ read: (inout InstanceDecoder) throws -> Value
    ) async throws(CIMError) -> Value {
        do {
            return try await decoder.read(fetching: { try await layout(of: $0, refreshing: $1) }, read)
        } catch {
            throw CIMError(undecodable: error, what: what)
        }
    }
}
