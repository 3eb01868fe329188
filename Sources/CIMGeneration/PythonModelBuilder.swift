import CIM

/// Makes dataclasses of classes: chooses names and types.
struct PythonModelBuilder {
    static let keywords: Set<String> = [
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else",
        "except",
        "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try",
        "while", "with", "yield",
    ]
    /// Members that a dataclass has beside its fields.
    private static let members: Set<String> = ["from_properties", "keys_of", "path", "self", "to_properties"]
    /// What a module has beside its classes.
    private static let moduleNames: Set<String> = [
        "Any", "Callable", "ClassVar", "List", "Mapping", "Optional", "Record", "Tuple", "Type", "TypeVar", "VariantOf", "dataclass",
        "datetime", "enum", "fields", "pair", "plain", "re", "timedelta", "timezone", "int", "str", "float", "bool", "list", "dict",
    ]

    private let set: ClassSet
    private(set) var errors: [GenerationError] = []
    private var typeNames: [CIMName: String] = [:]
    private var enumerationNames: [CIMName: [String: String]] = [:]

    init(_ set: ClassSet) { self.set = set }

    mutating func build() -> [PythonClass] {
        var scope = NameScope(Self.moduleNames.union(Self.keywords))
        for member in set.members {
            let name = member.declaration.name
            var wanted = SwiftNames.verbatim(name)
            // Two underscores at the start would be another name inside of a class.
            if wanted.hasPrefix("__") { wanted = "System" + wanted.dropFirst(2) }
            guard let taken = scope.take([wanted]) else {
                errors.append(
                    GenerationError(
                        "class \(name) would be \(wanted), which a module has already: give it another name", at: member.place(of: name)))
                continue
            }
            typeNames[CIMName(name)] = taken
        }
        for member in set.members {
            let className = typeNames[CIMName(member.declaration.name)] ?? ""
            for property in member.local.properties where ValueNames(property.type, property.qualifiers) != nil {
                let wanted = "\(className)_\(SwiftNames.nestedType(property.name))"
                enumerationNames[CIMName(member.declaration.name), default: [:]][CIMName.folded(property.name)] =
                    scope.take([wanted], numbering: wanted + "Value")
            }
        }
        return set.members.map { make($0, &scope) }
    }

    private func make(_ member: ClassSet.Member, _ scope: inout NameScope) -> PythonClass {
        let declaration = member.declaration
        let chain = set.chain(of: declaration.name)
        let name = typeNames[CIMName(declaration.name)] ?? ""
        var properties = fields(of: declaration, chain)
        if let above = chain.dropFirst().first {
            let inherited = fields(of: above.declaration, Array(chain.dropFirst()))
            for index in properties.indices {
                let same = inherited.first { CIMName.equal($0.cimName, properties[index].cimName) }
                properties[index].isNarrowed = same.map { $0.type != properties[index].type } ?? false
            }
        }
        var result = PythonClass(
            cimName: declaration.name, name: name, file: member.file, superclass: declaration.superclass.flatMap { typeNames[CIMName($0)] },
            superclassName: declaration.superclass, depth: declaration.derivation.count, isSingleton: declaration.isSingleton,
            documentation: CIMText.paragraphs(declaration.qualifier(named: "Description")?.value.stringValue ?? "\(declaration.name)."),
            properties: properties,
            local: properties.filter { field in member.local.property(named: field.cimName) != nil }, enumerations: [], methods: [])
        for property in member.local.properties {
            guard let values = ValueNames(property.type, property.qualifiers),
                let name = enumerationNames[CIMName(declaration.name)]?[CIMName.folded(property.name)]
            else { continue }
            result.enumerations.append(Self.enumeration(name, values))
        }
        for method in member.local.methods {
            let prefix = scope.take([], numbering: "\(name)_\(SwiftNames.verbatim(method.name))")
            let inputs = method.parameters.filter(\.isIn)
            let outputs = method.parameters.filter(\.isOut)
            let returned =
                method.returnType.map { [Feature(name: "ReturnValue", type: $0, enumeration: nil, isKey: false, description: "")] } ?? []
            result.methods.append(
                PythonMethod(
                    cimName: method.name, prefix: prefix, inputs: fields(inputs.map(Feature.init)),
                    outputs: fields(returned + outputs.map(Feature.init))))
        }
        return result
    }

    private func fields(of declaration: CIMClass, _ chain: [ClassSet.Member]) -> [PythonField] {
        fields(
            declaration.properties.map { property in
                let description = chain.lazy.compactMap { $0.local.property(named: property.name)?.qualifier(named: "Description") }.first
                return Feature(
                    name: property.name, type: property.type, enumeration: enumeration(of: property.name, chain), isKey: property.isKey,
                    description: description?.value.stringValue ?? "")
            })
    }

