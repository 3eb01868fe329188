import CIM
import CIMBusWire

/// What the qualifiers `read` and `write` of a class say of a put.
extension ProviderHost {
    /// Throws ReadOnly for a put that changes a property which the class declares as one that is only read.
    ///
    /// What a client has read and puts back asks for no change, and so does NULL. Only the provider knows what is there now: it is asked. Where it
    /// does not say, because the instance is to be created or the provider gets no single instances, it decides itself.
    func refuseReadOnly(_ instance: CIMInstance, _ provider: any InstanceProvider, _ context: RequestContext) async throws(CIMError) {
        guard options.readOnlyProperties == .refused, context.putMode != .createOnly,
            let declaration = try? await context.layout(of: instance.className, in: context.namespace).declaration
        else { return }
        let candidates = instance.properties.filter { property in
            !property.value.isNull && context.writes(property.name) && declaration.property(named: property.name)?.isReadOnly ?? false
        }
        guard !candidates.isEmpty, let path = try? instance.path(in: declaration),
            let current = try? await provider.getInstance(at: path, context: context)
        else { return }
        for property in candidates {
            let type = declaration.property(named: property.name)?.type
            let known = current[property.name] ?? .null
            guard type.flatMap({ known.read(as: $0) }) != property.value else { continue }
            throw CIMError(
                .readOnly,
                "\(property.name) of \(path) is \(known.briefDescription) and cannot be made \(property.value.briefDescription): \(declaration.name) says that it is only read; leave it out, or as it is"
            )
        }
    }
}

extension CIMProperty {
    /// Whether its declaration says that nobody writes it: `read` without `write`, or `write(false)`. A declaration that says neither leaves that
    /// to the provider. Keys say which instance is meant.
    var isReadOnly: Bool {
        if isKey { return false }
        if let write = qualifier(named: "write") { return write.value == .boolean(false) }
        return qualifiers.isTrue("read")
    }
}
