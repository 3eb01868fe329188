import CIM

/// Makes types of Swift of classes: chooses names and types, and says what cannot be.
struct SwiftModelBuilder {
    private let set: ClassSet
    private let options: GenerationOptions
    private(set) var errors: [GenerationError] = []
    private(set) var classes: [SwiftClass] = []
    private var typeNames: [CIMName: String] = [:]
    /// The nested types of each class, by what they are of: "state", or "strike.times" of a parameter.
    private var nested: [CIMName: [String: String]] = [:]
    private var topLevel = NameScope(SwiftNames.types)
    private var embedding: [CIMName: Set<CIMName>] = [:]

    init(_ set: ClassSet, _ options: GenerationOptions) {
        self.set = set
        self.options = options
        for member in set.members { nameType(member) }
        for member in set.members { nameNested(member) }
        for member in set.members { noteEmbedding(member) }
        for member in set.members { classes.append(makeClass(member)) }
    }

    // MARK: - Names

    private mutating func nameType(_ member: ClassSet.Member) {
        let name = member.declaration.name
        var text = SwiftNames.verbatim(name)
        if options.names == .short, let underscore = text.firstIndex(of: "_"), underscore != text.startIndex {
            text = String(text[text.index(after: underscore)...])
        }
        if text.hasPrefix("__") { text = "System" + text.dropFirst(2) }
        if text.first?.isNumber == true || text.isEmpty { text = "Class" + text }
        if SwiftNames.keywords.contains(text) || SwiftNames.types.contains(text) {
            return fail(
                "class \(name) would be the type \(text), which Swift or the library has already: \(options.names == .short ? "leave --names short out" : "give the class another name")",
                at: member.place(of: name))
        }
        for taken in [text, text + "Provider", text + "Adapter"] where topLevel.take([taken]) == nil {
            let other = set.members.first { typeNames[CIMName($0.declaration.name)].map { taken.hasPrefix($0) } ?? false }
            return fail(
                "class \(name) would have the type \(taken), and so would class \(other?.declaration.name ?? "of another name"): give one of them another name",
                at: member.place(of: name))
        }
        typeNames[CIMName(name)] = text
    }

    private mutating func nameNested(_ member: ClassSet.Member) {
        var scope = NameScope(topLevel.used)
        var names: [String: String] = [:]
        func take(_ key: String, _ wanted: String) {
            names[key] = scope.take([wanted], numbering: wanted + "Value")
        }
        for property in member.local.properties where ValueNames(property.type, property.qualifiers) != nil {
            take(CIMName.folded(property.name), SwiftNames.nestedType(property.name))
        }
        for method in member.local.methods {
            let key = CIMName.folded(method.name)
            let prefix = SwiftNames.nestedType(method.name)
            if let type = method.returnType, ValueNames(type, method.qualifiers) != nil { take("\(key).", prefix + "ReturnValue") }
            for parameter in method.parameters where ValueNames(parameter.type, parameter.qualifiers) != nil {
                take("\(key).\(CIMName.folded(parameter.name))", prefix + SwiftNames.nestedType(parameter.name))
            }
            let outputs = method.parameters.filter(\.isOut).count
            if outputs > 0 { take("\(key)()", prefix + "Result") }
        }
        nested[CIMName(member.declaration.name)] = names
    }

    private mutating func fail(_ message: String, at place: GenerationError.Place?) { errors.append(GenerationError(message, at: place)) }

    // MARK: - Types that contain themselves

    private mutating func noteEmbedding(_ member: ClassSet.Member) {
        for property in member.declaration.properties where property.type.base == .object && !property.type.isArray {
            guard let inner = property.type.className, set.member(named: inner) != nil else { continue }
            embedding[CIMName(member.declaration.name), default: []].insert(CIMName(inner))
        }
    }

    private func contains(_ outer: CIMName, _ wanted: CIMName) -> Bool {
        var seen: Set<CIMName> = []
        var waiting = [outer]
        while let next = waiting.popLast() {
            if next == wanted { return true }
            if seen.insert(next).inserted { waiting += embedding[next] ?? [] }
        }
        return false
    }

    // MARK: - Classes

    private mutating func makeClass(_ member: ClassSet.Member) -> SwiftClass {
        let declaration = member.declaration
        let chain = set.chain(of: declaration.name)
        let name = typeNames[CIMName(declaration.name)] ?? SwiftNames.verbatim(declaration.name)
        let writes = declaration.properties.contains { qualifier("write", of: $0.name, chain)?.value == .boolean(true) }
        let supports = { (word: String) in chain.first?.local.qualifiers.isTrue(word) ?? false }
        var result = SwiftClass(
            declaration: declaration, file: member.file, name: name,
            superclass: declaration.superclass.flatMap { typeNames[CIMName($0)] }, documentation: documentation(of: declaration),
            properties: [],
            enumerations: enumerations(of: member), methods: [],
            isServed: declaration.providerName != nil && !declaration.isAbstract && !declaration.isIndication,
            isWritable: writes || supports("SupportsCreate") || supports("SupportsUpdate"), isDeletable: supports("SupportsDelete"))
        result.properties = properties(of: member, chain)
        result.isServed = result.isServed && result.isAddressable
        result.methods = methods(of: member, chain)
        return result
    }

