import CIM

/// The type of a property, a parameter or a return value in Swift.
struct SwiftType: Hashable {
    enum Kind: Hashable {
        case plain
        case enumeration
        case reference
        case path
        case embedded
        case instance
    }

    /// Of one value, or of an element.
    var element: String
    var isArray: Bool
    var kind: Kind

    var text: String { isArray ? "[\(element)]" : element }
}

struct SwiftEnumeration {
    struct Case {
        var name: String
        var value: ValueNames.Value
    }

    var name: String
    var names: ValueNames
    var cases: [Case]
    /// "Sample_Clock.State", for its documentation.
    var subject: String
}

struct SwiftProperty {
    var cimName: String
    /// Not escaped.
    var name: String
    var type: SwiftType
    var column: CIMTypeReference
    var isKey: Bool
    /// The name of the array that holds it, where the type would contain itself.
    var box: String?
    var documentation: [String]

    var optionalType: String { isKey ? type.text : type.text + "?" }
    var escaped: String { SwiftNames.escaped(name) }
    var label: String { SwiftNames.label(name) }
}

struct SwiftParameter {
    var cimName: String
    var name: String
    var type: SwiftType
    var isIn: Bool
    var isOut: Bool
    var isOptional: Bool
    /// One paragraph.
    var documentation: String

    var inputType: String { isOptional ? type.text + "?" : type.text }
    var escaped: String { SwiftNames.escaped(name) }
    var label: String { SwiftNames.label(name) }
}

struct SwiftMethod {
    var cimName: String
    var name: String
    var parameters: [SwiftParameter]
    /// Nil for void.
    var returnType: SwiftType?
    /// The type of what it gives back, where that is more than one value: `Sample_Clock.StrikeResult`, and as it is called where it is declared.
    var result: String?
    var localResult: String?
    var isStatic: Bool
    var isImplemented: Bool
    /// Whether the class itself declares it, and has its nested types.
    var isLocal: Bool
    var documentation: [String]

    var inputs: [SwiftParameter] { parameters.filter(\.isIn) }
    var outputs: [SwiftParameter] { parameters.filter(\.isOut) }
    /// Nil for nothing.
    var outputType: String? { result ?? returnType?.text }
}

/// A class as a type of Swift.
struct SwiftClass {
    var declaration: CIMClass
    var file: String?
    var name: String
    /// The type of the superclass.
    var superclass: String?
    var documentation: [String]
    var properties: [SwiftProperty]
    var enumerations: [SwiftEnumeration]
    var methods: [SwiftMethod]

    var keys: [SwiftProperty] { properties.filter(\.isKey) }
    var isAddressable: Bool { declaration.isSingleton || !keys.isEmpty }
    /// Whether a provider has its instances.
    var isServed: Bool
    var isWritable: Bool
    var isDeletable: Bool
    var providerName: String { name + "Provider" }
    var adapterName: String { name + "Adapter" }
}
