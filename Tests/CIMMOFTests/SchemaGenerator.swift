import CIM
import CIMMOF
import SeededRandom

/// Makes units that MOF has words for, with names and texts as hostile as they may be.
struct SchemaGenerator {
    private var random: SeededGenerator
    private var types: [CIMQualifierType] = []

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    private mutating func chance(_ percent: Int) -> Bool { random.chance(percent) }

    private mutating func pick<Element>(_ elements: [Element]) -> Element { random.pick(elements) }

    // MARK: Names and texts

    private static let names = [
        "a", "Name", "class", "instance", "ref", "of", "as", "null", "TRUE", "false", "void", "string", "uint8", "object", "qualifier",
        "pragma",
        "scope", "any", "größe", "名前", "_", "__x", "ToSubclass", "Restricted", "x1", String(repeating: "n", count: 255), "e\u{301}",
        "\u{FEFF}b",
    ]

    private mutating func name() -> String { chance(40) ? pick(Self.names) : "p\(Int.random(in: 0..<1000, using: &random))" }

    private mutating func className() -> String { chance(10) ? "Größe_名" : "C_\(Int.random(in: 0..<50, using: &random))" }

    private mutating func unique(_ used: inout Set<CIMName>) -> String {
        while true {
            let name = name()
            if used.insert(CIMName(name)).inserted { return name }
        }
    }

    private static let pieces = [
        "\"", "\\", "'", "\n", "\r", "\t", "\u{0}", "\u{1}", "\u{7F}", "//", "/*", "*/", "{", "}", ";", "\\x41", "😀", "é", "e\u{301}",
        "\u{FEFF}",
        " ", "text ", "\u{2028}", "instance of A { }; ", "\u{FFFF}", "$a", "#pragma ",
    ]

    private mutating func text() -> String {
        (0..<(chance(5) ? 200 : Int.random(in: 0..<6, using: &random))).reduce(into: "") { text, _ in text += pick(Self.pieces) }
    }

    // MARK: Values

    private static let scalarTypes: [CIMType] = CIMType.allCases.filter { $0 != .object }

    private mutating func double() -> Double {
        if chance(30) { return pick([0, -0.5, 1e16, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.1]) }
        let value = Double(bitPattern: random.next())
        return value.isFinite ? value : 1.5
    }

    private mutating func path() -> CIMObjectPath {
        let texts = ["", "a\"b", "\\", "x,y=1", "é", "'"]
        var keys: [CIMObjectPath.Key] = [.init(name: "k", value: .string(pick(texts)))]
        if chance(50) { keys.append(.init(name: "n", value: chance(50) ? .integer(-5) : .boolean(true))) }
        return CIMObjectPath(namespace: chance(30) ? "root/cimv2" : nil, className: "C_1", keys: chance(20) ? .singleton : .keys(keys))
    }

    private mutating func value(of type: CIMType) -> CIMValue {
        switch type {
        case .boolean: .boolean(chance(50))
        case .uint8: .uint8(pick([0, 255, 7]))
        case .sint8: .sint8(pick([-128, 127, 0]))
        case .uint16: .uint16(pick([0, .max]))
        case .sint16: .sint16(pick([.min, .max]))
        case .uint32: .uint32(pick([0, .max]))
        case .sint32: .sint32(pick([.min, .max, 0]))
        case .uint64: .uint64(pick([0, .max]))
        case .sint64: .sint64(pick([.min, .max, 0]))
        case .real32: .real32(Float(bitPattern: UInt32(truncatingIfNeeded: random.next() & 0x7EFF_FFFF)))
        case .real64: .real64(double())
        case .char16: .char16(pick([0x41, 0x27, 0x5C, 0, 0xD800, 0xFFFF, 0x22, 0x3B]))
        case .string: .string(text())
        case .datetime:
            CIMDateTime(pick(["20260101000000.000000+000", "00000001000000.000000:000", "2026**********.******+***"])).map { .datetime($0) }
                ?? .null
        case .reference: .reference(path())
        case .object: .object(instance(depth: 2))
        }
    }

    private mutating func value(of type: CIMTypeReference) -> CIMValue {
        if chance(20) { return .null }
        guard type.isArray else { return value(of: type.base) }
        return .array(of: type.base, (0..<Int.random(in: 0..<4, using: &random)).map { _ in value(of: type.base) })
    }

    /// A value that its literal alone tells.
    private mutating func plainValue(depth: Int) -> CIMValue {
        switch Int.random(in: 0..<(depth > 0 ? 9 : 8), using: &random) {
        case 0: .boolean(chance(50))
        case 1: .string(text())
        case 2: .sint32(pick([.min, -1, 0, .max]))
        case 3: .sint64(pick([.min, .max, 3_000_000_000]))
        case 4: .uint64(.max)
        case 5: .real64(double())
        case 6: .char16(pick([0x41, 0x27, 0x5C, 0]))
        case 7: plainArray()
        default: .object(instance(depth: depth - 1))
        }
    }

