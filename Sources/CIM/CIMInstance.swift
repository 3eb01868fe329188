/// An instance: the name of its class and its property values, in order.
///
/// A lookup walks the few properties and compares bytes; nothing is hashed. The instance does not know its class. Whoever has the class
/// checks types and fills in absent properties (Design 3, Objects: an absent property is NULL).
public struct CIMInstance: Sendable {
    /// How deep objects may hold objects (Design 3, Objects).
    public static let maximumNesting = 16

    /// A property value.
    public struct Property: Hashable, Sendable {
        public var name: String
        public var value: CIMValue

        public init(name: String, value: CIMValue) {
            self.name = name
            self.value = value
        }
    }

    /// What qualifies a property of one instance.
    public struct PropertyQualifiers: Hashable, Sendable {
        public var name: String
        public var qualifiers: [CIMQualifier]

        public init(name: String, qualifiers: [CIMQualifier]) {
            self.name = name
            self.qualifiers = qualifiers
        }
    }

    public var className: String

    /// Where the instance lives; nil when nobody has said.
    public var path: CIMObjectPath?

    /// The values. No two names differ in case alone, unless a decoder appended such names.
    public var properties: [Property]

    /// Qualifiers of the instance itself. The qualifiers of its class are not among them.
    public var qualifiers: [CIMQualifier] = []

    /// Qualifiers of single properties, each property once. A property without a value may have qualifiers, too.
    public var propertyQualifiers: [PropertyQualifiers] = []

    public init(className: String, _ properties: [Property] = [], path: CIMObjectPath? = nil) {
        self.className = className
        self.properties = properties
        self.path = path
    }

    public init(className: String, _ properties: KeyValuePairs<String, CIMValue>, path: CIMObjectPath? = nil) {
        self.init(className: className, properties.map { Property(name: $0.key, value: $0.value) }, path: path)
    }

    /// An instance to append to.
    public init(className: String, reservingCapacity capacity: Int) {
        self.init(className: className)
        properties.reserveCapacity(capacity)
    }
}

extension CIMInstance {
    /// The position of a property, in any case.
    public func index(of name: String) -> Int? {
        for index in properties.indices where CIMName.equal(properties[index].name, name) { return index }
        return nil
    }

    /// The value of a property, in any case: nil when absent, `.null` when NULL. Setting nil removes it; setting a new name appends.
    public subscript(name: String) -> CIMValue? {
        get { index(of: name).map { properties[$0].value } }
        set {
            if let index = index(of: name) {
                if let newValue { properties[index].value = newValue } else { properties.remove(at: index) }
            } else if let newValue {
                properties.append(Property(name: name, value: newValue))
            }
        }
    }

    /// The qualifiers of one property, in any case of its name.
    public func qualifiers(ofProperty name: String) -> [CIMQualifier] {
        propertyQualifiers.first { CIMName.equal($0.name, name) }?.qualifiers ?? []
    }

    /// Whether it, or a property of it, has a qualifier.
    public var hasQualifiers: Bool { !qualifiers.isEmpty || !propertyQualifiers.isEmpty }

    /// Takes away the localized qualifiers: a put with USE_AMENDED_QUALIFIERS does not store them (R48).
    public mutating func removeAmendedQualifiers() {
        qualifiers.removeAmended()
        for index in propertyQualifiers.indices { propertyQualifiers[index].qualifiers.removeAmended() }
        propertyQualifiers.removeAll(where: \.qualifiers.isEmpty)
    }

    /// Appends without looking for the name: for decoders, which check names themselves.
    @inlinable
    public mutating func append(name: String, value: CIMValue) { properties.append(Property(name: name, value: value)) }

    /// The first name that occurs twice, in any case; nil when all names differ. The work is bounded although the names come from peers:
    /// few names are compared one by one, many are hashed.
    public var duplicateName: String? {
        if properties.count <= 16 {
            for index in properties.indices.dropFirst() {
                for earlier in properties[..<index] where CIMName.equal(earlier.name, properties[index].name) {
                    return properties[index].name
                }
            }
            return nil
        }
        var seen: Set<CIMName> = []
        return properties.first { !seen.insert(CIMName($0.name)).inserted }?.name
    }

    /// The relative canonical path, built from the key values.
    ///
    /// - Throws: NoKey when the class has no key or a key is absent or NULL; TypeMismatch when a key value does not fit its type;
    ///   InvalidObjectPath when a key text has a character below U+0020 or the path is longer than 8192 characters.
    public func path(in declaration: CIMClass) throws(CIMError) -> CIMObjectPath {
        if declaration.isSingleton { return CIMObjectPath(className: declaration.name, keys: .singleton) }
        var keys: [CIMObjectPath.Key] = []
        for property in declaration.properties where property.isKey {
            guard let value = self[property.name], !value.isNull else {
                throw CIMError(.noKey, "key \(property.name) of an instance of \(declaration.name) is NULL: give it a value")
            }
            guard let converted = value.read(as: property.type), let key = CIMObjectPath.KeyValue(converted) else {
                throw CIMError(
                    .typeMismatch,
                    "key \(property.name) of an instance of \(declaration.name) must be \(property.type), got \(value.briefDescription)")
            }
            keys.append(CIMObjectPath.Key(name: property.name, value: key))
        }
        guard !keys.isEmpty else { throw CIMError(.noKey, "class \(declaration.name) has no key, so its instances have no path") }
        let path = CIMObjectPath(className: declaration.name, keys: .keys(keys))
        if let reason = path.reasonItCannotBeWritten { throw CIMError(.invalidObjectPath, "the key of \(declaration.name): \(reason)") }
        return path
    }
}

extension CIMInstance: Hashable {
    /// Whether both have the same class, path, qualifiers and properties. The order of the properties and the case of names do not count.
    public static func == (left: CIMInstance, right: CIMInstance) -> Bool {
        guard left.properties.count == right.properties.count, CIMName.equal(left.className, right.className), left.path == right.path,
            left.qualifiers == right.qualifiers, left.propertyQualifiers == right.propertyQualifiers
        else { return false }
        for (position, property) in left.properties.enumerated() {
            let other = right.properties[position]
            let value = CIMName.equal(other.name, property.name) ? other.value : right[property.name]
            guard value == property.value else { return false }
        }
        return true
    }

    public func hash(into hasher: inout Hasher) {
        CIMName.hash(className, into: &hasher)
        hasher.combine(path)
        var sum = 0
        for property in properties {
            var inner = Hasher()
            CIMName.hash(property.name, into: &inner)
            inner.combine(property.value)
            sum &+= inner.finalize()
        }
        hasher.combine(sum)
    }
}

extension CIMInstance: CustomStringConvertible {
    /// The instance in MOF: instance of Class { Name = value; … }.
    public var description: String {
        "instance of \(className) {\(properties.map { " \($0.name) = \($0.value);" }.joined()) }"
    }
}
