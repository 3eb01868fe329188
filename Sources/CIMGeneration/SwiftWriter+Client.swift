import CIM

extension SwiftWriter {
    /// Methods as functions for clients.
    mutating func writeClient(_ type: SwiftClass) {
        let access = access
        let instance = type.methods.filter { !$0.isStatic }
        let statics = type.methods.filter(\.isStatic)
        if !instance.isEmpty {
            builder.line()
            builder.block("extension Reference where Object == \(type.name)") { builder in
                for (position, method) in instance.enumerated() {
                    if position > 0 { builder.line() }
                    Self.writeCall(method, of: type, "\(access)func", at: "self.path", to: &builder)
                }
            }
        }
        if !statics.isEmpty {
            builder.line()
            builder.block("extension \(type.name)") { builder in
                for (position, method) in statics.enumerated() {
                    if position > 0 { builder.line() }
                    let path = "CIMObjectPath(className: \(CIMText.swiftLiteral(type.declaration.name)))"
                    Self.writeCall(method, of: type, "\(access)static func", at: path, to: &builder)
                }
            }
        }
    }

    private static func writeCall(
        _ method: SwiftMethod, of type: SwiftClass, _ keyword: String, at path: String, to builder: inout TextBuilder
    ) {
        writeDocumentation(method, to: &builder)
        let parameters =
            method.inputs.map { "\($0.escaped): \($0.inputType)\($0.isOptional ? " = nil" : "")" }
            + ["in session: Session", "options: OperationOptions = OperationOptions()"]
        let returns = method.outputType.map { " -> \($0)" } ?? ""
        builder.list("\(keyword) \(SwiftNames.escaped(method.name))(", parameters, ") async throws(CIMError)\(returns) {")
        builder.indented { builder in
            let name = CIMText.swiftLiteral("\(type.declaration.name).\(method.cimName)")
            builder.line("\(method.inputs.isEmpty ? "let" : "var") input = TypedParameters(of: \(name))")
            for input in method.inputs { builder.line("input.set(\(CIMText.swiftLiteral(input.cimName)), \(input.escaped))") }
            let arguments = [
                CIMText.swiftLiteral(method.cimName), "of: \(CIMText.swiftLiteral(type.declaration.name))", "at: \(path)", "input",
                "options: options",
            ]
            let isVoid = method.outputType == nil
            builder.list("\(isVoid ? "_" : "let output") = try await session.invoke(", arguments, ")")
            if let result = method.result {
                builder.line("return try \(result)(reading: output)")
            } else if !isVoid {
                builder.line("return try output.returned()")
            }
        }
        builder.line("}")
    }

    static func writeDocumentation(_ method: SwiftMethod, to builder: inout TextBuilder) {
        builder.documentation(method.documentation.isEmpty ? ["`\(method.cimName)`."] : method.documentation)
        let inputs = method.inputs.filter { !$0.documentation.isEmpty }
        if inputs.count == 1, let input = inputs.first {
            builder.documentationItem("- Parameter \(input.name): \(input.documentation)", hanging: "  ")
        } else if !inputs.isEmpty {
            builder.line("/// - Parameters:")
            for input in inputs { builder.documentationItem("  - \(input.name): \(input.documentation)", hanging: "    ") }
        }
    }
}