    private mutating func plainArray() -> CIMValue {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: .strings((0..<Int.random(in: 0..<5, using: &random)).map { _ in text() })
        case 1: .array(of: .sint64, [.sint64(1), .sint64(.max)])
        case 2: .array(of: .real64, [.real64(double()), .real64(double())])
        default: .array(of: .boolean, [.boolean(true), .boolean(false)])
        }
    }

    // MARK: Declarations

    private mutating func flavor(amended: Bool = true) -> CIMFlavor {
        [CIMFlavor.toInstance, .toSubclass, .disableOverride, .amended].reduce(into: []) { flavor, bit in
            if chance(30), amended || bit != .amended { flavor.insert(bit) }
        }
    }

    private mutating func qualifiers() -> [CIMQualifier] {
        var names: Set<CIMName> = []
        return (0..<Int.random(in: 0..<4, using: &random)).map { _ in
            var name = unique(&names)
            if !types.isEmpty, chance(50) {
                let known = pick(types).name
                if names.insert(CIMName(known)).inserted { name = known }
            }
            if let type = types.first(where: { CIMName.equal($0.name, name) }) {
                return CIMQualifier(name: name, value: value(of: type.type), flavor: flavor())
            }
            return CIMQualifier(name: name, value: chance(10) ? .null : plainValue(depth: 0), flavor: flavor())
        }
    }

    private mutating func type() -> CIMTypeReference {
        let isArray = chance(30)
        let size = isArray && chance(30) ? 4 : nil
        if chance(15) { return CIMTypeReference(.object, isArray: isArray, arraySize: size, className: chance(50) ? className() : nil) }
        let base = pick(Self.scalarTypes)
        return CIMTypeReference(base, isArray: isArray, arraySize: size, className: base == .reference && chance(50) ? className() : nil)
    }

    /// An embedded object may say what it is in a qualifier.
    private mutating func qualifiers(for type: CIMTypeReference) -> [CIMQualifier] {
        var qualifiers = qualifiers()
        if type.base == .object, chance(50) {
            qualifiers.append(
                type.className.map { CIMQualifier(name: "EmbeddedInstance", value: .string($0)) } ?? CIMQualifier(name: "EmbeddedObject"))
        }
        return qualifiers
    }

    mutating func declaredClass() -> CIMClass {
        let name = className()
        var declared = CIMClass(name: name, superclass: chance(30) ? className() : nil, qualifiers: qualifiers())
        var propertyNames: Set<CIMName> = []
        for _ in 0..<Int.random(in: 0..<5, using: &random) {
            let type = type()
            declared.properties.append(
                CIMProperty(
                    name: unique(&propertyNames), type: type, defaultValue: value(of: type), qualifiers: qualifiers(for: type), origin: name
                ))
        }
        var methodNames: Set<CIMName> = []
        for _ in 0..<Int.random(in: 0..<3, using: &random) {
            var names: Set<CIMName> = []
            let parameters = (0..<Int.random(in: 0..<3, using: &random)).map { _ in
                let type = type()
                return CIMParameter(name: unique(&names), type: type, qualifiers: qualifiers(for: type))
            }
            var returned: CIMTypeReference? = chance(20) ? nil : type()
            returned?.isArray = false
            returned?.arraySize = nil
            declared.methods.append(
                CIMMethod(
                    name: unique(&methodNames), returnType: returned, parameters: parameters,
                    qualifiers: returned.map { qualifiers(for: $0) } ?? qualifiers(), origin: name))
        }
        return declared
    }

    mutating func instance(depth: Int) -> CIMInstance {
        var instance = CIMInstance(className: className())
        var names: Set<CIMName> = []
        for _ in 0..<Int.random(in: 0..<4, using: &random) {
            instance.append(name: unique(&names), value: chance(15) ? .null : plainValue(depth: depth))
        }
        return instance
    }

    private mutating func qualifierType(_ number: Int) -> CIMQualifierType {
        var type = CIMTypeReference(pick(Self.scalarTypes.filter { $0 != .reference }), isArray: chance(30))
        if type.isArray, chance(30) { type.arraySize = 3 }
        return CIMQualifierType(
            name: chance(50) ? pick(Self.names) : "Q\(number)", type: type, defaultValue: value(of: type), flavor: flavor(amended: false))
    }

    mutating func unit() -> MOFUnit {
        types = []
        var unit = MOFUnit(isAutorecovered: chance(10))
        var namespace: CIMNamespaceName?
        if chance(50) {
            for number in 0..<Int.random(in: 1..<6, using: &random) {
                let type = qualifierType(number)
                guard !types.contains(where: { CIMName.equal($0.name, type.name) }) else { continue }
                types.append(type)
                unit.declarations.append(MOFDeclaration(content: .qualifierType(type)))
            }
        }
        for number in 0..<Int.random(in: 0..<5, using: &random) {
            if types.isEmpty, chance(30) { namespace = CIMNamespaceName(pick(["root/cimv2", "root/größe", "a"])) }
            var declaration = MOFDeclaration(content: .class(declaredClass()), namespace: namespace)
            if chance(20) { declaration.alias = "c\(number)" }
            if chance(30) { declaration.flags = pick([.createOnly, [.updateOnly, .forceUpdate], .safeUpdate]) }
            unit.declarations.append(declaration)
            var declared = MOFInstance(instance: instance(depth: 3))
            if chance(20) { declared.instance.qualifiers = qualifiers() }
            for property in declared.instance.properties where chance(10) {
                let qualifiers = qualifiers()
                if !qualifiers.isEmpty { declared.instance.propertyQualifiers.append(.init(name: property.name, qualifiers: qualifiers)) }
            }
            if chance(30) { declared.alias = "i\(number)" }
            if chance(30) {
                declared.instance.append(name: "refers", value: .null)
                declared.aliasReferences.append(MOFAliasReference(property: "refers", index: nil, alias: "ref", line: 0, column: 0))
            }
            unit.declarations.append(
                MOFDeclaration(
                    content: .instance(declared), namespace: namespace, flags: chance(30) ? pick([.createOnly, .updateOnly]) : [],
                    alias: declared.alias))
            if chance(20) {
                let content: MOFDeclaration.Content =
                    chance(50)
                    ? .deleteClass(name: className(), mustExist: chance(50)) : .deleteInstance(path: path(), mustExist: chance(50))
                unit.declarations.append(MOFDeclaration(content: content, namespace: namespace))
            }
        }
        return unit
    }
}
