/// The name of a namespace in its one canonical form: lower case, parts separated by `/`, "root/cimv2".
public struct CIMNamespaceName: Hashable, Sendable, CustomStringConvertible {
    /// "root/cimv2".
    public let text: String

    /// Nil when the name is malformed: empty, an empty part, a byte that no identifier has, more than 255 bytes in a part, more than
    /// 4096 in all. `\` and `/` both separate. A part may start with a digit.
    public init?(_ name: String) {
        guard !name.isEmpty, name.utf8.count <= 4096 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(name.utf8.count)
        var partLength = 0
        for byte in name.utf8 {
            if byte == 0x5C || byte == 0x2F {
                guard partLength > 0 else { return nil }
                partLength = 0
                bytes.append(0x2F)
            } else {
                guard CIMName.isIdentifierByte(byte), partLength < 255 else { return nil }
                partLength += 1
                bytes.append(CIMName.fold(byte))
            }
        }
        guard partLength > 0 else { return nil }
        text = String(decoding: bytes, as: UTF8.self)
    }

    /// The form in `__NAMESPACE` and `__PATH`: "root\cimv2".
    public var wmiText: String { String(decoding: text.utf8.map { $0 == 0x2F ? 0x5C : $0 }, as: UTF8.self) }

    /// The namespace that holds this one; nil for a namespace of one part.
    public var parent: CIMNamespaceName? {
        guard let slash = text.utf8.lastIndex(of: 0x2F) else { return nil }
        return CIMNamespaceName(String(text[..<slash]))
    }

    public var description: String { text }
}

extension CIMNamespaceName {
    private init(canonical text: String) { self.text = text }

    /// The default of everything (R8, R25).
    public static let cimv2 = CIMNamespaceName(canonical: "root/cimv2")
    public static let root = CIMNamespaceName(canonical: "root")
}
