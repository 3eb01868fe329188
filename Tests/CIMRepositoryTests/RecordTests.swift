import CIM
import SeededRandom
import Testing

@testable import CIMRepository

/// Records give back exactly what was written, and any bytes at all give an error or a value.
@Suite struct RecordTests {
    private struct Generator {
        var random: SeededGenerator

        mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

        mutating func text() -> String {
            let pieces = ["a", "Z", "ä", "𝄞", "\0", "\u{301}", " ", "\"", "A name longer than fifteen bytes", ""]
            return (0..<number(0...4)).map { _ in pieces[number(0...pieces.count - 1)] }.joined()
        }

        mutating func path(_ depth: Int) -> CIMObjectPath {
            var path = CIMObjectPath(className: text())
            if number(0...1) == 0 { path.namespace = text() }
            if number(0...2) == 0 { path.server = text() }
            switch number(0...3) {
            case 0: path.keys = .singleton
            case 1: break
            default:
                path.keys = .keys(
                    (0..<number(0...3)).map { _ in
                        let value: CIMObjectPath.KeyValue =
                            switch number(0...4) {
                            case 0: .string(text())
                            case 1: .integer(Int64(truncatingIfNeeded: random.next()))
                            case 2: .unsigned(UInt64(Int64.max) + 1 + random.next() % 1000)
                            case 3: .boolean(number(0...1) == 0)
                            default: depth < 4 ? .reference(self.path(depth + 1)) : .string("")
                            }
                        return CIMObjectPath.Key(name: number(0...1) == 0 ? nil : text(), value: value)
                    })
            }
            return path
        }

        mutating func scalar(_ type: CIMType, _ depth: Int) -> CIMValue {
            let bits = random.next()
            switch type {
            case .boolean: return .boolean(bits & 1 == 0)
            case .uint8: return .uint8(UInt8(truncatingIfNeeded: bits))
            case .sint8: return .sint8(Int8(truncatingIfNeeded: bits))
            case .uint16: return .uint16(UInt16(truncatingIfNeeded: bits))
            case .sint16: return .sint16(Int16(truncatingIfNeeded: bits))
            case .uint32: return .uint32(UInt32(truncatingIfNeeded: bits))
            case .sint32: return .sint32(Int32(truncatingIfNeeded: bits))
            case .uint64: return .uint64(bits)
            case .sint64: return .sint64(Int64(truncatingIfNeeded: bits))
            case .char16: return .char16(UInt16(truncatingIfNeeded: bits))
            case .real32:
                return .real32([0, -0.0, 1.5, .infinity, .nan, Float(bitPattern: UInt32(truncatingIfNeeded: bits))][number(0...5)])
            case .real64: return .real64([0, -0.0, 0.1, -.infinity, .nan, Double(bitPattern: bits)][number(0...5)])
            case .string: return .string(text())
            case .datetime:
                let texts = [
                    "20200229235959.999999-720", "********0101**.******+***", "99999999235959.999999:000", "20200101000000.000000-000",
                ]
                return CIMDateTime(texts[number(0...3)]).map { .datetime($0) } ?? .null
            case .reference: return .reference(path(depth))
            case .object: return .object(instance(depth + 1))
            }
        }

        mutating func value(_ depth: Int) -> CIMValue {
            let types = CIMType.allCases.filter { depth < 4 || ($0 != .object && $0 != .reference) }
            let type = types[number(0...types.count - 1)]
            switch number(0...4) {
            case 0: return .null
            case 1: return .array(of: type, (0..<number(0...4)).map { _ in scalar(type, depth + 1) })
            default: return scalar(type, depth + 1)
            }
        }

        mutating func instance(_ depth: Int) -> CIMInstance {
            var instance = CIMInstance(className: text())
            if number(0...2) == 0 { instance.path = path(depth + 1) }
            for index in 0..<number(0...6) { instance.append(name: "\(text())\(index)", value: value(depth + 1)) }
            return instance
        }

        mutating func qualifiers() -> [CIMQualifier] {
            (0..<number(0...3)).map { _ in
                CIMQualifier(name: text(), value: value(3), flavor: CIMFlavor(rawValue: UInt32(truncatingIfNeeded: random.next())))
            }
        }

        mutating func type() -> CIMTypeReference {
            CIMTypeReference(
                CIMType.allCases[number(0...CIMType.allCases.count - 1)], isArray: number(0...1) == 0,
                arraySize: number(0...1) == 0 ? nil : number(-3...1 << 40), className: number(0...1) == 0 ? nil : text())
        }

        mutating func declaration() -> CIMClass {
            var declared = CIMClass(name: text(), superclass: number(0...1) == 0 ? nil : text(), derivation: [text()])
            declared.qualifiers = qualifiers()
            declared.properties = (0..<number(0...4)).map { _ in
                CIMProperty(name: text(), type: type(), defaultValue: value(2), qualifiers: qualifiers(), origin: text())
            }
            declared.methods = (0..<number(0...3)).map { _ in
                CIMMethod(
                    name: text(), returnType: number(0...1) == 0 ? nil : type(),
                    parameters: (0..<number(0...3)).map { _ in CIMParameter(name: text(), type: type(), qualifiers: qualifiers()) },
                    qualifiers: qualifiers(), origin: text())
            }
            return declared
        }
    }

