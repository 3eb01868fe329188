/// The types by their names, as generated code writes them.
extension CIMTypeReference {
    public static let boolean = CIMTypeReference(.boolean)
    public static let uint8 = CIMTypeReference(.uint8)
    public static let sint8 = CIMTypeReference(.sint8)
    public static let uint16 = CIMTypeReference(.uint16)
    public static let sint16 = CIMTypeReference(.sint16)
    public static let uint32 = CIMTypeReference(.uint32)
    public static let sint32 = CIMTypeReference(.sint32)
    public static let uint64 = CIMTypeReference(.uint64)
    public static let sint64 = CIMTypeReference(.sint64)
    public static let real32 = CIMTypeReference(.real32)
    public static let real64 = CIMTypeReference(.real64)
    public static let char16 = CIMTypeReference(.char16)
    public static let string = CIMTypeReference(.string)
    public static let datetime = CIMTypeReference(.datetime)

    /// A reference to instances of a class; of any class without one.
    public static func reference(to className: String? = nil) -> CIMTypeReference { CIMTypeReference(.reference, className: className) }

    /// Embedded objects of a class; of any class without one.
    public static func object(of className: String? = nil) -> CIMTypeReference { CIMTypeReference(.object, className: className) }

    /// An array of what the type is.
    public var array: CIMTypeReference { CIMTypeReference(base, isArray: true, className: className) }
}
