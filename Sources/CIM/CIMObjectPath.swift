/// The path of a class or an instance (Semantics H.1).
///
/// Two paths are equal when they differ only in case, also in that of their key values, or in the order of their keys. A path without a
/// server is on the local server, ".".
public struct CIMObjectPath: Sendable {
    /// What follows the class name.
    public enum Keys: Hashable, Sendable {
        /// A class path.
        case none

        /// `Class=@`.
        case singleton
        case keys([Key])
    }

    /// A key and its value. The name is nil where a path with one key leaves it out, `Class="v"`.
    public struct Key: Hashable, Sendable {
        public var name: String?
        public var value: KeyValue

        public init(name: String?, value: KeyValue) {
            self.name = name
            self.value = value
        }

        public static func == (left: Key, right: Key) -> Bool {
            switch (left.name, right.name) {
            case (nil, nil): left.value == right.value
            case (let one?, let other?): CIMName.equal(one, other) && left.value == right.value
            default: false
            }
        }

        public func hash(into hasher: inout Hasher) {
            if let name { CIMName.hash(name, into: &hasher) }
            hasher.combine(value)
        }
    }

    /// The value of a key. A quoted value is text, whatever the type of the key; `canonicalized(for:)` gives it its type.
    public enum KeyValue: Sendable {
        case string(String)
        case integer(Int64)

        /// A number above `Int64.max`.
        case unsigned(UInt64)
        case boolean(Bool)
        indirect case reference(CIMObjectPath)
    }

    /// The machine, without the leading `\\`.
    public var server: String?

    /// With `/` between its parts, spelled as given.
    public var namespace: String?
    public var className: String
    public var keys: Keys

    public init(server: String? = nil, namespace: String? = nil, className: String, keys: Keys = .none) {
        self.server = server
        self.namespace = namespace
        self.className = className
        self.keys = keys
    }

    /// The path of an instance, `Class.Key=value,…`: `CIMObjectPath(className: "Sample_Clock", ["Name": "hall"])`.
    /// - Parameter keys: all keys of the class, by name.
    public init(className: String, _ keys: KeyValuePairs<String, KeyValue>) {
        self.init(className: className, keys: .keys(keys.map { Key(name: $0.key, value: $0.value) }))
    }

    public var isClassPath: Bool { keys == .none }

    /// The value of a key, in any case; nil when the path does not name it.
    public subscript(key name: String) -> KeyValue? {
        guard case .keys(let keys) = keys else { return nil }
        return keys.first { key in key.name.map { CIMName.equal($0, name) } ?? false }?.value
    }
}

extension CIMObjectPath.KeyValue {
    /// The key form of a value; nil for NULL, reals, objects and arrays, which cannot be keys.
    public init?(_ value: CIMValue) {
        switch value {
        case .null, .real32, .real64, .object, .array: return nil
        case .boolean(let flag): self = .boolean(flag)
        case .string(let text): self = .string(text)
        case .datetime(let time): self = .string(time.description)
        case .reference(let path): self = .reference(path)
        case .uint64(let number): self = Int64(exactly: number).map { .integer($0) } ?? .unsigned(number)
        default:
            guard let number = value.int64Value else { return nil }
            self = .integer(number)
        }
    }

    /// The value as written in the path, before it is fitted to the type of its key. Integers are sint64 or uint64.
    public var value: CIMValue {
        switch self {
        case .string(let text): .string(text)
        case .integer(let number): .sint64(number)
        case .unsigned(let number): .uint64(number)
        case .boolean(let flag): .boolean(flag)
        case .reference(let path): .reference(path)
        }
    }
}

extension CIMObjectPath.KeyValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral {
    public init(stringLiteral value: String) { self = .string(value) }
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
}

extension CIMObjectPath.KeyValue: Hashable {
    public static func == (left: Self, right: Self) -> Bool {
        switch (left, right) {
        case (.string(let one), .string(let other)): CIMName.equal(one, other)
        case (.integer(let one), .integer(let other)): one == other
        case (.unsigned(let one), .unsigned(let other)): one == other
        case (.boolean(let one), .boolean(let other)): one == other
        case (.reference(let one), .reference(let other)): one == other
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .string(let text): CIMName.hash(text, into: &hasher)
        case .integer(let number): hasher.combine(number)
        case .unsigned(let number): hasher.combine(number)
        case .boolean(let flag): hasher.combine(flag)
        case .reference(let path): hasher.combine(path)
        }
    }
}

extension CIMObjectPath: Hashable {
    public static func == (left: CIMObjectPath, right: CIMObjectPath) -> Bool {
        guard CIMName.equal(left.className, right.className), CIMName.equal(left.server ?? ".", right.server ?? "."),
            CIMName.equal(left.namespace ?? "", right.namespace ?? "")
        else { return false }
        guard case .keys(let mine) = left.keys, case .keys(let theirs) = right.keys else { return left.keys == right.keys }
        guard mine.count == theirs.count else { return false }
        if mine == theirs { return true }
        guard mine.count > 1 else { return false }
        return Set(mine) == Set(theirs)
    }

    public func hash(into hasher: inout Hasher) {
        CIMName.hash(className, into: &hasher)
        CIMName.hash(namespace ?? "", into: &hasher)
        switch keys {
        case .none: hasher.combine(0)
        case .singleton: hasher.combine(1)
        case .keys(let keys):
            var sum = 0
            for key in keys {
                var inner = Hasher()
                inner.combine(key)
                sum &+= inner.finalize()
            }
            hasher.combine(sum)
        }
    }
}
