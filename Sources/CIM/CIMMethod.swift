/// A parameter of a method.
public struct CIMParameter: Hashable, Sendable {
    public var name: String
    public var type: CIMTypeReference
    public var qualifiers: [CIMQualifier]

    public init(name: String, type: CIMTypeReference, qualifiers: [CIMQualifier] = []) {
        self.name = name
        self.type = type
        self.qualifiers = qualifiers
    }

    public func qualifier(named name: String) -> CIMQualifier? { qualifiers.named(name) }

    /// Whether the caller gives the parameter. A parameter with neither `in` nor `out` is an in parameter.
    public var isIn: Bool { qualifiers.isTrue("in") || !qualifiers.isTrue("out") }
    public var isOut: Bool { qualifiers.isTrue("out") }
    public var isOptional: Bool { qualifiers.isTrue("optional") }
}

/// The declaration of a method in a class (Semantics C.5).
public struct CIMMethod: Hashable, Sendable {
    public var name: String

    /// Nil for `void`.
    public var returnType: CIMTypeReference?
    public var parameters: [CIMParameter]
    public var qualifiers: [CIMQualifier]

    /// The most derived class that declares it. Empty in a declaration that was not resolved yet means "this class".
    public var origin: String

    public init(
        name: String, returnType: CIMTypeReference?, parameters: [CIMParameter] = [], qualifiers: [CIMQualifier] = [], origin: String = ""
    ) {
        self.name = name
        self.returnType = returnType
        self.parameters = parameters
        self.qualifiers = qualifiers
        self.origin = origin
    }

    public func qualifier(named name: String) -> CIMQualifier? { qualifiers.named(name) }

    public func parameter(named name: String) -> CIMParameter? { parameters.first { CIMName.equal($0.name, name) } }

    /// Whether the method may be called on the class.
    public var isStatic: Bool { qualifiers.isTrue("static") }

    /// Whether a provider supplies the method. A call of any other method fails with MethodNotImplemented.
    public var isImplemented: Bool { qualifiers.isTrue("implemented") }
    public var isDisabled: Bool { qualifiers.isTrue("disabled") }

    /// Whether the broker must not resolve the path to find the real class first.
    public var bypassesGetObject: Bool { qualifiers.isTrue("Bypass_GetObject") }
}
