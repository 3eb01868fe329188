import CIM
import DBus

/// The one table between WMI's statuses and D-Bus errors (DESIGN section 3, Errors).
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
    /// What a failed D-Bus call means: a status of ours stays what it is; the transport's own failures become WMI's words for them.
    public init(_ error: DBusError) {
        let status: WBEMStatus
        var text = error.message
        switch error.code {
        case .errorReply(let name):
            if name.text.hasPrefix(Contract.errorPrefix) {
                let own = WBEMStatus(errorName: String(name.text.dropFirst(Contract.errorPrefix.count)))
                // A status without a name of its own still has its number. That of a success is no error's.
                if let number = WBEMStatus(prefixOf: text) {
                    text = String(text.dropFirst(11))
                    status = number.isSuccess ? own ?? .failed : number
                } else {
                    status = own ?? .failed
                }
            } else if name == .unknownMethod || name == .unknownInterface {
                status = .providerNotCapable
            } else if name == .accessDenied || name == .authenticationFailed {
                status = .accessDenied
            } else if name == .serviceUnknown || name == .nameHasNoOwner || name == .noReply || name == .disconnected {
                status = .transportFailure
            } else if name == .unknownObject {
                status = .notFound
            } else if name == .invalidArguments || name == .invalidSignature {
                status = .invalidParameter
            } else if name == .limitsExceeded || name == .noMemory {
                status = .quotaViolation
            } else {
                status = .failed
            }
        case .timedOut: status = .timedOut
        case .cancelled: status = .callCancelled
        case .disconnected: status = .transportFailure
        case .tooLarge, .queueFull, .outOfMemory: status = .quotaViolation
        case .malformed: status = .marshalInvalidSignature
        case .authentication: status = .accessDenied
        case .address: status = .transportFailure
        case .notSupported: status = .notSupported
        }
        var extended: CIMInstance?
        if let reply = error.reply, reply.signature == "sa{sv}" {
            var reader = reply.reader
            _ = try? reader.readString()
            extended = try? reader.readInstance()
        }
        self.init(status, text.isEmpty ? error.name.text : text, extendedStatus: extended, cause: error)
    }
}

extension WBEMStatus {
    /// The number at the start of an error's text, `0x80041002 ` with what follows.
    fileprivate init?(prefixOf text: String) {
        let digits = text.utf8.dropFirst(2).prefix(8)
        guard text.hasPrefix("0x"), digits.count == 8, digits.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
            text.utf8.count == 10 || text.utf8.dropFirst(10).first == UInt8(ascii: " "),
            let number = UInt32(Substring(digits), radix: 16)
        else { return nil }
        self.init(rawValue: number)
    }
}

extension DBusValue {
    /// An instance as `a{sv}`.
    public init(instance: CIMInstance) {
        var entries: [(String, DBusValue)] = [(SystemProperty.className, .string(instance.className))]
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
            self = .array(element: Signature(verified: base.wireSignature.description), elements.compactMap { DBusValue($0) })
        }
    }
}
