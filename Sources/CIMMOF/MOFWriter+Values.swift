import CIM

extension MOFWriter {
    /// What to write instead of a value: the aliases of a declaration by property and place in the array.
    struct Aliases {
        private struct Place: Hashable {
            var property: CIMName
            var index: Int?
        }

        private var aliases: [Place: String] = [:]

        init(_ references: [MOFAliasReference] = []) {
            for reference in references {
                aliases[Place(property: CIMName(reference.property), index: reference.index)] = reference.alias
            }
        }

        func alias(of property: String, at index: Int? = nil) -> String? {
            aliases.isEmpty ? nil : aliases[Place(property: CIMName(property), index: index)]
        }
    }

    /// The longest piece of a string on one line, in bytes.
    private static let pieceLength = 80

    /// The longest array on one line, in bytes.
    private static let lineLength = 100

    /// `name = value;`, one on a line, with the property's qualifiers; `[qualifiers] name;` for one without a value.
    static func properties(
        _ instance: CIMInstance, _ aliases: Aliases, indent: Int, knowing types: KnownTypes = { _ in nil }
    ) -> String {
        let margin = String(repeating: " ", count: indent)
        var text = ""
        for property in instance.properties {
            let qualifiers = qualifierList(instance.qualifiers(ofProperty: property.name), indent: indent, types)
            text += "\(margin)\(qualifiers)\(property.name) = "
            if let alias = aliases.alias(of: property.name) {
                text += "$\(alias)"
            } else if case .array(_, let elements) = property.value {
                text += array(
                    elements.enumerated().map { index, element in
                        aliases.alias(of: property.name, at: index).map { "$\($0)" } ?? literal(element, indent: indent + 4)
                    }, indent: indent + 4)
            } else {
                text += literal(property.value, indent: indent + 4)
            }
            text += ";\n"
        }
        for other in instance.propertyQualifiers where instance.index(of: other.name) == nil {
            text += "\(margin)\(qualifierList(other.qualifiers, indent: indent, types))\(other.name);\n"
        }
        return text
    }

    /// The literal. What goes on to other lines is indented by `indent`.
    static func literal(_ value: CIMValue, indent: Int) -> String {
        switch value {
        case .string(let text): string(text, indent: indent)
        case .reference(let path): string(path.path, indent: indent)
        case .object(let instance): object(instance, indent: indent)
        case .array(_, let elements): array(elements.map { literal($0, indent: indent) }, indent: indent)
        default: value.description
        }
    }

    private static func object(_ instance: CIMInstance, indent: Int) -> String {
        guard !instance.properties.isEmpty else { return "instance of \(instance.className) {}" }
        let margin = String(repeating: " ", count: indent)
        return "instance of \(instance.className)\n\(margin){\n" + properties(instance, Aliases(), indent: indent + 4) + "\(margin)}"
    }

    private static func array(_ elements: [String], indent: Int) -> String {
        let isShort = elements.reduce(0) { $0 + $1.utf8.count + 2 } <= lineLength && !elements.contains { $0.utf8.contains(0x0A) }
        if isShort { return "{\(elements.joined(separator: ", "))}" }
        let margin = "\n" + String(repeating: " ", count: indent)
        return "{\(margin)" + elements.joined(separator: ",\(margin)") + "}"
    }

    /// In pieces, each on its own line, when it is long. Pieces end behind a space where there is one.
    private static func string(_ text: String, indent: Int) -> String {
        guard text.utf8.count > pieceLength else { return CIMValue.stringLiteral(text) }
        let margin = "\n" + String(repeating: " ", count: indent)
        var literal = ""
        var piece = ""
        for scalar in text.unicodeScalars {
            piece.unicodeScalars.append(scalar)
            let length = piece.utf8.count
            guard length >= pieceLength || (scalar == " " && length >= pieceLength - 20) || scalar == "\n" else { continue }
            literal += margin + CIMValue.stringLiteral(piece)
            piece = ""
        }
        return piece.isEmpty ? literal : literal + margin + CIMValue.stringLiteral(piece)
    }
}
