import CIM
import CIMBusWire
import DBus

extension ProviderSession {
    /// Logs what the classes declare and nobody here does: methods, where the provider of the class is no ``MethodProvider``; properties that can be
    /// written, where it is no ``InstanceProvider``.
    func checkDeclarations(at broker: UniqueName) async {
        for name in service.classNames {
            guard let provider = try? host.provider(name) else { continue }
            // Nothing could be amiss.
            if provider is any MethodProvider, provider is any InstanceProvider { continue }
            guard let declaration = await declaration(of: name, at: broker) else { continue }
            for warning in Self.unserved(declaration, by: provider) { service.logger.warning("\(warning)") }
        }
    }

    /// What a class declares and its provider does not do, in words.
    static func unserved(_ declaration: CIMClass, by provider: any Provider) -> [String] {
        var warnings: [String] = []
        let methods = declaration.methods.filter { $0.isImplemented && !$0.isDisabled }.map(\.name)
        if !methods.isEmpty, !(provider is any MethodProvider) {
            warnings.append(
                "class \(declaration.name) has \(Self.list("method", methods)), but its provider here is no MethodProvider: calls fail with MethodNotImplemented"
            )
        }
        let written = declaration.properties.filter { $0.qualifiers.isTrue("write") }.map(\.name)
        if !written.isEmpty, !(provider is any InstanceProvider) {
            warnings.append(
                "class \(declaration.name) has \(Self.list("property", written)) that can be written, but its provider here is no InstanceProvider: puts fail with ProviderNotCapable"
            )
        }
        return warnings
    }

    private static func list(_ word: String, _ names: [String]) -> String {
        let plural = word == "property" ? "properties" : word + "s"
        let most = 8
        let rest = names.count > most ? ", and \(names.count - most) more" : ""
        return "the \(names.count == 1 ? word : plural) \(names.prefix(most).joined(separator: ", "))\(rest)"
    }

    private func declaration(of name: String, at broker: UniqueName) async -> CIMClass? {
        guard
            let message = try? Message.methodCall(
                destination: BusName(broker), path: Contract.path(of: service.namespace), interface: Contract.services,
                member: MemberName(verified: "GetObject"), values: [.string(name), .int32(0), .dictionary([])]),
            var reader = try? await connection.call(message).reader
        else { return nil }
        return try? reader.readClass()
    }
}
