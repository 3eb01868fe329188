import CIM
import CIMBusWire
import DBus

extension Session {
    /// The classes that are derived from `superclass`, at all depths (CreateClassEnum); with `deep` false only its children. Where
    /// `superclass` is nil: all classes of the namespace; with `deep` false only the classes without a superclass. Each class has its
    /// inherited features.
    ///
    /// The sequence throws InvalidClass when there is no class `superclass`.
    public func enumerateClasses(
        of superclass: String? = nil, deep: Bool = true, options: OperationOptions = OperationOptions()
    ) -> ClassSequence {
        ClassSequence(Operation(start(.createClassEnum(superclass ?? "", options, deep ? [] : .shallow))), .classes(self))
    }

    /// Creates or changes a class (PutClass). ``getClass(_:refreshing:timeout:)`` says which classes the session keeps afterwards.
    ///
    /// The broker takes only the class's own features; the inherited ones follow from its superclass.
    ///
    /// Throws AlreadyExists and NotFound as `mode` says; InvalidSuperclass; ClassHasChildren and ClassHasInstances when subclasses or
    /// instances are in the way; AccessDenied when this user may not write; and the error of a rule that the class itself breaks. After
    /// TransportFailure the class may have been stored.
    /// - Parameter mode: `OperationFlags.createOnly` or `.updateOnly`; without either of them the class is created or updated. For a class
    ///   with subclasses also `.safeUpdate` or `.forceUpdate`.
    public func putClass(
        _ declaration: CIMClass, mode: OperationFlags = [], options: OperationOptions = OperationOptions()
    ) async throws(CIMError) {
        if options.onProgress != nil { return try await beginPutClass(declaration, mode: mode, options: options).value }
        defer { link.classes.forgetAll() }
        _ = try await call(.putClass(declaration, in: namespace, options, mode))
    }

    /// Deletes a class, with all classes derived from it and all their stored instances. Throws InvalidClass when there is no such class,
    /// InvalidOperation for a system class, AccessDenied when this user may not write.
    public func deleteClass(_ name: String, options: OperationOptions = OperationOptions()) async throws(CIMError) {
        if options.onProgress != nil { return try await beginDeleteClass(name, options: options).value }
        defer { link.classes.forgetAll() }
        _ = try await call(.deleteClass(name, options))
    }
}