    private mutating func properties(of member: ClassSet.Member, _ chain: [ClassSet.Member]) -> [SwiftProperty] {
        let declaration = member.declaration
        var scope = NameScope()
        var result: [SwiftProperty] = []
        for property in declaration.properties {
            let wanted = SwiftNames.member(property.name)
            let name = scope.take(SwiftNames.canBeMember(wanted) ? [wanted] : [], numbering: wanted + "Property")
            let type = type(of: property.type, nestedName: property.name, in: chain) { $0.local.property(named: property.name) != nil }
            let isWritten = qualifier("write", of: property.name, chain)?.value == .boolean(true)
            let inner = property.type.className.map { CIMName($0) }
            let isRecursive = type.kind == .embedded && !type.isArray && inner.map { contains($0, CIMName(declaration.name)) } ?? false
            result.append(
                SwiftProperty(
                    cimName: property.name, name: name, type: type, column: property.type, isKey: property.isKey, box: nil,
                    documentation: documentation(
                        [qualifier("Description", of: property.name, chain), qualifier("Units", of: property.name, chain)],
                        isWritten: isWritten)))
            if isRecursive { result[result.count - 1].box = scope.take([], numbering: name + "Box") }
        }
        return result
    }

    private func qualifier(_ name: String, of property: String, _ chain: [ClassSet.Member]) -> CIMQualifier? {
        for member in chain { if let found = member.local.property(named: property)?.qualifier(named: name) { return found } }
        return chain.first?.declaration.property(named: property)?.qualifier(named: name)
    }

    // MARK: - Types

    /// - Parameters:
    ///   - nestedName: of what its values' names are: "Strike.Times" of a parameter.
    ///   - isQualified: whether it is named outside its class, too.
    ///   - declares: which classes of the chain have something to say of it.
    private func type(
        of type: CIMTypeReference, nestedName: String, in chain: [ClassSet.Member], isQualified: Bool = false,
        declaredBy declares: (ClassSet.Member) -> Bool
    ) -> SwiftType {
        let key = CIMName.folded(nestedName)
        for (depth, member) in chain.enumerated() where declares(member) {
            guard let name = nested[CIMName(member.declaration.name)]?[key] else { continue }
            let owner = typeNames[CIMName(member.declaration.name)] ?? ""
            let isNear = depth == 0 && !isQualified
            return SwiftType(element: isNear ? name : "\(owner).\(name)", isArray: type.isArray, kind: .enumeration)
        }
        let named = type.className.flatMap { typeNames[CIMName($0)] }
        let (element, kind): (String, SwiftType.Kind) =
            switch type.base {
            case .boolean: ("Bool", .plain)
            case .uint8: ("UInt8", .plain)
            case .sint8: ("Int8", .plain)
            case .uint16: ("UInt16", .plain)
            case .sint16: ("Int16", .plain)
            case .uint32: ("UInt32", .plain)
            case .sint32: ("Int32", .plain)
            case .uint64: ("UInt64", .plain)
            case .sint64: ("Int64", .plain)
            case .real32: ("Float", .plain)
            case .real64: ("Double", .plain)
            case .char16: ("Char16", .plain)
            case .string: ("String", .plain)
            case .datetime: ("CIMDateTime", .plain)
            case .reference: named.map { ("Reference<\($0)>", .reference) } ?? ("CIMObjectPath", .path)
            case .object: named.map { ($0, .embedded) } ?? ("CIMInstance", .instance)
            }
        return SwiftType(element: element, isArray: type.isArray, kind: kind)
    }

    private func enumerations(of member: ClassSet.Member) -> [SwiftEnumeration] {
        let className = member.declaration.name
        let names = nested[CIMName(className)] ?? [:]
        var result: [SwiftEnumeration] = []
        func add(_ key: String, _ type: CIMTypeReference, _ qualifiers: [CIMQualifier], _ subject: String) {
            guard let name = names[CIMName.folded(key)], let values = ValueNames(type, qualifiers) else { return }
            result.append(SwiftEnumeration(name: name, names: values, cases: Self.cases(values), subject: subject))
        }
        for property in member.local.properties { add(property.name, property.type, property.qualifiers, "`\(property.name)`") }
        for method in member.local.methods {
            if let type = method.returnType { add("\(method.name).", type, method.qualifiers, "what `\(method.name)` returns") }
            for parameter in method.parameters {
                add("\(method.name).\(parameter.name)", parameter.type, parameter.qualifiers, "`\(parameter.name)` of `\(method.name)`")
            }
        }
        return result
    }

