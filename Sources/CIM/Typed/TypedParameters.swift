/// The parameters of a method by name, typed: what a caller gives, or what the method gives back.
public struct TypedParameters: Hashable, Sendable {
    /// The name under which the return value is among what a method gives back.
    public static let returnValue = "ReturnValue"

    /// "Sample_Clock.Strike", for errors.
    public let method: String

    /// An instance of `__PARAMETERS`.
    public private(set) var values: CIMInstance

    public init(of method: String, _ values: CIMInstance = CIMInstance(className: "__PARAMETERS")) {
        self.method = method
        self.values = values
    }

    /// Nil is NULL.
    public mutating func set<Value: TypedValue>(_ name: String, _ value: Value?) {
        if let value { values[name] = value.cimValue }
    }

    /// Nil for NULL. Throws InvalidMethodParameters for a value of another type.
    public func optional<Value: TypedValue>(_ name: String, as type: Value.Type = Value.self) throws(CIMError) -> Value? {
        guard let value = values[name], !value.isNull else { return nil }
        guard let typed = Value(reading: value) else {
            throw CIMError(
                .invalidMethodParameters, "\(name) of \(method) is \(value.briefDescription), which is no \(Value.cimType) of its class")
        }
        return typed
    }

    /// Throws InvalidMethodParameters where the parameter is NULL, too.
    public func required<Value: TypedValue>(_ name: String, as type: Value.Type = Value.self) throws(CIMError) -> Value {
        if let value: Value = try optional(name) { return value }
        throw CIMError(.invalidMethodParameters, "\(name) of \(method) is NULL: give it a value")
    }

    /// What a method returned. Throws NotAvailable where it is NULL.
    public func returned<Value: TypedValue>(as type: Value.Type = Value.self) throws(CIMError) -> Value {
        if let value: Value = try optional(Self.returnValue) { return value }
        throw CIMError(.notAvailable, "\(method) returned nothing: its provider says no ReturnValue")
    }
}
