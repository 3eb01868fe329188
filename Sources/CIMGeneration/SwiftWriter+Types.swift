import CIM

extension SwiftWriter {
    /// The type of a class, and the types in it.
    mutating func writeTypes(_ type: SwiftClass) {
        builder.line()
        writeStruct(type)
        builder.line()
        writeCoding(type)
        if type.isAddressable { writeKeys(type) }
        if let superclass = type.superclass.flatMap({ byName[$0] }) { writeSuperclass(type, superclass) }
        if !type.enumerations.isEmpty { writeEnumerations(type) }
        writeResults(type)
    }

    private func conformances(_ type: SwiftClass) -> String {
        let main = type.isAddressable ? "AddressableInstance" : "TypedInstance"
        return type.superclass == nil ? main : "\(main), TypedSubclass"
    }

    private mutating func writeStruct(_ type: SwiftClass) {
        let access = access
        builder.documentation(type.documentation)
        builder.block("\(access)struct \(type.name): \(conformances(type))") { builder in
            for property in type.properties {
                builder.documentation(property.documentation)
                guard let box = property.box else {
                    builder.line("\(access)var \(property.escaped): \(property.optionalType)")
                    continue
                }
                builder.block("\(access)var \(property.escaped): \(property.optionalType)") { builder in
                    builder.line("get { \(box).first }")
                    builder.line("set { \(box) = newValue.map { [$0] } ?? [] }")
                }
                builder.line("/// A type cannot hold a value of its own, but an array of them.")
                builder.line("private var \(box): [\(property.type.element)]")
            }
            if !type.properties.isEmpty { builder.line() }
            let parameters = type.properties.map { "\($0.escaped): \($0.optionalType)\($0.isKey ? "" : " = nil")" }
            builder.list("\(access)init(", parameters, type.properties.isEmpty ? ") {}" : ") {")
            if type.properties.isEmpty { return }
            builder.indented { builder in
                for property in type.properties {
                    let value = property.escaped
                    builder.line(property.box.map { "\($0) = \(value).map { [$0] } ?? []" } ?? "self.\(value) = \(value)")
                }
            }
            builder.line("}")
        }
    }

    /// Its shape, and how it is read and written.
    private mutating func writeCoding(_ type: SwiftClass) {
        let access = access
        builder.block("extension \(type.name)") { builder in
            let columns = type.properties.map { "\(CIMText.swiftLiteral($0.cimName)): \($0.column.swiftExpression)" }
            let name = CIMText.swiftLiteral(type.declaration.name)
            let above = type.declaration.derivation.map { CIMText.swiftLiteral($0) }.joined(separator: ", ")
            let head = above.isEmpty ? name : "\(name), below: [\(above)]"
            if columns.count < 2 {
                builder.line("\(access)static let shape = InstanceShape(\(head), [\(columns.first ?? ":")])")
            } else {
                builder.line("\(access)static let shape = InstanceShape(")
                builder.indented { builder in
                    builder.line(head + ",")
                    builder.line("[")
                    builder.indented { builder in for column in columns { builder.line(column + ",") } }
                    builder.line("])")
                }
            }
            builder.line()
            builder.block("\(access)init<Reader: PropertyReader>(reading reader: Reader) throws(CIMError)") { builder in
                for (position, property) in type.properties.enumerated() {
                    let value = "try reader.\(property.isKey ? "required" : "optional")(\(position))"
                    if let box = property.box {
                        builder.line("let \(box)Value: \(property.type.text)? = \(value)")
                        builder.line("\(box) = \(box)Value.map { [$0] } ?? []")
                    } else {
                        builder.line("self.\(property.escaped) = \(value)")
                    }
                }
            }
            builder.line()
            builder.block("\(access)func writeProperties<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer)") { builder in
                for property in type.properties { builder.line("writer.write(self.\(property.escaped))") }
            }
        }
    }

