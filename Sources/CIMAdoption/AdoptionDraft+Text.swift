import CIM
import DBus

extension AdoptionDraft {
    private var head: String { "service \(service); " + (bus == .own ? "" : "bus \(bus.rawValue); ") }

    func text(of draft: Draft, _ drafts: [Draft]) -> String {
        var text = ""
        if let guess = draft.guess { text += "// Guessed: \(guess).\n" }
        let singleton = draft.key == nil ? "singleton, " : ""
        text +=
            "[dynamic, \(singleton)provider(\"\(Adoption.providerName)\"),\n    ClassContext(\"\(head)\(draft.source); interface \(draft.interface.name)\(events(of: draft))\")"
        if let words = Self.documentation(draft.interface.annotations) { text += ",\n    Description(\(Self.quoted(words)))" }
        text += "]\nclass \(draft.name)\n{\n"
        if let key = draft.key { text += "    [key, read, PropertyContext(\"\(key.place)\")]\n    string \(key.name);\n" }
        let methods = Set(draft.interface.methods.map { CIMName($0.name.text) })
        for property in draft.interface.properties where property.access != .write {
            text += self.text(of: property, draft, isTaken: methods.contains(CIMName(property.name.text)))
        }
        for method in draft.interface.methods { text += self.text(of: method) }
        return text + "};\n\n"
    }

    /// An object manager says what comes and goes. That others say what changes of them nobody knows before they do.
    private func events(of draft: Draft) -> String {
        guard draft.source.hasPrefix("managed") else { return "" }
        let tellsChanges = draft.interface.properties.contains { [.withValue, .invalidates].contains($0.changes) }
        return "; events created, deleted" + (tellsChanges ? ", changed" : "")
    }

    /// A class of events for a signal: its arguments are properties.
    func text(of draft: SignalDraft) -> String {
        var names: Set<CIMName> = ["TIME_CREATED", "SECURITY_DESCRIPTOR"]
        var arguments: [String] = []
        var properties = ""
        func name(_ wanted: String) -> String {
            var name = wanted
            while !names.insert(CIMName(name)).inserted { name += "_" }
            return name
        }
        for (position, argument) in draft.signal.arguments.enumerated() {
            let written = argument.name.isEmpty ? "Argument\(position + 1)" : Self.identifier(argument.name)
            // The word has a meaning among arguments.
            let property = name(written.prefix(1).uppercased() + written.dropFirst())
            let type = Self.type(argument.signature)
            let context = ["ay", "aay"].contains(argument.signature.text) ? "[PropertyContext(\"column \(property) | text\")] " : ""
            arguments.append(property)
            properties += "    \(context)\(type.name) \(property)\(type.isArray ? "[]" : "");\n"
        }
        if let sender = draft.sender {
            properties += "    [PropertyContext(\"path | ref \(sender)\")] \(sender) ref \(name("Sender"));\n"
        } else if draft.path == nil {
            properties += "    [PropertyContext(\"path\"), Description(\"The object that sent it.\")] string \(name("Sender"));\n"
        }
        let path = draft.path.map { "; path \($0)" } ?? ""
        let words = Self.documentation(draft.signal.annotations).map { ", Description(\(Self.quoted($0)))" } ?? ""
        return """
            [EventContext("\(head)signal \(draft.interface).\(draft.signal.name)(\(arguments.joined(separator: ", ")))\(path)")\(words)]
            class \(draft.name) : __ExtrinsicEvent
            {
            \(properties)};


            """
    }

    private func text(of property: InterfaceDescription.Property, _ draft: Draft, isTaken: Bool) -> String {
        let written = property.name.text
        var name = Self.identifier(written)
        if isTaken { name += "Value" }
        var qualifiers = [property.access == .readWrite ? "read, write" : "read"]
        var type: String
        var context: String?
        if let reference = draft.references.first(where: { $0.property == written }) {
            // CIM's own declaration of `read` is for properties that are no references.
            qualifiers = []
            type = "\(reference.target) ref"
            name += reference.isArray ? "[]" : ""
            context = ".\(written) | null '/' | ref \(reference.target)"
        } else {
            let cim = Self.type(property.signature)
            type = cim.name
            name += cim.isArray ? "[]" : ""
            if property.signature.text == "o" { context = ".\(written) | null '/'" }
            if ["ay", "aay"].contains(property.signature.text) { context = ".\(written) | text" }
        }
        if context == nil, !CIMName.equal(name.replacing("[]", with: ""), written) { context = ".\(written)" }
        if let context { qualifiers.append("PropertyContext(\"\(context)\")") }
        if let words = Self.documentation(property.annotations) { qualifiers.append("Description(\(Self.quoted(words)))") }
        return "    [\(qualifiers.joined(separator: ", "))]\n    \(type) \(name);\n"
    }

