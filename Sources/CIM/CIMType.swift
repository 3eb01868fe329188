/// A CIM type, with the number it has in the headers (Semantics H.2).
public enum CIMType: UInt16, Sendable, Hashable, CaseIterable {
    case sint16 = 2
    case sint32 = 3
    case real32 = 4
    case real64 = 5
    case string = 8
    case boolean = 11
    case object = 13
    case sint8 = 16
    case uint8 = 17
    case uint16 = 18
    case uint32 = 19
    case sint64 = 20
    case uint64 = 21
    case datetime = 101
    case reference = 102
    case char16 = 103

    /// The bit that marks an array in WMI's type numbers.
    public static let arrayFlag: UInt16 = 0x2000

    /// The word for the type in MOF; a reference is "ref".
    public var mofName: String {
        switch self {
        case .sint16: "sint16"
        case .sint32: "sint32"
        case .real32: "real32"
        case .real64: "real64"
        case .string: "string"
        case .boolean: "boolean"
        case .object: "object"
        case .sint8: "sint8"
        case .uint8: "uint8"
        case .uint16: "uint16"
        case .uint32: "uint32"
        case .sint64: "sint64"
        case .uint64: "uint64"
        case .datetime: "datetime"
        case .reference: "ref"
        case .char16: "char16"
        }
    }

    private static let byName: [CIMName: CIMType] = Dictionary(uniqueKeysWithValues: allCases.map { (CIMName($0.mofName), $0) })

    /// The type that MOF calls `mofName`, in any case; nil for other words.
    public init?(mofName: String) {
        guard let type = CIMType.byName[CIMName(mofName)] else { return nil }
        self = type
    }

    public var isInteger: Bool {
        switch self {
        case .sint8, .sint16, .sint32, .sint64, .uint8, .uint16, .uint32, .uint64: true
        default: false
        }
    }

    public var isReal: Bool { self == .real32 || self == .real64 }

    /// Whether a key may have this type: not a real, not an embedded object (Semantics C.1.2).
    public var canBeKey: Bool { !isReal && self != .object }
}