    private func enumeration(of property: String, _ chain: [ClassSet.Member]) -> String? {
        for member in chain {
            if let name = enumerationNames[CIMName(member.declaration.name)]?[CIMName.folded(property)] { return name }
        }
        return nil
    }

    private struct Feature {
        var name: String
        var type: CIMTypeReference
        var enumeration: String?
        var isKey: Bool
        var description: String

        init(name: String, type: CIMTypeReference, enumeration: String?, isKey: Bool, description: String) {
            self.name = name
            self.type = type
            self.enumeration = enumeration
            self.isKey = isKey
            self.description = description
        }

        init(_ parameter: CIMParameter) {
            self.init(
                name: parameter.name, type: parameter.type, enumeration: nil, isKey: false,
                description: parameter.qualifier(named: "Description")?.value.stringValue ?? "")
        }
    }

    private func fields(_ features: [Feature]) -> [PythonField] {
        var scope = NameScope(Self.members)
        return features.map { feature in
            let wanted = Self.member(feature.name)
            let name = scope.take([wanted], numbering: wanted + "_")
            let embedded = feature.type.base == .object ? feature.type.className.flatMap { typeNames[CIMName($0)] } : nil
            let element = feature.enumeration ?? embedded ?? feature.type.base.pythonType
            let maker = feature.enumeration ?? embedded.map { "\($0).from_properties" } ?? feature.type.base.pythonMaker
            return PythonField(
                cimName: feature.name, name: name, signature: feature.type.signature,
                type: feature.type.isArray ? "List[\(element)]" : element,
                reading: feature.type.isArray ? "[\(maker)(plain(element)) for element in value]" : "\(maker)(value)",
                embeddedClass: embedded == nil ? nil : feature.type.className, isKey: feature.isKey,
                documentation: CIMText.paragraphs(feature.description).filter { !$0.isEmpty }.joined(separator: " "))
        }
    }

    /// "MountID" is mount_id.
    static func member(_ name: String) -> String {
        var words: [String] = []
        for word in SwiftNames.words(of: name) {
            var current = ""
            let letters = Array(word)
            for (position, letter) in letters.enumerated() {
                let endsCapitals =
                    position > 0 && letter.isUppercase
                    && (!letters[position - 1].isUppercase
                        || (letters.indices.contains(position + 1) && letters[position + 1].isLowercase
                            && letters[position...].dropFirst() != ["s"]))
                if endsCapitals, !current.isEmpty {
                    words.append(current)
                    current = ""
                }
                current += letter.lowercased()
            }
            words.append(current)
        }
        let text = words.joined(separator: "_")
        let safe = text.first.map { $0.isNumber ? "value_" + text : text } ?? "value"
        return keywords.contains(safe) ? safe + "_" : safe
    }

    private static func enumeration(_ name: String, _ values: ValueNames) -> PythonEnumeration {
        var scope = NameScope(["mro", "NAME", "VALUE"])
        let plain = values.values.map { member($0.name).uppercased() }
        let counts = Dictionary(plain.map { ($0, 1) }, uniquingKeysWith: +)
        let members = values.values.enumerated().map { position, value in
            let literal =
                switch values.kind {
                case .string: PythonWriter.literal(value.text)
                case .integer: "\(value.number ?? 0)"
                case .bits: "1 << \(value.number ?? 0)"
                }
            let number = value.number.map { $0 < 0 ? "MINUS_\(-$0)" : "\($0)" } ?? "\(position)"
            let wanted = plain[position]
            let name = scope.take(counts[wanted] == 1 ? [wanted] : [], numbering: "\(wanted)_\(number)")
            return (name: name, literal: literal, text: value.name)
        }
        return PythonEnumeration(name: name, isText: values.kind == .string, isBits: values.kind == .bits, members: members)
    }
}

extension CIMType {
    /// The type of a value that came over the bus.
    var pythonType: String {
        switch self {
        case .boolean: "bool"
        case .real32, .real64: "float"
        case .string, .datetime, .reference: "str"
        case .object: "Mapping[str, Any]"
        default: "int"
        }
    }

    var pythonMaker: String { self == .object ? "dict" : pythonType }

    /// Protocol.md, "Objects on the wire".
    var signature: String {
        switch self {
        case .boolean: "b"
        case .uint8: "y"
        case .sint8, .sint16: "n"
        case .uint16, .char16: "q"
        case .uint32: "u"
        case .sint32: "i"
        case .uint64: "t"
        case .sint64: "x"
        case .real32, .real64: "d"
        case .string, .datetime, .reference: "s"
        case .object: "a{sv}"
        }
    }
}

extension CIMTypeReference {
    var signature: String { isArray ? "a" + base.signature : base.signature }
}
