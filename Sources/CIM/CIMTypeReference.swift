/// The type of a property, parameter or return value: a CIM type, perhaps an array, perhaps of a named class.
public struct CIMTypeReference: Hashable, Sendable {
    public var base: CIMType
    public var isArray: Bool

    /// The number in `[n]`; nil when absent.
    public var arraySize: Int?

    /// The class a reference or an embedded object names; nil for any class.
    public var className: String?

    public init(_ base: CIMType, isArray: Bool = false, arraySize: Int? = nil, className: String? = nil) {
        self.base = base
        self.isArray = isArray
        self.arraySize = arraySize
        self.className = className
    }

    /// Reads the text of ``cimType``; nil when the text names no type. The text does not say whether the type is an array: `isArray` does.
    public init?(cimType: String, isArray: Bool = false, arraySize: Int? = nil) {
        guard let colon = cimType.utf8.firstIndex(of: 0x3A) else {
            guard let base = CIMType(mofName: cimType) else { return nil }
            self.init(base, isArray: isArray, arraySize: arraySize)
            return
        }
        let className = String(cimType[cimType.utf8.index(after: colon)...])
        guard let base = CIMType(mofName: String(cimType[..<colon])), base == .reference || base == .object,
            CIMName.isValidIdentifier(className)
        else { return nil }
        self.init(base, isArray: isArray, arraySize: arraySize, className: className)
    }

    /// The text on the wire and in the CIMTYPE qualifier: "uint32", "ref:Class", "object:Class".
    public var cimType: String {
        guard let className, base == .reference || base == .object else { return base.mofName }
        return "\(base.mofName):\(className)"
    }

    public static func array(of base: CIMType) -> CIMTypeReference { CIMTypeReference(base, isArray: true) }
}

extension CIMTypeReference: CustomStringConvertible {
    public var description: String {
        guard isArray else { return cimType }
        return "\(cimType)[\(arraySize.map(String.init) ?? "")]"
    }
}
