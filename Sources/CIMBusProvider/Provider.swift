import CIM
import CIMBusWire

/// What answers the calls for a class: an ``InstanceProvider``, a ``MethodProvider``, a ``QueryProvider``, or several of them.
///
/// One value serves calls from many tasks at once. Where ``ProviderService/Options/maximumConcurrentCalls`` is 1, no two calls run at the
/// same time. But a call may wait, in ``ObjectSink/indicate(_:)-(CIMInstance)`` for a slow client, or in a call of its own through its
/// ``RequestContext``. While it waits, other calls begin, run and end. So the state of the provider may have changed when the wait is over.
///
/// What a method throws becomes the client's result. A `CIMError` stays as it is, and a `CancellationError` becomes CallCancelled. An error
/// that carries an `errno` (`POSIXError`, an `NSError` of the POSIX domain, `Errno`) becomes what that number means. Any other error
/// becomes Failed, with its description.
public protocol Provider: Sendable {}

/// Provides the instances of a class (Semantics C.1 to C.4). Each method has a default that throws ProviderNotCapable: implement those that
/// the class supports.
public protocol InstanceProvider: Provider {
    /// Hands every instance of exactly this class to `sink`. To hand over none is a success.
    ///
    /// `sink.indicate` throws when the operation is over: let that error pass through. The operation ends when this method returns or
    /// throws.
    func enumerateInstances(of className: String, context: RequestContext, into sink: ObjectSink) async throws

    /// The instance at `path`. The path has the keys of the class. Throws NotFound when there is no such instance.
    func getInstance(at path: CIMObjectPath, context: RequestContext) async throws -> CIMInstance

    /// Writes an instance. ``RequestContext/putMode`` says whether the instance may, must or must not exist. Throws NotFound,
    /// AlreadyExists, and an error when a property that is not NULL cannot be written.
    /// - Returns: the relative path of the instance when this provider chose a key, else nil.
    func putInstance(_ instance: CIMInstance, context: RequestContext) async throws -> CIMObjectPath?

    /// Deletes the instance at `path`. Throws NotFound when there is no such instance.
    func deleteInstance(at path: CIMObjectPath, context: RequestContext) async throws

    /// Whether ``putInstance(_:context:)`` looks at ``RequestContext/putProperties``. The default is false: then the library refuses a
    /// partial update with ProviderNotCapable (Semantics C.1.3).
    var supportsPartialPut: Bool { get }
}

extension InstanceProvider {
    public func enumerateInstances(of className: String, context: RequestContext, into sink: ObjectSink) async throws {
        throw CIMError(.providerNotCapable, "the provider does not enumerate \(className)")
    }

    public func getInstance(at path: CIMObjectPath, context: RequestContext) async throws -> CIMInstance {
        throw CIMError(.providerNotCapable, "the provider does not get single instances of \(path.className)")
    }

    public func putInstance(_ instance: CIMInstance, context: RequestContext) async throws -> CIMObjectPath? {
        throw CIMError(.providerNotCapable, "instances of \(instance.className) cannot be written")
    }

    public func deleteInstance(at path: CIMObjectPath, context: RequestContext) async throws {
        throw CIMError(.providerNotCapable, "instances of \(path.className) cannot be deleted")
    }

    public var supportsPartialPut: Bool { false }
}

/// Carries out the methods of a class (Semantics C.5).
public protocol MethodProvider: Provider {
    /// Runs a method. The broker has checked that the class has it and that every parameter fits its declaration. Throws
    /// MethodNotImplemented, InvalidMethodParameters, NotFound.
    /// - Parameters:
    ///   - path: the path of the instance; the path of the class for a static method.
    ///   - parameters: the in parameters by name, with their declared types; an absent one is NULL.
    func invoke(_ method: String, at path: CIMObjectPath, parameters: CIMInstance, context: RequestContext) async throws -> MethodResult
}
