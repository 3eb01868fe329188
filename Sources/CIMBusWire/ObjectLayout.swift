import CIM
import DBus
import Synchronization

/// A class, prepared for checking and writing its objects: what may stand in one, of which D-Bus type, and the bytes that are the same in
/// every one of them. Immutable; made once per class and version.
public final class ObjectLayout: Sendable {
    /// One property (or parameter) that an object may have.
    final class Slot: Sendable {
        let name: String
        let type: CIMTypeReference
        let isKey: Bool
        /// How one value of the type lies on the wire: of an array, an element.
        let wire: WireLayout
        /// What the whole value takes there.
        let extent: WireLayout.Extent
        /// The D-Bus type of the whole value.
        let signature: StaticString
        /// How an entry of this property starts on the wire: its name, and the type of its variant.
        let prefix: [UInt8]

        init(_ name: String, _ type: CIMTypeReference, isKey: Bool = false) {
            self.name = name
            self.type = type
            self.isKey = isKey
            wire = type.base.wireLayout
            extent = type.isArray ? wire.arrayExtent : wire.extent
            signature = type.isArray ? wire.arraySignature : wire.signature
            var writer = BodyWriter()
            writer.append(string: name)
            writer.beginVariant(signature)
            prefix = (try? writer.finish()) ?? []
        }

        /// The first eight bytes of the prefix: how long the name is, and how it begins. A prefix has as many at least.
        fileprivate var start: UInt64 { prefix.withUnsafeBytes { $0.count < 8 ? 0 : $0.loadUnaligned(as: UInt64.self) } }
    }

    /// Its class, or the method's `__PARAMETERS`.
    public let className: String
    /// The class; nil for the parameters of a method.
    public var declaration: CIMClass? { indexed?.declaration }
    /// The class, with what is looked up in it; its properties lie as the slots do.
    package let indexed: IndexedClass?
    /// Where its objects are, as `__SERVER` and `__NAMESPACE` say it; nowhere for parameters.
    public let server: String
    public let namespace: CIMNamespaceName
    let slots: [Slot]
    /// How the slots' entries start, side by side: by this nearly all are told apart.
    private let starts: [UInt64]
    let keys: [Int]
    /// The class's key properties.
    package var keyProperties: [CIMProperty] { indexed?.keyProperties ?? [] }
    /// Whether it is a class with one instance at most, which needs no key.
    let isSingleton: Bool
    private let positions: [CIMName: Int]
    /// The entry `__CLASS`, with which an object usually starts.
    let classEntry: [UInt8]
    /// The system properties that every object of the class shares, as entries of an `a{sv}`, made for phase 0.
    let constants: [UInt8]
    /// The same but for `__CLASS`, each by itself.
    let constantEntries: [(property: ObjectRow.SystemProperties, bytes: [UInt8])]
    /// Where paths in its objects are seen from; nil for parameters of nowhere.
    package let location: CIMLocation?
    /// `\\SERVER\root\cimv2:`, which precedes a relative path in `__PATH`.
    let pathPrefix: [UInt8]
    /// Those of the parameters of its methods that were asked for.
    private let methods = Mutex<[CIMName: (input: ObjectLayout, output: ObjectLayout)]>([:])

    /// The layout of the instances of `declaration`, whose features are resolved.
    public init(_ declaration: CIMClass, namespace: CIMNamespaceName, server: String) {
        className = declaration.name
        let indexed = IndexedClass(declaration)
        self.indexed = indexed
        self.server = server
        self.namespace = namespace
        let slots = declaration.properties.indices.map { index in
            let property = declaration.properties[index]
            return Slot(property.name, property.type, isKey: indexed.keys.contains(index))
        }
        self.slots = slots
        starts = slots.map(\.start)
        keys = indexed.keys
        isSingleton = declaration.isSingleton
        positions = indexed.positions
        let location = CIMLocation(namespace: namespace, server: server)
        self.location = location
        pathPrefix = Array(location.pathPrefix.utf8)
        classEntry = Self.entry(.className, .string(className))
        let shared: [(property: SystemProperty, value: CIMValue)] = SystemProperty.allCases.compactMap { property in
            guard property != .className, let value = property.value(ofInstancesOf: declaration, in: location), !value.isNull else {
                return nil
            }
            return (property, value)
        }
        constantEntries = shared.map { (ObjectRow.SystemProperties($0.property), Self.entry($0.property, $0.value)) }
        var writer = BodyWriter()
        writer.append(.className, .string(className))
        for (property, value) in shared { writer.append(property, value) }
        constants = (try? writer.finish()) ?? []
    }

