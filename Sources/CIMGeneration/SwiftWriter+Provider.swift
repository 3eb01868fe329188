import CIM

extension SwiftWriter {
    /// What a provider of the class implements, and what makes a provider of the library of it.
    mutating func writeProvider(_ type: SwiftClass) {
        builder.line()
        writeProtocol(type)
        if !type.isWritable || !type.isDeletable { writeRefusals(type) }
        builder.line()
        writeAdapter(type)
    }

    /// The head of a function, which may be broken where its parameters are.
    private struct Signature {
        var name: String
        var parameters: [String]
        var returns = ""

        func write(_ access: String, to builder: inout TextBuilder, end: String = "") {
            builder.list("\(access)func \(name)(", parameters + ["context: RequestContext"], ") async throws\(returns)\(end)")
        }

        func write(_ access: String, to builder: inout TextBuilder, body: String) {
            write(access, to: &builder, end: " {")
            builder.indented { $0.line(body) }
            builder.line("}")
        }
    }

    private static func signatures(_ type: SwiftClass) -> (instances: Signature, get: Signature, put: Signature, delete: Signature) {
        let reference = "_ reference: Reference<\(type.name)>"
        return (
            Signature(name: "instances", parameters: ["into rows: inout TypedRows<\(type.name)>"]),
            Signature(name: "get", parameters: [reference], returns: " -> \(type.name)?"),
            Signature(name: "put", parameters: ["_ object: \(type.name)"], returns: " -> Reference<\(type.name)>?"),
            Signature(name: "delete", parameters: [reference])
        )
    }

    private static func served(_ type: SwiftClass) -> [SwiftMethod] { type.methods.filter(\.isImplemented) }

    private mutating func writeProtocol(_ type: SwiftClass) {
        let name = type.declaration.name
        let signatures = Self.signatures(type)
        builder.documentation(["What a provider of `\(name)` does. ``\(type.adapterName)`` makes a provider of the library of it."])
        builder.block("\(access)protocol \(type.providerName): TypedProvider") { builder in
            builder.documentation(["Appends every instance of exactly this class to `rows`. To append none is a success."])
            signatures.instances.write("", to: &builder)
            builder.line()
            builder.documentation(["The instance with this path. Nil: there is none."])
            signatures.get.write("", to: &builder)
            builder.line()
            builder.documentation(
                [
                    "Writes an instance. ``RequestContext/putMode`` says whether it may, must or must not exist.",
                    type.isWritable ? "" : "The class says of no property that it can be written, so that this need not be implemented.",
                    "- Returns: its path where the provider chose a key, else nil.",
                ].filter { !$0.isEmpty })
            signatures.put.write("", to: &builder)
            builder.line()
            builder.documentation(
                [
                    "Deletes the instance with this path. Throws NotFound where there is none.",
                    type.isDeletable ? "" : "The class does not say SupportsDelete, so that this need not be implemented.",
                ].filter { !$0.isEmpty })
            signatures.delete.write("", to: &builder)
            for method in Self.served(type) {
                builder.line()
                Self.writeDocumentation(method, to: &builder)
                let first = method.isStatic ? "_ type: \(type.name).Type" : "_ reference: Reference<\(type.name)>"
                Signature(
                    name: SwiftNames.escaped(method.name), parameters: [first] + method.inputs.map { "\($0.escaped): \($0.inputType)" },
                    returns: method.outputType.map { " -> \($0)" } ?? ""
                ).write("", to: &builder)
            }
        }
    }

    /// Of what the class does not say that it can be done.
    private mutating func writeRefusals(_ type: SwiftClass) {
        let access = access
        let signatures = Self.signatures(type)
        let refused = (type.isWritable ? [] : [(signatures.put, "written")]) + (type.isDeletable ? [] : [(signatures.delete, "deleted")])
        builder.line()
        builder.block("extension \(type.providerName)") { builder in
            for (position, (signature, word)) in refused.enumerated() {
                if position > 0 { builder.line() }
                let body = "throw CIMError(.providerNotCapable, \"instances of \(type.declaration.name) cannot be \(word)\")"
                signature.write(access, to: &builder, body: body)
            }
        }
    }

    private mutating func writeAdapter(_ type: SwiftClass) {
        let access = access
        let signatures = Self.signatures(type)
        builder.documentation(["Serves `\(type.declaration.name)` by what implements ``\(type.providerName)``."])
        builder.block("\(access)struct \(type.adapterName)<Base: \(type.providerName)>: TypedAdapter") { builder in
            builder.line("\(access)let base: Base")
            builder.line()
            builder.line("\(access)init(_ base: Base) { self.base = base }")
            builder.line()
            builder.line("\(access)var supportsPartialPut: Bool { base.supportsPartialPut }")
            let calls = [
                (signatures.instances, "try await base.instances(into: &rows, context: context)"),
                (signatures.get, "try await base.get(reference, context: context)"),
                (signatures.put, "try await base.put(object, context: context)"),
                (signatures.delete, "try await base.delete(reference, context: context)"),
            ]
            for (signature, call) in calls {
                builder.line()
                signature.write(access, to: &builder, body: call)
            }
            builder.line()
            builder.line("\(access)func invoke(")
            builder.indented {
                $0.line("_ method: String, at path: CIMObjectPath, _ input: TypedParameters, context: RequestContext")
            }
            builder.line(") async throws -> TypedParameters? {")
            builder.indented { Self.writeDispatch(type, to: &$0) }
            builder.line("}")
        }
    }

    private static func writeDispatch(_ type: SwiftClass, to builder: inout TextBuilder) {
        let methods = served(type)
        if methods.isEmpty { return builder.line("nil") }
        builder.line("\(methods.contains { $0.outputType != nil } ? "var" : "let") output = TypedParameters(of: input.method)")
        builder.line("switch CIMName(method) {")
        for method in methods {
            builder.line("case \(CIMText.swiftLiteral(method.cimName)):")
            builder.indented { builder in
                let arguments =
                    [method.isStatic ? "\(type.name).self" : "Reference(path)"]
                    + method.inputs.map { input in
                        "\(input.label): try input.\(input.isOptional ? "optional" : "required")(\(CIMText.swiftLiteral(input.cimName)))"
                    } + ["context: context"]
                let call = "try await base.\(SwiftNames.escaped(method.name))("
                if method.result != nil {
                    builder.list("let result = \(call)", arguments, ")")
                    builder.line("result.write(to: &output)")
                } else if method.returnType != nil {
                    builder.list("let result = \(call)", arguments, ")")
                    builder.line("output.set(TypedParameters.returnValue, result)")
                } else {
                    builder.list(call, arguments, ")")
                }
            }
        }
        builder.line("default: return nil")
        builder.line("}")
        builder.line("return output")
    }
}
