import CIMBusClient
import CIMBusWire
import CIMJSON
import CIMMOF

/// What the methods do.
struct VarlinkService: Sendable {
    let broker: BrokerAccess

    /// Answers with replies, of which the last is the end; with an error, if it fails.
    func answer(_ call: VarlinkCall, _ channel: ReplyChannel) async {
        do {
            switch call.interface {
            case VarlinkInterface.service: try await channel.reply([try self.service(call)])
            case VarlinkInterface.cim: try await cim(call, channel)
            case VarlinkInterface.metrics: try await metrics(call, channel)
            default: throw VarlinkError.interfaceNotFound(call.interface)
            }
        } catch let error as VarlinkError {
            try? await channel.reply([.error(error)])
        } catch let error as CIMError {
            try? await channel.reply([.error(.failed(error))])
        } catch {
            // Nobody takes the answers any more.
        }
    }

    private func service(_ call: VarlinkCall) throws(VarlinkError) -> VarlinkReply {
        switch call.method {
        case "GetInfo":
            let interfaces = VarlinkInterface.descriptions.keys.sorted(by: >).map { JSONValue.string($0) }
            return .parameters([
                .init(name: "vendor", value: .string("CIMBus")), .init(name: "product", value: .string("cimbus-varlink")),
                .init(name: "version", value: .string(Contract.version)), .init(name: "url", value: .string("https://varlink.org/")),
                .init(name: "interfaces", value: .array(interfaces)),
            ])
        case "GetInterfaceDescription":
            let name = try call.arguments.text("interface")
            guard let text = VarlinkInterface.descriptions[name] else { throw .interfaceNotFound(name) }
            return .parameters([.init(name: "description", value: .string(text))])
        default: throw .methodNotFound(call.method)
        }
    }

    private func cim(_ call: VarlinkCall, _ channel: ReplyChannel) async throws {
        let arguments = call.arguments
        let options = OperationOptions(timeout: try arguments.timeout())
        guard ["Get", "Query", "Invoke", "Describe"].contains(call.method) else { throw VarlinkError.methodNotFound(call.method) }
        if call.method == "Query", !call.wantsMore { throw VarlinkError.expectedMore }
        let (session, number) = try await broker.session(for: try arguments.namespace())
        do {
            switch call.method {
            case "Get": try await channel.reply([try await get(arguments, options, session)])
            case "Invoke": try await channel.reply([try await invoke(arguments, options, session)])
            case "Describe": try await channel.reply([try await describe(arguments, options, session)])
            default: try await query(arguments, options, session, channel)
            }
        } catch let error as CIMError {
            if error.status == .fatalTransportError { await broker.drop(number) }
            throw error
        }
    }

    private func get(_ arguments: CallArguments, _ options: OperationOptions, _ session: Session) async throws -> VarlinkReply {
        var options = options
        if let names = try arguments.optionalTexts("properties") {
            options.context[ContextKey.getExtensions] = .boolean(true)
            options.context[ContextKey.getProperties] = .strings(names)
        }
        let path = try Self.path(arguments)
        if path.isClassPath { throw CIMError(.invalidObjectPath, "'\(path)' names a class, not one of its instances") }
        let instance = try await session.beginGetInstance(at: path, options: options).value
        return .parameters(Self.parameters(instance, in: session.namespace))
    }

    private func query(_ arguments: CallArguments, _ options: OperationOptions, _ session: Session, _ channel: ReplyChannel) async throws {
        for try await batch in session.execQuery(try arguments.text("query"), options: options).batches {
            try await channel.reply(batch.map { .parameters(Self.parameters($0, in: session.namespace), continues: true) })
        }
        try await channel.reply([.parameters("{}")])
    }

    private func invoke(_ arguments: CallArguments, _ options: OperationOptions, _ session: Session) async throws -> VarlinkReply {
        let path = try Self.path(arguments)
        let name = try arguments.text("method")
        let declaration = try await session.getClass(path.className, timeout: options.timeout)
        guard let method = declaration.method(named: name) else {
            throw CIMError(.invalidMethod, "class \(declaration.name) has no method \(name)")
        }
        let reader = ParameterReader { (name) async throws(CIMError) in try await session.getClass(name, timeout: options.timeout) }
        let given = try await reader.parameters(try arguments.object("parameters"), of: method)
        let result = try await session.beginInvoke(method.name, at: path, parameters: given, options: options).value
        var outputs: [(String, CIMValue)] = []
        if method.returnType != nil { outputs.append(("ReturnValue", result.returnValue ?? .null)) }
        for parameter in method.parameters where parameter.isOut { outputs.append((parameter.name, result[parameter.name] ?? .null)) }
        var text = "{\"outputs\":"
        JSONText.append(outputs, to: &text)
        return .parameters(text + "}")
    }

    private func describe(_ arguments: CallArguments, _ options: OperationOptions, _ session: Session) async throws -> VarlinkReply {
        let declaration = try await session.getClass(try arguments.text("class"), options: options)
        func flag(_ name: String, _ value: Bool) -> JSONValue.Field { .init(name: name, value: .word(value ? "true" : "false")) }
        func text(_ name: String, _ value: String) -> JSONValue.Field { .init(name: name, value: .string(value)) }
        let properties = declaration.properties.map { property in
            JSONValue.object([text("name", property.name), text("type", "\(property.type)"), flag("key", property.isKey)])
        }
        let methods = declaration.methods.map { method in
            let parameters = method.parameters.map { parameter in
                JSONValue.object([
                    text("name", parameter.name), text("type", "\(parameter.type)"), flag("in", parameter.isIn),
                    flag("out", parameter.isOut),
                ])
            }
            let returns = method.returnType.map { [text("returns", "\($0)")] } ?? []
            return JSONValue.object([text("name", method.name)] + returns + [.init(name: "parameters", value: .array(parameters))])
        }
        return .parameters([
            text("name", declaration.name),
            .init(name: "derivation", value: .array(declaration.derivation.map { .string($0) })),
            .init(name: "properties", value: .array(properties)), .init(name: "methods", value: .array(methods)),
            text("mof", MOFWriter.write(declaration)),
        ])
    }

    private static func path(_ arguments: CallArguments) throws -> CIMObjectPath {
        let text = try arguments.text("path")
        do throws(ObjectPathError) {
            return try CIMObjectPath(parsing: text)
        } catch {
            throw CIMError(.invalidObjectPath, "'\(text)': \(error)", cause: error)
        }
    }

    /// `{"instance":…}`
    private static func parameters(_ instance: CIMInstance, in namespace: CIMNamespaceName) -> String {
        var instance = instance
        instance.path = instance.path?.located(in: namespace)
        var text = "{\"instance\":"
        JSONText.append(instance, nil, to: &text)
        return text + "}"
    }
}