    private mutating func writeKeys(_ type: SwiftClass) {
        let access = access
        let keys = type.keys
        let name = CIMText.swiftLiteral(type.declaration.name)
        builder.line()
        builder.block("extension \(type.name)") { builder in
            builder.line(keys.isEmpty ? "/// Its one instance has none." : "/// The keys of `\(type.declaration.name)`.")
            builder.block("\(access)struct Keys: TypedKeys") { builder in
                for key in keys {
                    builder.documentation(key.documentation)
                    builder.line("\(access)var \(key.escaped): \(key.type.text)")
                }
                if !keys.isEmpty { builder.line() }
                builder.list("\(access)init(", keys.map { "\($0.escaped): \($0.type.text)" }, keys.isEmpty ? ") {}" : ") {")
                if !keys.isEmpty {
                    builder.indented { builder in for key in keys { builder.line("self.\(key.escaped) = \(key.escaped)") } }
                    builder.line("}")
                }
                builder.line()
                builder.block("\(access)init(_ path: CIMObjectPath) throws(CIMError)") { builder in
                    for key in keys { builder.line("self.\(key.escaped) = try path.key(\(CIMText.swiftLiteral(key.cimName)))") }
                }
                builder.line()
                builder.block("\(access)var path: CIMObjectPath") { builder in
                    if keys.isEmpty { return builder.line("CIMObjectPath(className: \(name), keys: .singleton)") }
                    let pairs = keys.map { "\(CIMText.swiftLiteral($0.cimName)): self.\($0.escaped).cimValue" }
                    let line = "CIMObjectPath(\(name), keys: [\(pairs.joined(separator: ", "))])"
                    if builder.fits(line) { return builder.line(line) }
                    builder.line("CIMObjectPath(")
                    builder.indented { builder in
                        builder.line(name + ",")
                        builder.line("keys: [")
                        builder.indented { builder in for pair in pairs { builder.line(pair + ",") } }
                        builder.line("])")
                    }
                }
            }
            builder.line()
            builder.list("\(access)var keys: Keys { Keys(", keys.map { "\($0.label): self.\($0.escaped)" }, ") }")
        }
        builder.line()
        builder.block("extension Reference where Object == \(type.name)") { builder in
            let parameters = keys.map { "\($0.escaped): \(Self.qualified($0.type, in: type))" }
            builder.list("\(access)init(", parameters, ") {")
            builder.indented { builder in
                builder.list("self.init(\(type.name).Keys(", keys.map { "\($0.label): \($0.escaped)" }, "))")
            }
            builder.line("}")
        }
    }

    /// As it is named outside its class.
    private static func qualified(_ valueType: SwiftType, in type: SwiftClass) -> String {
        let isNested = valueType.kind == .enumeration && !valueType.element.contains(".")
        guard isNested else { return valueType.text }
        return SwiftType(element: "\(type.name).\(valueType.element)", isArray: valueType.isArray, kind: valueType.kind).text
    }

    private mutating func writeSuperclass(_ type: SwiftClass, _ superclass: SwiftClass) {
        let access = access
        builder.line()
        builder.block("extension \(type.name)") { builder in
            builder.line("/// What `\(superclass.declaration.name)` says of it.")
            builder.block("\(access)var superclass: \(superclass.name)") { builder in
                let values = superclass.properties.map { above in
                    let mine = type.properties.first { CIMName.equal($0.cimName, above.cimName) }
                    return "\(above.label): \(mine.map { Self.converted($0, $0.type, to: above, in: superclass) } ?? "nil")"
                }
                builder.list("\(superclass.name)(", values, ")")
            }
        }
    }

    /// A property's value in the type that the superclass has for it.
    private static func converted(_ mine: SwiftProperty, _ type: SwiftType, to above: SwiftProperty, in superclass: SwiftClass) -> String {
        let wanted = qualified(above.type, in: superclass)
        let value = "self.\(mine.escaped)"
        let element = SwiftType(element: wanted, isArray: false, kind: above.type.kind).element
        let target = above.type.isArray ? String(element.dropFirst().dropLast()) : element
        if type.element == target { return value }
        let one: (String) -> String
        var canFail = false
        switch (type.kind, above.type.kind) {
        case (.enumeration, .enumeration): one = { "\(target)(rawValue: \($0).rawValue)" }
        case (.enumeration, _): one = { "\($0).rawValue" }
        case (_, .enumeration): one = { "\(target)(rawValue: \($0))" }
        case (.reference, .reference): one = { "\(target)(\($0).path)" }
        case (.reference, .path): one = { "\($0).path" }
        case (.path, .reference): one = { "\(target)(\($0))" }
        case (.embedded, .instance): one = { "\($0).instance" }
        case (.embedded, .embedded):
            canFail = true
            one = { "try? \(target)(\($0).instance)" }
        case (.instance, .embedded):
            canFail = true
            one = { "try? \(target)(\($0))" }
        default: one = { $0 }
        }
        if above.isKey, mine.isKey { return one(value) }
        if type.isArray { return "\(value).map { $0.\(canFail ? "compactMap" : "map") { \(one("$0")) } }" }
        return "\(value).\(canFail ? "flatMap" : "map") { \(one("$0")) }"
    }

    // MARK: - Names of values

    private mutating func writeEnumerations(_ type: SwiftClass) {
        builder.line()
        let access = access
        builder.block("extension \(type.name)") { builder in
            for (position, enumeration) in type.enumerations.enumerated() {
                if position > 0 { builder.line() }
                Self.write(enumeration, access, to: &builder)
            }
        }
    }