    private static let takenByEnumerations: Set<String> = [
        "allCases", "cimType", "init", "none", "self", "some", "Type", "Self", "className", "shape",
    ]

    private static func cases(_ names: ValueNames) -> [SwiftEnumeration.Case] {
        let plain = names.values.map { SwiftNames.member($0.name) }
        let counts = Dictionary(plain.map { ($0, 1) }, uniquingKeysWith: +)
        var scope = NameScope(takenByEnumerations)
        return names.values.enumerated().map { position, value in
            let wanted = plain[position]
            let number = value.number.map { $0 < 0 ? "Minus\(-$0)" : "\($0)" } ?? "\(position)"
            let candidates = counts[wanted] == 1 ? [wanted, wanted + "Value"] : []
            return SwiftEnumeration.Case(name: scope.take(candidates, numbering: wanted + "Value" + number), value: value)
        }
    }

    // MARK: - Methods

    private static let takenByMethods: Set<String> = [
        "delete", "get", "hash", "init", "instances", "invoke", "keys", "put", "read", "self", "superclass", "write", "writeProperties",
    ]
    private static let takenByParameters: Set<String> = [
        "context", "input", "options", "output", "reference", "returnValue", "self", "session",
    ]

    private mutating func methods(of member: ClassSet.Member, _ chain: [ClassSet.Member]) -> [SwiftMethod] {
        var scope = NameScope(Self.takenByMethods)
        var result: [SwiftMethod] = []
        for method in member.declaration.methods {
            let wanted = SwiftNames.member(method.name)
            let name = scope.take([wanted], numbering: wanted + "Method")
            // Its nested types are where it is declared last.
            let owners = chain.drop { $0.local.method(named: method.name) == nil }
            let owner = owners.first.map { CIMName($0.declaration.name) }
            let isLocal = owner == CIMName(member.declaration.name)
            let localResult = owner.flatMap { nested[$0]?["\(CIMName.folded(method.name))()"] }
            let prefix = owner.flatMap { typeNames[$0] }.map { $0 + "." } ?? ""
            let declares = { (candidate: ClassSet.Member) in owners.first?.declaration.name == candidate.declaration.name }
            var parameterScope = NameScope(Self.takenByParameters)
            let parameters = method.parameters.map { parameter in
                let wanted = SwiftNames.member(parameter.name)
                return SwiftParameter(
                    cimName: parameter.name, name: parameterScope.take([wanted], numbering: wanted + "Parameter"),
                    type: type(
                        of: parameter.type, nestedName: "\(method.name).\(parameter.name)", in: chain, isQualified: true,
                        declaredBy: declares),
                    isIn: parameter.isIn, isOut: parameter.isOut, isOptional: parameter.isOptional,
                    documentation: CIMText.paragraphs(parameter.qualifier(named: "Description")?.value.stringValue ?? "").filter {
                        !$0.isEmpty
                    }
                    .joined(separator: " "))
            }
            result.append(
                SwiftMethod(
                    cimName: method.name, name: name, parameters: parameters,
                    returnType: method.returnType.map {
                        type(of: $0, nestedName: "\(method.name).", in: chain, isQualified: true, declaredBy: declares)
                    },
                    result: localResult.map { prefix + $0 }, localResult: isLocal ? localResult : nil, isStatic: method.isStatic,
                    isImplemented: method.isImplemented && !method.isDisabled, isLocal: isLocal,
                    documentation: CIMText.paragraphs(
                        owners.lazy.compactMap { $0.local.method(named: method.name)?.qualifier(named: "Description")?.value.stringValue }
                            .first ?? "")))
        }
        return result
    }

    // MARK: - Documentation

    private func documentation(of declaration: CIMClass) -> [String] {
        let text = CIMText.paragraphs(declaration.qualifier(named: "Description")?.value.stringValue ?? "")
        return text.isEmpty ? ["\(declaration.name)."] : text
    }

    private func documentation(_ qualifiers: [CIMQualifier?], isWritten: Bool) -> [String] {
        var paragraphs: [String] = []
        for qualifier in qualifiers.compactMap(\.self) {
            guard let text = qualifier.value.stringValue, !text.isEmpty else { continue }
            if CIMName.equal(qualifier.name, "Units") {
                paragraphs.append(
                    contentsOf: (paragraphs.isEmpty ? [] : [""]) + ["Units: \(CIMText.paragraphs(text).joined(separator: " "))."])
            } else {
                paragraphs += CIMText.paragraphs(text)
            }
        }
        if isWritten { paragraphs += (paragraphs.isEmpty ? [] : [""]) + ["Can be written."] }
        return paragraphs
    }
}
