import CIM
import CIMBusWire

/// Instances of classes that are Swift types, generated from MOF. Each function does what the one without types does, and fails as that one.
extension Session {
    /// The instances of a class and of its subclasses. With `OperationFlags.shallow` the instances of exactly this class.
    ///
    /// ```swift
    /// for try await clock in session.instances(of: Sample_Clock.self) { print(clock.name) }
    /// ```
    public func instances<Object: TypedInstance>(
        of type: Object.Type, options: OperationOptions = OperationOptions()
    ) -> TypedSequence<Object> {
        TypedSequence(enumerateInstances(of: Object.className, options: options))
    }

    /// The instances for which a condition of WQL holds: what follows WHERE. Text of somebody else's belongs there by ``wqlLiteral(_:)`` alone.
    public func query<Object: TypedInstance>(
        _ type: Object.Type, where condition: String, options: OperationOptions = OperationOptions()
    ) -> TypedSequence<Object> {
        TypedSequence(execQuery("SELECT * FROM \(Object.className) WHERE \(condition)", options: options))
    }

    /// A text as a constant of WQL, in quotes.
    public static func wqlLiteral(_ text: String) -> String {
        "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
    }

    /// One instance. Throws NotFound when there is none.
    public func get<Object: TypedInstance>(
        _ reference: Reference<Object>, options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> Object {
        try Object(try await getInstance(at: reference.path, options: options))
    }

    /// Creates or updates an instance: every property is written, those that are nil as NULL.
    ///
    /// What was read as a superclass of its class is written as an instance of the superclass: read it as what it is.
    /// - Returns: its path.
    @discardableResult
    public func put<Object: TypedInstance>(
        _ object: Object, options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> Reference<Object> {
        Reference(try await putInstance(object.instance, options: options))
    }

    /// Creates an instance. Throws AlreadyExists when it is there.
    @discardableResult
    public func create<Object: TypedInstance>(
        _ object: Object, options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> Reference<Object> {
        var options = options
        options.flags.insert(.createOnly)
        return try await put(object, options: options)
    }

    /// Updates an instance. Throws NotFound when it is not there.
    @discardableResult
    public func update<Object: TypedInstance>(
        _ object: Object, options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> Reference<Object> {
        var options = options
        options.flags.insert(.updateOnly)
        return try await put(object, options: options)
    }

    /// Deletes an instance. Throws NotFound when there is none.
    public func delete<Object: TypedInstance>(
        _ reference: Reference<Object>, options: OperationOptions = OperationOptions()
    ) async throws(CIMError) {
        try await deleteInstance(at: reference.path, options: options)
    }

    /// Runs a method: what generated functions do. Call those.
    public func invoke(
        _ method: String, of className: String, at path: CIMObjectPath, _ input: TypedParameters, options: OperationOptions
    ) async throws(CIMError) -> TypedParameters {
        var parameters: [String: CIMValue] = [:]
        for property in input.values.properties { parameters[property.name] = property.value }
        let result = try await invoke(method, at: path, parameters: parameters, options: options)
        return TypedParameters(of: input.method, result.object ?? result.parameters)
    }
}
