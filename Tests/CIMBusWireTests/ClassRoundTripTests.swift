import CIM
import CIMBusWire
import DBus
import Testing

/// Classes as hostile as they may be, the same on every machine.
private struct ClassGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    private mutating func number(below limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(limit))
    }

    private mutating func chance(_ percent: Int) -> Bool { number(below: 100) < percent }

    private mutating func pick<Element>(_ elements: [Element]) -> Element { elements[number(below: elements.count)] }

    private mutating func list<Element>(_ most: Int, _ element: (inout ClassGenerator, Int) -> Element) -> [Element] {
        (0..<number(below: most + 1)).map { element(&self, $0) }
    }

    private static let texts = ["", "é\u{301}", "\"\\'\n\u{1}", "null", "datetime", String(repeating: "x", count: 500), "😀"]

    private mutating func scalar(_ type: CIMType, depth: Int) -> CIMValue {
        switch type {
        case .boolean: .boolean(chance(50))
        case .uint8: .uint8(pick([0, .max]))
        case .sint8: .sint8(pick([.min, -1, .max]))
        case .uint16: .uint16(pick([0, .max]))
        case .sint16: .sint16(pick([.min, .max]))
        case .uint32: .uint32(pick([0, .max]))
        case .sint32: .sint32(pick([.min, .max]))
        case .uint64: .uint64(pick([0, .max]))
        case .sint64: .sint64(pick([.min, .max]))
        case .real32: .real32(pick([0, -0.1, .greatestFiniteMagnitude, .infinity]))
        case .real64: .real64(pick([0, 0.1, .leastNonzeroMagnitude]))
        case .char16: .char16(pick([0, 0x41, 0xD800, .max]))
        case .string: .string(pick(Self.texts))
        case .datetime:
            CIMDateTime(pick(["20260101000000.000000+060", "00000001000000.000000:000", "2026**********.******+***"])).map { .datetime($0) }
                ?? .null
        case .reference:
            .reference(
                CIMObjectPath(
                    className: "C",
                    keys: .keys([.init(name: "k", value: .string(pick(["", "a\"b\\", "é"]))), .init(name: "n", value: .integer(-5))])))
        case .object: .object(object(depth: depth))
        }
    }

    private mutating func object(depth: Int) -> CIMInstance {
        CIMInstance(
            className: "C\(number(below: 3))",
            list(4) { generator, index in
                .init(
                    name: "p\(index)",
                    value: generator.value(CIMTypeReference(generator.base(depth), isArray: generator.chance(30)), depth - 1))
            })
    }

    private mutating func base(_ depth: Int) -> CIMType { pick(CIMType.allCases.filter { depth > 0 || $0 != .object }) }

    private mutating func value(_ type: CIMTypeReference, _ depth: Int = 3) -> CIMValue {
        if chance(20) { return .null }
        guard type.isArray else { return scalar(type.base, depth: depth) }
        return .array(of: type.base, list(3) { generator, _ in generator.scalar(type.base, depth: depth) })
    }

    private mutating func type() -> CIMTypeReference {
        let base = base(1)
        let isArray = chance(40)
        return CIMTypeReference(
            base, isArray: isArray, arraySize: isArray && chance(50) ? pick([1, Int(Int32.max)]) : nil,
            className: base == .reference || base == .object ? pick([nil, "Größe_名"]) : nil)
    }

    private mutating func qualifiers() -> [CIMQualifier] {
        list(4) { generator, index in
            let type = CIMTypeReference(generator.base(1), isArray: generator.chance(40))
            return CIMQualifier(
                name: generator.pick(["Q\(index)", "__q\(index)"]), value: generator.value(type),
                flavor: CIMFlavor(rawValue: UInt32(generator.number(below: 256))))
        }
    }

    mutating func declaration() -> CIMClass {
        let ancestors = list(3) { _, index in "Ancestor\(index)" }
        return CIMClass(
            name: pick(["C", "Größe", "__System"]), superclass: ancestors.first, derivation: ancestors, qualifiers: qualifiers(),
            properties: list(5) { generator, index in
                let type = generator.type()
                return CIMProperty(
                    name: generator.pick(["p\(index)", "__CLASS\(index)"]), type: type, defaultValue: generator.value(type),
                    qualifiers: generator.qualifiers(), origin: generator.pick(["", "C", "Ancestor0"]))
            },
            methods: list(3) { generator, index in
                CIMMethod(
                    name: "m\(index)", returnType: generator.chance(20) ? nil : generator.type(),
                    parameters: generator.list(3) { generator, index in
                        CIMParameter(name: "a\(index)", type: generator.type(), qualifiers: generator.qualifiers())
                    },
                    qualifiers: generator.qualifiers(), origin: generator.pick(["", "C"]))
            })
    }
}

@Suite("Any class arrives as it is") struct ClassRoundTripTests {
    private func trip(_ declaration: CIMClass) throws -> CIMClass {
        var writer = BodyWriter()
        writer.append(class: declaration, namespace: .cimv2, server: "HOST")
        var reader = try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
        return try reader.readClass()
    }

    @Test("Design 3, Objects: 2,000 generated classes are the same after the wire")
    func generated() throws {
        var generator = ClassGenerator(seed: 7)
        for number in 0..<2000 {
            let declaration = generator.declaration()
            let read = try trip(declaration)
            guard read != declaration else { continue }
            Issue.record("class \(number):\n\(declaration)\n\(read)")
            return
        }
    }

    @Test("A property called like a system property is no system property")
    func systemNames() throws {
        let declaration = CIMClass(
            name: "C", properties: [CIMProperty(name: "__CLASS", type: CIMTypeReference(.string), defaultValue: "Other")])
        #expect(try trip(declaration) == declaration)
    }

    @Test("Types that do not fit their value are a fault, in time that is linear in the message")
    func faults() throws {
        func read(_ qualifier: Entries) throws {
            var reader = try body(.dictionary([("__CLASS", .string("C")), ("__QUALIFIERS", objects([qualifier]))]))
            _ = try reader.readClass()
        }
        let object = DBusValue.dictionary([("p", .string("x"))])
        for qualifier: Entries in [
            [("Name", .string("Q")), ("Type", .string("sint9")), ("Value", .int16(1))],
            [("Name", .string("Q")), ("Type", .string("sint8")), ("Value", .int16(128))],
            [("Name", .string("Q")), ("Type", .string("datetime")), ("Value", .string("today"))],
            [("Name", .string("Q")), ("Value", object), ("Types", .dictionary([("p", .string("datetime"))]))],
            [("Name", .string("Q")), ("Value", object), ("Types", .dictionary([("q", .string("datetime"))]))],
            [("Name", .string("Q")), ("Value", .int16(1)), ("Types", .dictionary([]))],
        ] { #expect(throws: ObjectFault.self, "\(qualifier)") { try read(qualifier) } }

        var writer = CIMInstance(className: "C")
        for number in 0..<20_000 {
            writer.append(name: "p\(number)", value: .datetime(try #require(CIMDateTime("00000001000000.000000:000"))))
        }
        let large = CIMClass(name: "C", qualifiers: [CIMQualifier(name: "Q", value: .object(writer))])
        let start = ContinuousClock.now
        let read = try trip(large)
        #expect(ContinuousClock.now - start < .seconds(10))
        #expect(read.qualifiers.first?.value.objectValue?.properties.last == writer.properties.last)
    }
}
