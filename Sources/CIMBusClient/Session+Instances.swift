import CIM
import CIMBusWire
import DBus

/// Instances. ``enumerateInstances(of:options:)`` gives a sequence. Every other function here waits for its result, in the sync form: one
/// call, whose reply is the result.
///
/// A function that waits throws CallCancelled when its task is cancelled. The broker does not hear of that, and the operation may still
/// have its effect. To be able to cancel, use the async form (`begin…`). With ``OperationOptions/onProgress`` these functions take the
/// async form, too.
extension Session {
    /// The instances of a class and of its subclasses (CreateInstanceEnum; R20, R28). With `OperationFlags.shallow` the instances of
    /// exactly this class.
    public func enumerateInstances(of className: String, options: OperationOptions = OperationOptions()) -> InstanceSequence {
        InstanceSequence(Operation(start(.createInstanceEnum(className, options))), .instances(of: className, self))
    }

    /// One instance. Throws NotFound when there is no such instance, and InvalidObjectPath for the path of a class (see
    /// ``getClass(_:refreshing:timeout:)``).
    public nonisolated(nonsending) func getInstance(
        at path: CIMObjectPath, options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> CIMInstance {
        if options.onProgress != nil { return try await beginGetInstance(at: path, options: options).value }
        try Self.check(instancePath: path)
        let reply = try await call(.getObject(text(of: path), options))
        guard reply.hasSignature("a{sv}") else { throw .unexpected(reply, to: "GetObject") }
        if let instance = try knownInstance(of: path.className, at: reply.reader) { return instance }
        return try await instance(of: path.className) { try $0.readInstance(at: reply.reader) }
    }

    /// One instance, by the text of its path. Throws InvalidObjectPath when the text is no path.
    public func getInstance(at path: String, options: OperationOptions = OperationOptions()) async throws(CIMError) -> CIMInstance {
        try await getInstance(at: try Self.parse(path), options: options)
    }

    /// Creates or updates an instance (R41, R42). With `OperationFlags.createOnly` it only creates, with `.updateOnly` it only updates.
    ///
    /// Every property is written, absent ones as NULL, unless the options are ``OperationOptions/updatingOnly(_:)``.
    ///
    /// Throws AlreadyExists with `createOnly` when the instance exists, NotFound with `updateOnly` when it does not, InvalidObject when a
    /// value does not fit the class, and the error of the provider.
    /// - Returns: the path of the instance.
    @discardableResult
    public func putInstance(_ instance: CIMInstance, options: OperationOptions = OperationOptions()) async throws(CIMError) -> CIMObjectPath
    {
        if options.onProgress != nil { return try await beginPutInstance(instance, options: options).value }
        let reply = try await call(.putInstance(instance, options))
        guard reply.hasSignature("s") else { throw .unexpected(reply, to: "PutInstance") }
        var reader = reply.reader
        do { return try CIMObjectPath(parsing: try reader.readString()) } catch { throw Self.badPath(error) }
    }

    /// Deletes an instance. Throws NotFound when there is none.
    public func deleteInstance(at path: CIMObjectPath, options: OperationOptions = OperationOptions()) async throws(CIMError) {
        if options.onProgress != nil { return try await beginDeleteInstance(at: path, options: options).value }
        try Self.check(instancePath: path)
        _ = try await call(.deleteInstance(text(of: path), options))
    }

    /// Runs a method of an instance, or a static one of a class (R90, R91).
    ///
    /// Throws InvalidMethod when the class has no such method, and InvalidMethodParameters when a parameter is unknown or does not fit.
    /// After ProviderFailure and TransportFailure the method may have had its effect.
    /// - Parameter parameters: the in parameters by name. An integer may have any width into which its value fits.
    public nonisolated(nonsending) func invoke(
        _ method: String, at path: CIMObjectPath, parameters: [String: CIMValue] = [:], options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> MethodResult {
        if options.onProgress != nil { return try await beginInvoke(method, at: path, parameters: parameters, options: options).value }
        let reply = try await call(.execMethod(method, at: text(of: path), parameters, options))
        guard reply.hasSignature("a{sv}") else { throw .unexpected(reply, to: "ExecMethod") }
        return try await methodResult(in: reply.reader, of: path.className, method)
    }
}

// MARK: Paths

extension Session {
    static func parse(_ path: String) throws(CIMError) -> CIMObjectPath {
        do throws(ObjectPathError) {
            return try CIMObjectPath(parsing: path)
        } catch {
            throw CIMError(.invalidObjectPath, "'\(path.prefix(200))': \(error)", cause: error)
        }
    }

    static func check(instancePath path: CIMObjectPath) throws(CIMError) {
        guard path.isClassPath else { return }
        throw CIMError(.invalidObjectPath, "'\(path)' is the path of a class; an instance's has its keys: \(path.className).Key=\"value\"")
    }

    /// Relative where it names no machine and no other namespace. Whether a machine is its own, the broker knows.
    func text(of path: CIMObjectPath) -> String {
        let isHere = path.server == nil && path.namespace.map { CIMNamespaceName($0) == namespace } ?? true
        return isHere ? path.relativePath : path.path
    }
}

// MARK: Replies

extension Session {
    static func badPath(_ error: any Error) -> CIMError {
        CIMError(.transportFailure, "the broker returned a path that does not parse: \(error)")
    }

    /// The one instance that a get gives, where it is of a class that is known; nil: a class has to be asked for.
    private func knownInstance(of className: String, at reader: BodyReader) throws(CIMError) -> CIMInstance? {
        guard let known = link.classes.known(className, in: namespace, isWhole: false) else { return nil }
        var decoder = InstanceDecoder(expectedClass: className)
        decoder.expect(known)
        do {
            return try decoder.readInstance(at: reader)
        } catch is InstanceDecoder.Need {
            return nil
        } catch {
            throw CIMError(undecodable: error, what: "the instance")
        }
    }

    /// The one instance that a get gives.
    /// - Parameter read: where it lies.
    func instance(
        of className: String, _ read: (inout InstanceDecoder) throws -> CIMInstance
    ) async throws(CIMError) -> CIMInstance {
        var decoder = InstanceDecoder(expectedClass: className)
        return try await decode(&decoder, what: "the instance", read)
    }

    /// The out parameters in the one batch of an async call; nil for an empty batch: the method has nothing to say.
    func methodResult(in batch: Message, of className: String, _ method: String) async throws(CIMError) -> MethodResult? {
        var reader = batch.reader
        do {
            guard try reader.enterArray(elementAlignment: 4) > reader.position else { return nil }
        } catch {
            throw CIMError(undecodable: error, what: "the result of \(method)")
        }
        return try await methodResult(in: reader, of: className, method)
    }

    /// The out parameters, with the types the class says.
    nonisolated(nonsending) func methodResult(
        in reader: BodyReader, of className: String, _ method: String
    ) async throws(CIMError) -> MethodResult {
        var isRefreshing = false
        while true {
            let known = isRefreshing ? nil : link.classes.known(className, in: namespace, isWhole: true)
            let whole = if let known { known } else { try await layout(of: className, isWhole: true, refreshing: isRefreshing) }
            guard whole.declaration != nil else { throw CIMError(.invalidClass, "\(className) is not a class") }
            var reader = reader
            do {
                guard let declared = whole.method(named: method) else { return MethodResult(try reader.readInstance()) }
                return MethodResult(try reader.readInstance(declared.output))
            } catch {
                guard error is ObjectFault, !isRefreshing else { throw CIMError(undecodable: error, what: "the result of \(method)") }
                isRefreshing = true
            }
        }
    }
}