    private static func write(_ enumeration: SwiftEnumeration, _ access: String, to builder: inout TextBuilder) {
        let names = enumeration.names
        let raw = names.base.swiftNumber ?? "String"
        builder.line("/// The values of \(enumeration.subject).")
        builder.block("\(access)struct \(enumeration.name): TypedEnumeration\(names.kind == .bits ? ", OptionSet" : "")") { builder in
            builder.line("\(access)let rawValue: \(raw)")
            builder.line()
            builder.line("\(access)init(rawValue: \(raw)) { self.rawValue = rawValue }")
            builder.line()
            for each in enumeration.cases {
                let text = CIMText.paragraphs(each.value.name).joined(separator: " ")
                builder.documentation([text.isEmpty ? "\(literal(each.value, names.kind))." : "\(text)."])
                builder.line("\(access)static let \(SwiftNames.escaped(each.name)) = Self(rawValue: \(literal(each.value, names.kind)))")
            }
            builder.line()
            builder.block("\(access)var valueName: String?") { builder in
                if names.kind == .bits {
                    let pairs = enumeration.cases.map { "(Self.\(SwiftNames.escaped($0.name)), \(CIMText.swiftLiteral($0.value.name)))" }
                    builder.list("let names = [", pairs, "].filter { contains($0.0) }.map(\\.1)", trailingComma: true)
                    return builder.line("return names.isEmpty ? nil : names.joined(separator: \", \")")
                }
                builder.line("switch rawValue {")
                for each in enumeration.cases {
                    builder.line("case \(literal(each.value, names.kind)): \(CIMText.swiftLiteral(each.value.name))")
                }
                for span in names.spans { builder.line("case \(span.lower)...\(span.upper): \(CIMText.swiftLiteral(span.name))") }
                builder.line("default: nil")
                builder.line("}")
            }
        }
    }

    private static func literal(_ value: ValueNames.Value, _ kind: ValueNames.Kind) -> String {
        switch kind {
        case .string: CIMText.swiftLiteral(value.text)
        case .integer: "\(value.number ?? 0)"
        case .bits: "1 << \(value.number ?? 0)"
        }
    }

    // MARK: - What methods give back

    private mutating func writeResults(_ type: SwiftClass) {
        let access = access
        for method in type.methods {
            guard method.isLocal, let name = method.localResult else { continue }
            builder.line()
            builder.block("extension \(type.name)") { builder in
                builder.line("/// What `\(method.cimName)` gives back.")
                builder.block("\(access)struct \(name): Hashable, Sendable") { builder in
                    if let returnType = method.returnType { builder.line("\(access)var returnValue: \(returnType.text)") }
                    for output in method.outputs {
                        if !output.documentation.isEmpty { builder.documentation([output.documentation]) }
                        builder.line("\(access)var \(output.escaped): \(output.type.text)?")
                    }
                    builder.line()
                    let first = method.returnType.map { ["returnValue: \($0.text)"] } ?? []
                    builder.list("\(access)init(", first + method.outputs.map { "\($0.escaped): \($0.type.text)? = nil" }, ") {")
                    builder.indented { builder in
                        if method.returnType != nil { builder.line("self.returnValue = returnValue") }
                        for output in method.outputs { builder.line("self.\(output.escaped) = \(output.escaped)") }
                    }
                    builder.line("}")
                    builder.line()
                    builder.block("\(access)init(reading output: TypedParameters) throws(CIMError)") { builder in
                        if method.returnType != nil { builder.line("self.returnValue = try output.returned()") }
                        for output in method.outputs {
                            builder.line("self.\(output.escaped) = try output.optional(\(CIMText.swiftLiteral(output.cimName)))")
                        }
                    }
                    builder.line()
                    builder.block("\(access)func write(to output: inout TypedParameters)") { builder in
                        if method.returnType != nil { builder.line("output.set(TypedParameters.returnValue, self.returnValue)") }
                        for output in method.outputs {
                            builder.line("output.set(\(CIMText.swiftLiteral(output.cimName)), self.\(output.escaped))")
                        }
                    }
                }
            }
        }
    }
}

extension CIMType {
    /// The number in Swift; nil for what is none.
    var swiftNumber: String? {
        switch self {
        case .uint8: "UInt8"
        case .sint8: "Int8"
        case .uint16: "UInt16"
        case .sint16: "Int16"
        case .uint32: "UInt32"
        case .sint32: "Int32"
        case .uint64: "UInt64"
        case .sint64: "Int64"
        default: nil
        }
    }
}

extension CIMTypeReference {
    /// The type as an expression of Swift.
    var swiftExpression: String {
        let name = className.map { CIMText.swiftLiteral($0) }
        let one =
            switch base {
            case .reference: ".reference(\(name.map { "to: \($0)" } ?? ""))"
            case .object: ".object(\(name.map { "of: \($0)" } ?? ""))"
            default: ".\(base.mofName)"
            }
        return isArray ? one + ".array" : one
    }
}
