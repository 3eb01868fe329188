import ArgumentParser
import CIMBusClient
import CIMGeneration

struct ClassFind: Command {
    static let configuration = CommandConfiguration(
        commandName: "find", abstract: "Looks for classes by a word in their names, properties, methods and descriptions.",
        discussion: """
            A class whose own name has the word comes first. For example:
              cimctl class find filesystem
            """)

    @Argument(help: "The word, in any case.") var word: String
    @OptionGroup var language: LocaleArguments
    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ output: inout Output) async throws {
        let wanted = word.lowercased()
        guard !wanted.isEmpty else { throw ValidationError("give a word to look for") }
        var found: [(rank: Int, row: Row)] = []
        for try await batch in session.enumerateClasses(options: language.applied(to: options.operationOptions)).batches {
            for declaration in batch where !declaration.name.hasPrefix("__") || wanted.hasPrefix("_") {
                guard let (rank, place) = Self.place(of: wanted, in: declaration) else { continue }
                var row = Row([
                    ("Class", .string(declaration.name)), ("Found", .string(place)),
                    ("Description", declaration.qualifiers.description.map { .string($0) } ?? .null),
                ])
                row.origin = .class(declaration)
                found.append((rank, row))
            }
        }
        guard !found.isEmpty else {
            throw CIMError(
                .notFound, "no class of \(session.namespace) has '\(word)' in its name, a property, a method or a description",
                cause: Advice(text: "'cimctl classes' lists the classes; is it another --namespace?"))
        }
        let rows = found.enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }.map(\.element.row)
        try output.show(rows, [Column("Class"), Column("Found"), Column("Description")])
    }

    /// The first place of the word, and how much the class is about it; nil where it has it nowhere.
    private static func place(of word: String, in declaration: CIMClass) -> (rank: Int, place: String)? {
        func has(_ text: String?) -> Bool { text?.lowercased().contains(word) ?? false }
        if has(declaration.name) { return (0, "name") }
        if let property = declaration.properties.first(where: { has($0.name) }) { return (1, "property \(property.name)") }
        if let method = declaration.methods.first(where: { has($0.name) }) { return (1, "method \(method.name)") }
        if has(declaration.qualifiers.description) { return (2, "description") }
        let described =
            declaration.properties.first { has($0.qualifiers.description) }?.name
            ?? declaration.methods.first { has($0.qualifiers.description) }?.name
        return described.map { (3, "description of \($0)") }
    }
}

struct ClassShow: Command {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Describes a class: keys, properties, methods, and the words for their values.",
        discussion: """
            For a program there is a row for each property, method and parameter. For example:
              cimctl class show Linux_MountedFileSystem
            """)

    @Argument(help: ArgumentHelp("The class.", valueName: "class")) var className: String
    @OptionGroup var language: LocaleArguments
    @OptionGroup var options: CommandOptions

    var namedClasses: [String] { [className] }

    func run(_ session: Session, _ output: inout Output) async throws {
        var declaration = try await declaration(of: className, session)
        if language.isGiven {
            declaration = try await session.getClass(declaration.name, options: language.applied(to: options.operationOptions))
        }
        switch options.output {
        case .table where options.hosts.isEmpty:
            try output.write(ClassText(declaration, width: output.style.terminalWidth ?? 100).text)
        case .mof:
            var row = Row([])
            row.origin = .class(declaration)
            try output.showOnly(row)
        default: try output.show(Self.rows(declaration), ["Kind", "Name", "Type", "Key", "Description"].map { Column($0) })
        }
    }

    private static func rows(_ declaration: CIMClass) -> [Row] {
        func row(_ kind: String, _ name: String, _ type: String?, isKey: Bool, _ qualifiers: [CIMQualifier], _ words: ValueNames?) -> Row {
            Row([
                ("Kind", .string(kind)), ("Name", .string(name)), ("Type", type.map { .string($0) } ?? .null), ("Key", .boolean(isKey)),
                ("Description", qualifiers.description.map { .string($0) } ?? .null),
                ("Values", words.map { .strings($0.entries.map { "\($0.text) \($0.name)" }) } ?? .null),
            ])
        }
        var rows = [row("class", declaration.name, declaration.superclass, isKey: false, declaration.qualifiers, nil)]
        rows += declaration.properties.map {
            row("property", $0.name, "\($0.type)", isKey: $0.isKey, $0.qualifiers, ValueNames($0.type, $0.qualifiers))
        }
        for method in declaration.methods {
            let words = method.returnType.flatMap { ValueNames($0, method.qualifiers) }
            rows.append(row("method", method.name, method.returnType.map { "\($0)" }, isKey: false, method.qualifiers, words))
            rows += method.parameters.map { parameter in
                row(
                    "\(parameter.isIn ? "in" : "")\(parameter.isIn && parameter.isOut ? "/" : "")\(parameter.isOut ? "out" : "") parameter",
                    "\(method.name).\(parameter.name)", "\(parameter.type)", isKey: false, parameter.qualifiers,
                    ValueNames(parameter.type, parameter.qualifiers))
            }
        }
        return rows
    }
}

/// A class as a page to read.
struct ClassText {
    let text: String