    /// The layout of a method's in or out parameters: an instance of `__PARAMETERS` (Semantics C.5, R100, R104).
    /// - Parameters:
    ///   - returns: the type of `ReturnValue`, for out parameters.
    ///   - location: where references in them are seen from.
    public init(parameters: [CIMParameter], returns: CIMTypeReference? = nil, in location: CIMLocation? = nil) {
        className = "__PARAMETERS"
        indexed = nil
        server = ""
        namespace = .root
        var slots = parameters.map { Slot($0.name, $0.type) }
        if let returns { slots.append(Slot("ReturnValue", returns)) }
        self.slots = slots
        starts = slots.map(\.start)
        keys = []
        isSingleton = false
        positions = Dictionary(slots.enumerated().map { (CIMName($1.name), $0) }, uniquingKeysWith: { first, _ in first })
        pathPrefix = []
        constantEntries = []
        self.location = location
        classEntry = Self.entry(.className, .string(className))
        var writer = BodyWriter()
        writer.append(.className, .string(className))
        writer.append(.genus, .sint32(2))
        writer.append(.propertyCount, .sint32(Int32(clamping: slots.count)))
        constants = (try? writer.finish()) ?? []
    }

    private static func entry(_ property: SystemProperty, _ value: CIMValue) -> [UInt8] {
        var writer = BodyWriter()
        writer.append(property, value)
        return (try? writer.finish()) ?? []
    }

    /// The slot of a property, `likely` being tried first.
    func slot(named name: UnsafeRawBufferPointer, likely: Int) -> Int? {
        if likely < slots.count, Self.equal(name, slots[likely].name) { return likely }
        return positions[CIMName(String(decoding: name, as: UTF8.self))]
    }

    /// The slot of a property, in any case of its name.
    public func slot(named name: String) -> Int? { positions[CIMName(name)] }

    /// The layouts of the in and the out parameters of a method, seen from nowhere; nil where the class has no such method.
    package func method(named name: String) -> (input: ObjectLayout, output: ObjectLayout)? {
        if let known = methods.withLock({ $0[CIMName(name)] }) { return known }
        guard let method = declaration?.method(named: name) else { return nil }
        let layouts = (
            input: ObjectLayout(parameters: method.parameters.filter(\.isIn)),
            output: ObjectLayout(parameters: method.parameters.filter(\.isOut), returns: method.returnType)
        )
        methods.withLock { $0[CIMName(name)] = layouts }
        return layouts
    }

    /// How many properties or parameters an object may have.
    public var slotCount: Int { slots.count }

    /// Whether each slot is a key, in the order of the slots.
    public var isKey: [Bool] { slots.map(\.isKey) }

    static func equal(_ bytes: UnsafeRawBufferPointer, _ text: String) -> Bool {
        let utf8 = text.utf8
        return utf8.count == bytes.count && utf8.elementsEqual(bytes)
    }

    /// The slot whose entry starts at `reader`, tried from `likely` on, in the class's order; `reader` is then at the value. Nil where the
    /// object is not in the class's own order, spelling and types; `reader` has not moved then.
    func match(_ reader: inout BodyReader, from likely: Int) -> Int? {
        let next = reader.bytes(in: reader.position..<reader.position + 8)
        guard next.count == 8 else { return nil }
        let start = next.loadUnaligned(as: UInt64.self)
        for index in likely..<max(likely, starts.count) where starts[index] == start {
            if slots[index].prefix.withUnsafeBytes({ reader.skip(ifNext: $0) }) { return index }
        }
        return nil
    }
}