    private func text(of method: InterfaceDescription.Method) -> String {
        guard method.inputs.allSatisfy({ Self.canBeWritten($0.signature) }) else {
            let types = method.inputs.map(\.signature.text).joined(separator: ", ")
            return "    // \(method.name) is left out: no CIM value makes its arguments (\(types)).\n"
        }
        var names: Set<CIMName> = []
        func name(_ argument: InterfaceDescription.Argument, _ position: Int, _ kind: String) -> String {
            var name = argument.name.isEmpty ? "\(kind)\(position + 1)" : Self.identifier(argument.name)
            name = name.prefix(1).uppercased() + name.dropFirst()
            while !names.insert(CIMName(name)).inserted || CIMName.equal(name, "ReturnValue") { name += "_" }
            return name
        }
        var parameters: [String] = []
        var arguments: [String] = []
        var results: [String] = []
        for (position, argument) in method.inputs.enumerated() {
            let name = name(argument, position, "Argument")
            let type = Self.type(argument.signature)
            arguments.append("\(argument.signature) \(name)")
            parameters.append("[in] \(type.name) \(name)\(type.isArray ? "[]" : "")")
        }
        for (position, argument) in method.outputs.enumerated() {
            let name = name(argument, position, "Result")
            let type = Self.type(argument.signature)
            results.append(name)
            parameters.append("[out] \(type.name) \(name)\(type.isArray ? "[]" : "")")
        }
        let back = results.isEmpty ? "" : " -> (\(results.joined(separator: ", ")))"
        let words = Self.documentation(method.annotations).map { ", Description(\(Self.quoted($0)))" } ?? ""
        return
            "    [Implemented, MethodContext(\".\(method.name)(\(arguments.joined(separator: ", ")))\(back)\")\(words)]\n"
            + "    uint32 \(Self.identifier(method.name.text))(\(parameters.joined(separator: ", ")));\n"
    }

    func associations(of draft: Draft, _ drafts: [Draft]) -> String {
        guard draft.key != nil else { return "" }
        var text = ""
        for reference in draft.references {
            let isSelf = reference.target == draft.name
            let property = Self.identifier(reference.property)
            let each = reference.isArray ? "; each .\(reference.property)" : ""
            let place =
                reference.isArray
                ? "element | null '/' | ref \(reference.target)" : ".\(reference.property) | null '/' | ref \(reference.target)"
            text += """
                // Guessed: \(reference.property) is the path of an object of \(reference.target).
                [association, dynamic, provider("\(Adoption.providerName)"),
                    ClassContext("\(head)\(draft.source); interface \(draft.interface.name)\(each)")]
                class \(draft.name)\(property)
                {
                    [key, PropertyContext("path | ref \(draft.name)")]
                    \(draft.name) ref \(isSelf ? "Owner" : "Object");
                    [key, PropertyContext("\(place)")]
                    \(reference.target) ref \(isSelf ? "Owned" : "Target");
                };


                """
        }
        return text
    }

    /// The CIM type for a D-Bus type.
    static func type(_ signature: Signature) -> (name: String, isArray: Bool) {
        switch signature.text {
        case "b": ("boolean", false)
        case "y": ("uint8", false)
        case "n": ("sint16", false)
        case "q": ("uint16", false)
        case "i": ("sint32", false)
        case "u": ("uint32", false)
        case "x": ("sint64", false)
        case "t": ("uint64", false)
        case "d": ("real64", false)
        case "ay", "a{sv}": ("string", signature.text == "a{sv}")
        case "ab": ("boolean", true)
        case "an": ("sint16", true)
        case "aq": ("uint16", true)
        case "ai": ("sint32", true)
        case "au": ("uint32", true)
        case "ax": ("sint64", true)
        case "at": ("uint64", true)
        case "ad": ("real64", true)
        case let text: ("string", text.hasPrefix("a"))
        }
    }

    private static func canBeWritten(_ signature: Signature) -> Bool {
        let text = signature.text
        if ["a{sv}", "a{ss}", "ay", "v"].contains(text) { return true }
        let element = text.hasPrefix("a") ? text.dropFirst() : text[...]
        return element.utf8.count == 1 && element != "h" && element != "v"
    }

    /// A name that is a CIM identifier.
    private static func identifier(_ name: String) -> String {
        let plain = name.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        guard let first = plain.first, first.isLetter else { return "P" + plain }
        return plain
    }

    private static func documentation(_ annotations: [String: String]) -> String? {
        annotations["org.gtk.GDBus.DocString"] ?? annotations["org.freedesktop.DBus.DocString"]
    }

    private static func quoted(_ words: String) -> String {
        var text = "\""
        for scalar in words.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n", "\r", "\t": text += " "
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