    init(_ declaration: CIMClass, width: Int) {
        let width = max(40, min(width, 110))
        let above = declaration.derivation.isEmpty ? "" : " : " + declaration.derivation.joined(separator: " : ")
        let provider = declaration.providerName.map { ", provider \(FailureReport.printable($0))" } ?? ""
        var text = "\(declaration.name)\(above)  (\(ClassRows.kind(declaration))\(provider))\n"
        if let description = declaration.qualifiers.description { text += Self.wrapped(description, indent: 2, width) }
        let properties = declaration.properties.filter { !CIMName.isSystemName($0.name) }
        text += Self.section("Keys", properties.filter(\.isKey), width)
        text += Self.section("Properties", properties.filter { !$0.isKey }, width)
        if !declaration.methods.isEmpty { text += "\nMethods\n" }
        for method in declaration.methods {
            let parameters = method.parameters.map { parameter in
                "\(parameter.isOut ? parameter.isIn ? "in out " : "out " : "")\(parameter.type) \(parameter.name)"
            }
            text += "  \(method.returnType.map { "\($0)" } ?? "void") \(method.name)(\(parameters.joined(separator: ", ")))"
            text += declaration.isServed && !method.isImplemented ? "  (not implemented)\n" : "\n"
            if let description = method.qualifiers.description { text += Self.wrapped(description, indent: 6, width) }
            if let words = method.returnType.flatMap({ ValueNames($0, method.qualifiers) }) { text += Self.words(words, width) }
        }
        self.text = text
    }

    private static func section(_ title: String, _ properties: [CIMProperty], _ width: Int) -> String {
        guard !properties.isEmpty else { return "" }
        var text = "\n\(title)\n"
        for property in properties {
            let marks = [
                property.qualifiers.isTrue("write") ? "writable" : nil, property.qualifiers.named("Units")?.value.stringValue,
                property.defaultValue.isNull ? nil : "default \(InstanceTable.cell(property.defaultValue))",
            ].compactMap { $0 }
            text +=
                "  \(property.type) \(property.name)\(marks.isEmpty ? "" : "  (\(FailureReport.printable(marks.joined(separator: ", "))))")\n"
            if let description = property.qualifiers.description { text += wrapped(description, indent: 6, width) }
            if let words = ValueNames(property.type, property.qualifiers) { text += self.words(words, width) }
        }
        return text
    }

    private static func words(_ words: ValueNames, _ width: Int) -> String {
        let list = words.entries.map { $0.text == $0.name ? $0.name : "\($0.text) \($0.name)" }
        return list.isEmpty ? "" : wrapped(list.joined(separator: ", "), indent: 6, width)
    }

    /// Lines no wider than `width`, where words allow it.
    static func wrapped(_ text: String, indent: Int, _ width: Int) -> String {
        let space = String(repeating: " ", count: indent)
        var lines: [String] = []
        for paragraph in text.split(whereSeparator: \.isNewline) {
            var line = ""
            for word in FailureReport.printable(String(paragraph)).split(separator: " ") {
                if !line.isEmpty, indent + line.count + 1 + word.count > width {
                    lines.append(line)
                    line = ""
                }
                line += line.isEmpty ? String(word) : " \(word)"
            }
            if !line.isEmpty { lines.append(line) }
        }
        return lines.map { "\(space)\($0)\n" }.joined()
    }
}

extension [CIMQualifier] {
    /// The text for people.
    var description: String? { named("Description")?.value.stringValue.flatMap { $0.isEmpty ? nil : $0 } }
}

struct ClassTree: Command {
    static let configuration = CommandConfiguration(
        commandName: "tree", abstract: "Shows classes below one another, from a class downwards, or all.",
        discussion: """
            System classes are left out where no class is given. For example:
              cimctl class tree
            """)

    @Argument(help: ArgumentHelp("The class at the top.", valueName: "class")) var className: String?
    @OptionGroup var options: CommandOptions

    var namedClasses: [String] { className.map { [$0] } ?? [] }

    func run(_ session: Session, _ output: inout Output) async throws {
        let root = try await className.asyncMap { try await declaration(of: $0, session) }
        var below: [CIMName: [CIMClass]] = [:]
        var topmost: [CIMClass] = []
        for declaration in try await session.enumerateClasses(of: root?.name, options: options.operationOptions).collected() {
            if let superclass = declaration.superclass {
                below[CIMName(superclass), default: []].append(declaration)
            } else {
                topmost.append(declaration)
            }
        }
        if let root { topmost = [root] } else { topmost.removeAll { $0.name.hasPrefix("__") } }
        let isText = options.output == .table && options.hosts.isEmpty
        if !isText { try output.beginRows([Column("Depth", isNumber: true), Column("Class"), Column("Superclass"), Column("Kind")]) }
        // A stack, not recursion: how deep classes are is not ours to say.
        var waiting = topmost.sorted { $0.name > $1.name }.map { (declaration: $0, depth: 0, lead: "", branch: "") }
        while let next = waiting.popLast() {
            if isText {
                let mark = next.declaration.isAbstract ? " (abstract)" : ""
                try output.write("\(next.lead)\(next.branch)\(next.declaration.name)\(mark)\n")
            } else {
                var row = ClassRows.row(next.declaration)
                row.fields = [("Depth", .uint32(UInt32(next.depth)))] + row.fields
                try output.show(row)
            }
            let lead = next.lead + (next.branch.isEmpty ? "" : next.branch == "└─" ? "  " : "│ ")
            let children = (below[CIMName(next.declaration.name)] ?? []).sorted { $0.name > $1.name }
            for (position, child) in children.enumerated() {
                waiting.append((child, next.depth + 1, lead, position == 0 ? "└─" : "├─"))
            }
        }
        try output.endRows()
    }
}

extension Optional {
    /// As `map`, for what takes time.
    fileprivate func asyncMap<Result>(_ body: (Wrapped) async throws -> Result) async rethrows -> Result? {
        guard let self else { return nil }
        return try await body(self)
    }
}
