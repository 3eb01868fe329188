import CIM
import DBus

/// A class, prepared for checking and writing its objects: what may stand in one, of which D-Bus type, and the bytes that are the same in
/// every one of them. Immutable; made once per class and version.
public final class ObjectLayout: Sendable {
    /// One property (or parameter) that an object may have.
    struct Slot: Sendable {
        var name: String
        var type: CIMTypeReference
        var isKey: Bool
        /// The value may be copied as it is when the wire type matches: nothing about it needs parsing.
        var isPlain: Bool
    }

    /// Its class, or the method's `__PARAMETERS`.
    public let className: String
    /// The class; nil for the parameters of a method.
    public let declaration: CIMClass?
    let slots: [Slot]
    let keys: [Int]
    private let positions: [CIMName: Int]
    /// The system properties that every object of the class shares, as entries of an `a{sv}`, made for phase 0.
    let constants: [UInt8]
    /// `\\SERVER\root\cimv2:`, which precedes a relative path in `__PATH`.
    let pathPrefix: [UInt8]

    /// The layout of the instances of `declaration`, whose features are resolved.
    public init(_ declaration: CIMClass, namespace: CIMNamespaceName, server: String) {
        className = declaration.name
        self.declaration = declaration
        slots = declaration.properties.map { Slot(name: $0.name, type: $0.type, isKey: $0.isKey, isPlain: Self.isPlain($0.type)) }
        keys = declaration.properties.indices.filter { declaration.properties[$0].isKey }
        positions = Self.positions(slots)
        pathPrefix = Array("\\\\\(server)\\\(namespace.wmiText):".utf8)
        var writer = BodyWriter()
        writer.append(entry: SystemProperty.className, .string(declaration.name))
        writer.append(entry: SystemProperty.genus, .sint32(2))
        if let superclass = declaration.superclass { writer.append(entry: SystemProperty.superclass, .string(superclass)) }
        writer.append(entry: SystemProperty.dynasty, .string(declaration.dynasty))
        writer.append(entry: SystemProperty.propertyCount, .sint32(Int32(clamping: declaration.properties.count)))
        writer.append(entry: SystemProperty.derivation, .strings(declaration.derivation))
        writer.append(entry: SystemProperty.server, .string(server))
        writer.append(entry: SystemProperty.namespace, .string(namespace.wmiText))
        constants = (try? writer.finish()) ?? []
    }

    /// The layout of a method's in or out parameters: an instance of `__PARAMETERS` (SEMANTICS C.5, R100, R104).
    /// - Parameter returns: the type of `ReturnValue`, for out parameters.
    public init(parameters: [CIMParameter], returns: CIMTypeReference? = nil) {
        className = "__PARAMETERS"
        declaration = nil
        var slots = parameters.map { Slot(name: $0.name, type: $0.type, isKey: false, isPlain: Self.isPlain($0.type)) }
        if let returns { slots.append(Slot(name: "ReturnValue", type: returns, isKey: false, isPlain: Self.isPlain(returns))) }
        self.slots = slots
        keys = []
        positions = Self.positions(slots)
        pathPrefix = []
        var writer = BodyWriter()
        writer.append(entry: SystemProperty.className, .string(className))
        writer.append(entry: SystemProperty.genus, .sint32(2))
        writer.append(entry: SystemProperty.propertyCount, .sint32(Int32(clamping: slots.count)))
        constants = (try? writer.finish()) ?? []
    }

    private static func positions(_ slots: [Slot]) -> [CIMName: Int] {
        Dictionary(slots.enumerated().map { (CIMName($1.name), $0) }, uniquingKeysWith: { first, _ in first })
    }

    private static func isPlain(_ type: CIMTypeReference) -> Bool {
        switch type.base {
        case .datetime, .reference, .object, .sint8, .real32: false
        default: true
        }
    }

    /// The slot of a property, `likely` being tried first.
    func slot(named name: UnsafeRawBufferPointer, likely: Int) -> Int? {
        if likely < slots.count, Self.equal(name, slots[likely].name) { return likely }
        return positions[CIMName(String(decoding: name, as: UTF8.self))]
    }

    static func equal(_ bytes: UnsafeRawBufferPointer, _ text: String) -> Bool {
        let utf8 = text.utf8
        return utf8.count == bytes.count && utf8.elementsEqual(bytes)
    }
}