    @Test("Instances with every kind of value come back to the bit")
    func instances() throws {
        var generator = Generator(random: SeededGenerator(seed: 1))
        for _ in 0..<1500 {
            let record = try RecordWriter.record(of: generator.instance(0))
            let again = try RecordReader.readInstance(record)
            // Bytes, since a NaN equals nothing and names compare without regard to case.
            #expect(try RecordWriter.record(of: again) == record)
        }
        let plain = CIMInstance(className: "A", ["S": "x", "N": .null, "U": .uint64(.max), "E": .array(of: .char16, [])])
        #expect(try RecordReader.readInstance(RecordWriter.record(of: plain)) == plain)
    }

    @Test("an instance with qualifiers is a record of version 2; one without is what it always was")
    func qualifiers() throws {
        var generator = Generator(random: SeededGenerator(seed: 4))
        for _ in 0..<300 {
            var instance = generator.instance(0)
            let plain = try RecordWriter.record(of: instance)
            #expect(plain.first == 1)
            instance.qualifiers = generator.qualifiers()
            instance.propertyQualifiers = (0..<generator.number(0...3)).map { _ in
                .init(name: generator.text(), qualifiers: generator.qualifiers())
            }
            let record = try RecordWriter.record(of: instance)
            #expect(record.first == (instance.hasQualifiers ? 2 : 1) && record.dropFirst().starts(with: plain.dropFirst()))
            let again = try RecordReader.readInstance(record)
            #expect(try RecordWriter.record(of: again) == record && again.qualifiers.count == instance.qualifiers.count)
            for length in 0..<record.count {
                #expect(throws: RecordError.self) { try RecordReader.readInstance(Array(record[..<length])) }
            }
        }
        var known: Set<String> = []
        #expect(throws: RecordError.unknownVersion(2)) { try RecordReader.readClass([2], known: &known) }
        #expect(throws: RecordError.unknownVersion(3)) { try RecordReader.readInstance([3]) }
    }

    @Test("Names that Unicode counts as the same, and that are different bytes, come back as they were")
    func spelling() throws {
        var known: Set<String> = []
        for name in ["Test_LongEnough_\u{E9}", "Test_LongEnough_e\u{301}"] {
            let again = try RecordReader.readClass(try RecordWriter.record(of: CIMClass(name: name)), known: &known)
            #expect(again.name.utf8.elementsEqual(name.utf8))
        }
    }

    @Test("Classes and qualifier types come back exactly")
    func classes() throws {
        var generator = Generator(random: SeededGenerator(seed: 2))
        var known: Set<String> = []
        for _ in 0..<500 {
            let declared = generator.declaration()
            let record = try RecordWriter.record(of: declared)
            let again = try RecordReader.readClass(record, known: &known)
            #expect(try RecordWriter.record(of: again) == record)
            #expect(again.properties.map(\.type) == declared.properties.map(\.type) && again.superclass == declared.superclass)
            let type = CIMQualifierType(
                name: generator.text(), type: generator.type(), defaultValue: generator.value(3), scope: [.class, .method],
                flavor: [.toInstance, .amended])
            let bytes = try RecordWriter.record(of: type)
            #expect(try RecordWriter.record(of: RecordReader.readQualifierType(bytes)) == bytes)
        }
    }

    @Test("Hostile bytes: cut off, changed, random, nested without end: an error or a value, at once")
    func hostile() throws {
        var generator = Generator(random: SeededGenerator(seed: 3))
        var known: Set<String> = []
        for _ in 0..<60 {
            let instance = try RecordWriter.record(of: generator.instance(0))
            let declared = try RecordWriter.record(of: generator.declaration())
            for length in 0..<instance.count {
                #expect(throws: RecordError.self) { try RecordReader.readInstance(Array(instance[..<length])) }
            }
            for _ in 0..<60 {
                var bytes = declared
                bytes[generator.number(0...bytes.count - 1)] = UInt8(truncatingIfNeeded: generator.random.next())
                _ = try? RecordReader.readClass(bytes, known: &known)
                _ = try? RecordReader.readQualifierType(bytes)
                _ = try? RecordReader.readInstance(bytes)
            }
        }
        let endless = [UInt8(1), 0, 0, 1, 0] + [UInt8](repeating: 13, count: 100_000)
        #expect(throws: RecordError.self) { try RecordReader.readInstance(endless) }
        let level: [UInt8] = [UInt8(CIMType.object.rawValue), 0, 0, 1, 0]
        let nested = [UInt8]((0..<40_000).map { _ in level }.joined())
        #expect(throws: RecordError.tooDeep) { try RecordReader.readInstance(level.map { $0 == 13 ? 1 : $0 } + nested) }
        #expect(throws: RecordError.unknownVersion(9)) { try RecordReader.readInstance([9]) }
    }

    @Test("What is nested too deep is refused when it is written")
    func deep() throws {
        var instance = CIMInstance(className: "A")
        for _ in 0..<200 { instance = CIMInstance(className: "A", ["P": .object(instance)]) }
        #expect(throws: RecordError.tooDeep) { try RecordWriter.record(of: instance) }
    }

    @Test("A checksum sees every flipped bit and what row it is in")
    func checksum() {
        let body = Array("123456789".utf8)
        var plain = Checksum()
        plain.add(body)
        #expect(plain.value == 0xCBF4_3926)
        let right = Checksum.ofRow(["a", "bc"], body)
        #expect(Checksum.ofRow(["ab", "c"], body) != right)
        for bit in 0..<body.count * 8 {
            var flipped = body
            flipped[bit / 8] ^= 1 << (bit % 8)
            #expect(Checksum.ofRow(["a", "bc"], flipped) != right)
        }
    }
}
