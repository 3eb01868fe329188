import CIM
import DBus

/// The one table between WMI's statuses and D-Bus errors (Design 3, Errors).
extension DBusError {
    /// `org.cimbus1.Error.NAME`, whose message starts with the number; the extended status rides as a second argument.
    public init(_ error: CIMError) {
        let name = error.status.errorName ?? "Failed"
        var details: [DBusValue] = []
        if let status = error.extendedStatus { details.append(DBusValue(instance: status)) }
        self.init(ErrorName(verified: Contract.errorPrefix + name), "\(error.status.hex) \(error.message)", details: details)
    }
}

extension CIMError {
    /// What a failed D-Bus call means: a status that the peer states stays what it is (``StatedError``); the transport's own failures become
    /// WMI's words for them.
    public init(_ error: DBusError) {
        let status: WBEMStatus
        var text = error.message
        switch error.code {
        case .errorReply(let name):
            let stated = StatedError(error)
            text = stated.text
            status = stated.status ?? Self.transportStatus(name)
        case .timedOut: status = .timedOut
        case .cancelled: status = .callCancelled
        case .disconnected: status = .transportFailure
        case .tooLarge, .queueFull: status = .quotaViolation
        case .outOfMemory: status = .outOfMemory
        case .malformed: status = .marshalInvalidSignature
        case .authentication: status = .accessDenied
        case .address: status = .transportFailure
        case .notSupported: status = .notSupported
        }
        self.init(
            status, text.isEmpty ? error.name.text : text, extendedStatus: error.reply.flatMap { Self.extendedStatus($0) }, cause: error)
    }

    private static func transportStatus(_ name: ErrorName) -> WBEMStatus {
        switch name {
        case .serviceUnknown, .nameHasNoOwner, .noReply, .disconnected: .transportFailure
        case .unknownObject: .notFound
        default: .failed
        }
    }

    /// The object that may follow the text of an error reply.
    private static func extendedStatus(_ reply: Message) -> CIMInstance? {
        if reply.hasSignature("sa{sv}") {
            var reader = reply.reader
            _ = try? reader.readString()
            return try? reader.readInstance()
        }
        guard reply.bodySize <= Contract.largestStatus,
            var reader = try? LooseArguments.read(
                reply, as: [.init("text", Signature(verified: "s")), .init("status", Signature(verified: "a{sv}"))])
        else { return nil }
        _ = try? reader.readString()
        guard let object = try? reader.readInstance(), !object.properties.isEmpty else { return nil }
        return object
    }
}

extension DBusValue {
    /// An instance as `a{sv}`.
    public init(instance: CIMInstance) {
        var entries: [(String, DBusValue)] = [(SystemProperty.className.rawValue, .string(instance.className))]
        for property in instance.properties {
            if let value = DBusValue(property.value) { entries.append((property.name, value)) }
        }
        self = .dictionary(entries)
    }

    /// A property's value; nil for NULL.
    public init?(_ value: CIMValue) {
        switch value {
        case .null: return nil
        case .boolean(let value): self = .boolean(value)
        case .uint8(let value): self = .byte(value)
        case .sint8(let value): self = .int16(Int16(value))
        case .sint16(let value): self = .int16(value)
        case .uint16(let value), .char16(let value): self = .uint16(value)
        case .uint32(let value): self = .uint32(value)
        case .sint32(let value): self = .int32(value)
        case .uint64(let value): self = .uint64(value)
        case .sint64(let value): self = .int64(value)
        case .real32(let value): self = .double(Double(value))
        case .real64(let value): self = .double(value)
        case .string(let value): self = .string(value)
        case .datetime(let value): self = .string(value.description)
        case .reference(let value): self = .string(value.path)
        case .object(let value): self = DBusValue(instance: value)
        case .array(let base, let elements):
            self = .array(element: Signature(verified: base.wireLayout.signature.description), elements.compactMap { DBusValue($0) })
        }
    }
}
