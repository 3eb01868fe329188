import CIM
import CIMBusWire

/// A provider in the shape of WMI's provider framework (Semantics E.2). It has one callback for each operation. The library has validated
/// the flags, and instances know their call. ``ProviderService`` serves such a provider like any other. The provider may ask others through
/// its ``MethodContext``.
///
/// Each callback has a default that throws ProviderNotCapable: implement those that the class supports. ``FrameworkInstance/commit()``
/// hands out an instance.
public protocol FrameworkProvider: InstanceProvider, QueryProvider, MethodProvider {
    /// Commits every instance of the class. To commit none is a success.
    func enumerateInstances(of className: String, flags: OperationFlags, context: MethodContext) async throws

    /// Fills an instance, which arrives with its keys. Throws NotFound when there is no such instance.
    /// - Parameter requested: the properties that are wanted; more do no harm.
    func getObject(_ instance: inout FrameworkInstance, requested: MethodContext.RequestedProperties, flags: OperationFlags) async throws

    /// Commits every instance that satisfies the query. More instances do no harm, unless ``QueryProvider/answersExactly`` is true. Throws
    /// ProviderNotCapable to leave a query to the broker.
    /// - Parameter query: says which properties are wanted, and which values a property may have in an instance that satisfies the query.
    func execQuery(_ query: FrameworkQuery, flags: OperationFlags, context: MethodContext) async throws

    /// Writes an instance. The flags say whether it must or must not exist.
    /// - Returns: its path when this provider chose a key, else nil.
    func putInstance(_ instance: FrameworkInstance, flags: OperationFlags) async throws -> CIMObjectPath?

    /// Deletes an instance, which arrives with its keys. Throws NotFound when there is no such instance.
    func deleteInstance(_ instance: FrameworkInstance, flags: OperationFlags) async throws

    /// Runs a method.
    /// - Parameters:
    ///   - instance: with its keys and its path; without keys for a static method of the class (R93).
    ///   - output: an instance of the method's out class (R118), with `ReturnValue`, to be filled.
    func execMethod(
        _ method: String, on instance: FrameworkInstance, input: CIMInstance, output: inout CIMInstance, flags: OperationFlags
    ) async throws

    /// Throws UnsupportedParameter for flags that the callback does not know. The default accepts ``FrameworkCallback/acceptableFlags``.
    func validateFlags(_ flags: OperationFlags, for callback: FrameworkCallback) throws(CIMError)
}

extension FrameworkProvider {
    public func enumerateInstances(of className: String, flags: OperationFlags, context: MethodContext) async throws {
        throw CIMError(.providerNotCapable, "the provider does not enumerate \(className)")
    }

    public func getObject(
        _ instance: inout FrameworkInstance, requested: MethodContext.RequestedProperties, flags: OperationFlags
    ) async throws {
        throw CIMError(.providerNotCapable, "the provider does not get single instances of \(instance.value.className)")
    }

    public func execQuery(_ query: FrameworkQuery, flags: OperationFlags, context: MethodContext) async throws {
        throw CIMError(.providerNotCapable, "the provider leaves queries to the broker")
    }

    public func putInstance(_ instance: FrameworkInstance, flags: OperationFlags) async throws -> CIMObjectPath? {
        throw CIMError(.providerNotCapable, "instances of \(instance.value.className) cannot be written")
    }

    public func deleteInstance(_ instance: FrameworkInstance, flags: OperationFlags) async throws {
        throw CIMError(.providerNotCapable, "instances of \(instance.value.className) cannot be deleted")
    }

    public func execMethod(
        _ method: String, on instance: FrameworkInstance, input: CIMInstance, output: inout CIMInstance, flags: OperationFlags
    ) async throws {
        throw CIMError(.providerNotCapable, "the provider does not run \(instance.value.className).\(method)")
    }

    public func validateFlags(_ flags: OperationFlags, for callback: FrameworkCallback) throws(CIMError) {
        try flags.validate(acceptable: callback.acceptableFlags)
    }
}
