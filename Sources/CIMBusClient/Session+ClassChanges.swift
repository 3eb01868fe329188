import CIM
import CIMBusWire
import DBus

extension Session {
    /// The classes derived from `superclass`, at all depths (CreateClassEnum); with `deep` false its children only. Of no superclass: all
    /// classes, or the topmost ones. Each comes with its inherited features.
    ///
    /// The sequence throws InvalidClass when there is no such class.
    public func enumerateClasses(
        of superclass: String? = nil, deep: Bool = true, options: OperationOptions = OperationOptions()
    ) -> ClassSequence {
        ClassSequence(Operation(start(.createClassEnum(superclass ?? "", options, deep ? [] : .shallow))), .classes(self))
    }

    /// Creates or changes a class (PutClass); see ``getClass(_:refreshing:timeout:)`` for what is kept of classes afterwards.
    ///
    /// Throws AlreadyExists and NotFound as `mode` says, InvalidSuperclass, ClassHasChildren and ClassHasInstances when what is below the
    /// class is in the way, AccessDenied when this user may not write, and what the class itself breaks. Only features that are the class's
    /// own are taken; what it inherits follows from its superclass. After TransportFailure it may have been stored.
    /// - Parameter mode: `OperationFlags.createOnly` or `.updateOnly`, and `.safeUpdate` or `.forceUpdate` for a class with subclasses; none:
    ///   create or update.
    public func putClass(
        _ declaration: CIMClass, mode: OperationFlags = [], options: OperationOptions = OperationOptions()
    ) async throws(CIMError) {
        if options.onProgress != nil { return try await beginPutClass(declaration, mode: mode, options: options).value }
        defer { link.classes.forgetAll() }
        _ = try await call(.putClass(declaration, in: namespace, options, mode))
    }

    /// Deletes a class, with all classes derived from it and all their stored instances. Throws InvalidClass when there is none, InvalidOperation
    /// for a system class, AccessDenied when this user may not write.
    public func deleteClass(_ name: String, options: OperationOptions = OperationOptions()) async throws(CIMError) {
        if options.onProgress != nil { return try await beginDeleteClass(name, options: options).value }
        defer { link.classes.forgetAll() }
        _ = try await call(.deleteClass(name, options))
    }
}
