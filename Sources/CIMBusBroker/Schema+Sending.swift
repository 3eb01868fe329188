import CIM
import CIMBusWire
import CIMRepository

extension Schema {
    /// Throws QuotaViolation where a class that was put, or one below it, is now too large for a message: nobody could read it, nor any list
    /// that it is in.
    func checkCanBeSent(_ changes: [RepositoryChange]) throws(CIMError) {
        for (index, change) in changes.enumerated() {
            guard case .putClass(let declared, let namespace, _) = change, let changed = self.class(declared.name, in: namespace) else {
                continue
            }
            // Most have little text, and nothing more is to be looked at.
            guard changed.textBytes > Self.small else { continue }
            let suspects = [changed] + descendants(of: changed.name, in: namespace).compactMap { self.class($0, in: namespace) }
            for suspect in suspects where suspect.textBytes > Self.suspicious {
                do throws(ObjectFault) {
                    _ = try ObjectBatch(class: suspect, namespace: namespace, server: server)
                } catch {
                    throw CIMError(error.status, error.description).failed(at: index)
                }
            }
        }
    }

    /// A class with less text changes nothing much for those below it.
    private static let small = 64 << 10
    /// A class with less text is far from the limit of 8 MiB.
    private static let suspicious = 1 << 20
}

extension CIMClass {
    /// Roughly what it takes on the wire: its names and texts.
    fileprivate var textBytes: Int {
        var bytes = Self.bytes(of: qualifiers)
        for property in properties {
            bytes += property.name.utf8.count + property.defaultValue.textBytes + Self.bytes(of: property.qualifiers)
        }
        for method in methods {
            bytes += method.name.utf8.count + Self.bytes(of: method.qualifiers)
            for parameter in method.parameters { bytes += parameter.name.utf8.count + Self.bytes(of: parameter.qualifiers) }
        }
        return bytes
    }

    private static func bytes(of qualifiers: [CIMQualifier]) -> Int {
        qualifiers.reduce(0) { $0 + $1.name.utf8.count + $1.value.textBytes }
    }
}

extension CIMValue {
    fileprivate var textBytes: Int {
        switch self {
        case .string(let text): text.utf8.count
        case .array(_, let elements): elements.reduce(0) { $0 + 8 + $1.textBytes }
        case .object(let object): object.properties.reduce(0) { $0 + $1.name.utf8.count + $1.value.textBytes }
        default: 8
        }
    }
}
