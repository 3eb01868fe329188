import CIM

/// Writes the code of classes.
struct PythonWriter {
    var text = ""

    mutating func line(_ line: String = "") { text += line + "\n" }

    /// The text as a literal.
    static func literal(_ text: String) -> String {
        var literal = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": literal += "\\\(scalar)"
            case "\n": literal += "\\n"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7F || scalar.properties.generalCategory == .format {
                    let digits = String(scalar.value, radix: 16)
                    literal += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
                } else {
                    literal.unicodeScalars.append(scalar)
                }
            }
        }
        return literal + "\""
    }

    private mutating func documentation(_ paragraphs: [String]) {
        let safe = paragraphs.map { $0.replacing("\\", with: "\\\\").replacing("\"\"\"", with: "\\\"\\\"\\\"") }
        let lines = safe.flatMap { TextBuilder.wrap($0, to: 120) }
        guard let first = lines.first else { return }
        let last = lines.last ?? first
        // A quotation mark at the end would end the text early.
        let end = last.hasSuffix("\"") ? " \"\"\"" : "\"\"\""
        if lines.count == 1 { return line("    \"\"\"\(first)\(end)") }
        line("    \"\"\"\(first)")
        for each in lines.dropFirst().dropLast() { line(each.isEmpty ? "" : "    " + each) }
        line("    \(last)\(end)")
    }

    mutating func write(_ type: PythonClass) {
        for enumeration in type.enumerations { write(enumeration) }
        writeRecord(
            type.name, base: type.superclass ?? "Record", cimName: type.cimName, documentation: type.documentation, all: type.properties,
            fields: type.local, isSingleton: type.isSingleton)
        for method in type.methods {
            let subject = "\(type.cimName).\(method.cimName)"
            writeRecord(
                method.prefix + "_Input", base: "Record", cimName: "__PARAMETERS", documentation: ["What \(subject) is called with."],
                all: method.inputs, fields: method.inputs, isSingleton: false)
            writeRecord(
                method.prefix + "_Output", base: "Record", cimName: "__PARAMETERS", documentation: ["What \(subject) gives back."],
                all: method.outputs, fields: method.outputs, isSingleton: false)
        }
    }

    private mutating func write(_ enumeration: PythonEnumeration) {
        line()
        line()
        if enumeration.isBits {
            line("class \(enumeration.name)(enum.IntFlag):")
            documentation(["Bits that the class names; others are kept."])
        } else {
            line("class \(enumeration.name)(\(enumeration.isText ? "str" : "int"), enum.Enum):")
            documentation(["Values that the class names; any other is a member, too."])
        }
        line()
        for member in enumeration.members {
            let text = CIMText.paragraphs(member.text).joined(separator: " ")
            line("    \(member.name) = \(member.literal)\(text.isEmpty ? "" : "  # \(text)")")
        }
        if enumeration.isBits { return }
        line()
        line("    @classmethod")
        line("    def _missing_(cls, value: object) -> Any:")
        line("        return _kind(\(enumeration.isText ? "str" : "int"), (cls, value))")
    }

    private mutating func writeRecord(
        _ name: String, base: String, cimName: String, documentation paragraphs: [String], all: [PythonField], fields: [PythonField],
        isSingleton: Bool
    ) {
        line()
        line()
        line("@dataclass(kw_only=True)")
        line("class \(name)(\(base)):")
        documentation(paragraphs)
        line()
        line("    CLASS: ClassVar[str] = \(Self.literal(cimName))")
        table("SIGNATURES: ClassVar[Mapping[str, str]]", all.map { "\(Self.literal($0.cimName)): \(Self.literal($0.signature))" })
        table("FIELDS: ClassVar[Mapping[str, str]]", all.map { "\(Self.literal($0.cimName)): \(Self.literal($0.name))" })
        let keys = all.filter(\.isKey).map { Self.literal($0.cimName) }
        if !keys.isEmpty { line("    KEYS: ClassVar[Tuple[str, ...]] = (\(keys.joined(separator: ", ")),)") }
        if isSingleton { line("    IS_SINGLETON: ClassVar[bool] = True") }
        table(
            "_READERS: ClassVar[Mapping[str, Callable[[Any], Any]]]",
            all.map { "\(Self.literal($0.cimName)): lambda value: \($0.reading)" })
        if !fields.isEmpty { line() }
        for field in fields {
            if !field.documentation.isEmpty { for wrapped in TextBuilder.wrap(field.documentation, to: 112) { line("    #: \(wrapped)") } }
            let note = field.isNarrowed ? "  # type: ignore[assignment]" : ""
            line("    \(field.name): \(field.isKey ? field.type : "Optional[\(field.type)] = None")\(note)")
        }
    }

    private mutating func table(_ head: String, _ entries: [String]) {
        if entries.isEmpty { return line("    \(head) = {}") }
        line("    \(head) = {")
        for entry in entries { line("        \(entry),") }
        line("    }")
    }
}
