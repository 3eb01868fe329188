/// How a qualifier travels and whether it may be overridden (Semantics H.5).
public struct CIMFlavor: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let toInstance = CIMFlavor(rawValue: 0x1)
    public static let toSubclass = CIMFlavor(rawValue: 0x2)
    public static let disableOverride = CIMFlavor(rawValue: 0x10)

    /// The qualifier was inherited; set by `CIMClass.resolved(with:)`.
    public static let originPropagated = CIMFlavor(rawValue: 0x20)
    public static let originSystem = CIMFlavor(rawValue: 0x40)
    public static let amended = CIMFlavor(rawValue: 0x80)
}

/// A qualifier: a named value attached to a class, property, method or parameter.
public struct CIMQualifier: Hashable, Sendable {
    public var name: String
    public var value: CIMValue
    public var flavor: CIMFlavor

    public init(name: String, value: CIMValue = .boolean(true), flavor: CIMFlavor = []) {
        self.name = name
        self.value = value
        self.flavor = flavor
    }
}

extension [CIMQualifier] {
    /// The qualifier called `name`, in any case.
    public func named(_ name: String) -> CIMQualifier? { place(of: name).map { self[$0] } }

    /// Copies no qualifier that has another name.
    private func place(of name: String) -> Int? {
        for place in indices where CIMName.equal(self[place].name, name) { return place }
        return nil
    }

    /// Whether the boolean qualifier `name` is present and TRUE.
    public func isTrue(_ name: String) -> Bool {
        guard let place = place(of: name), case .boolean(true) = self[place].value else { return false }
        return true
    }
}
