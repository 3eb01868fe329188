import CIM
import CIMBusWire
import DBus

extension Session {
    /// A class by name, with its inherited features. Throws NotFound or InvalidClass when there is none.
    ///
    /// It is kept: asked again, the same is given without asking the broker. Every class is read anew once a put or delete of a class, a
    /// compilation of MOF, or a delete of a namespace over this connection has ended, however it ended, and when another broker comes. What
    /// somebody else changes, and what a put that was given up (cancelled, TimedOut) does later, is seen with `refreshing`, and when an
    /// instance does not fit.
    /// - Parameter timeout: how long it may take; past it, it throws TimedOut. Nil: as long as the broker allows.
    public func getClass(_ name: String, refreshing: Bool = false, timeout: Duration? = nil) async throws(CIMError) -> CIMClass {
        guard let declaration = try await layout(of: name, refreshing: refreshing, timeout: timeout).declaration else {
            throw CIMError(.invalidClass, "\(name) is not a class")
        }
        return declaration
    }

    /// A class as the options say, asked of the broker each time and not kept; with `OperationFlags.useAmendedQualifiers` it has the
    /// localized qualifiers in the place of those that it is stored with. Throws as ``getClass(_:refreshing:timeout:)``.
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
    func layout(of name: String, refreshing: Bool = false, timeout: Duration? = nil) async throws(CIMError) -> ObjectLayout {
        try await link.classes.layout(of: name, in: namespace, refreshing: refreshing) { () throws(CIMError) in
            let reply = try await call(.getObject(name, OperationOptions(timeout: timeout)))
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
