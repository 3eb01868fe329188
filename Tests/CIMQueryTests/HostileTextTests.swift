import SeededRandom
import Testing

@testable import CIM
@testable import CIMQuery

/// Changes texts at random: bytes flipped, put in, taken out, doubled; pieces of other texts put in.
struct Mutator {
    var random: SeededGenerator
    let seeds: [String]
    let pieces: [String]

    mutating func next() -> String {
        var bytes = Array(random.pick(seeds).utf8)
        for _ in 0...random.below(4) {
            let position = random.below(bytes.count + 1)
            switch random.below(6) {
            case 0 where position < bytes.count: bytes[position] = UInt8(truncatingIfNeeded: random.next())
            case 1 where position < bytes.count: bytes.remove(at: position)
            case 2: bytes.removeSubrange(position...)
            case 3: bytes.insert(contentsOf: random.pick(seeds).utf8.prefix(random.below(30)), at: position)
            default: bytes.insert(contentsOf: random.pick(pieces).utf8, at: position)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

@Suite("Hostile texts")
struct HostileTextTests {
    @Test("WQL: 30,000 mutated queries parse or throw, in work linear in their length; what parses is written and read back")
    func queries() throws {
        var mutator = Mutator(
            random: SeededGenerator(seed: 5),
            seeds: [
                "SELECT * FROM C WHERE a = 1 AND (b <> 'x' OR NOT c LIKE \"[a-f]%\") AND d.e IS NOT NULL",
                "SELECT a, b.c, __PATH FROM Disk WHERE 5 <= Size OR Inner ISA 'X' AND t = '20260101000000.000000+000'",
                #"ASSOCIATORS OF {\\.\root\cimv2:Disk.Id="C:\\x",N=1} WHERE AssocClass = A ResultRole = B KeysOnly"#,
                "REFERENCES OF {A.k=B.n='x'} WHERE ResultClass = R Role=Q RequiredQualifier = Z ClassDefsOnly",
                "SELECT * FROM meta_class WHERE __this ISA 'C' OR __Superclass IS NULL AND __Dynasty = 'D'",
                "SELECT * FROM E WITHIN 2.5 WHERE T ISA 'C' GROUP WITHIN 60 BY T.a, b HAVING NumberOfEvents >= 5",
            ],
            pieces: [
                "(", ")", "'", "\"", "\\", " AND ", " OR ", " NOT ", "NULL", "{", "}", ".", ",", "1e5", "-", "TRUE", "\u{0}", "é",
                "LIKE '%'", "=", "<",
            ])
        var parsed = 0
        for _ in 0..<30_000 {
            let text = mutator.next()
            var work = 0
            let query: WQLQuery?
            do throws(QueryError) {
                var parser = try WQLParser(text)
                defer { work = parser.work }
                query = try parser.query()
            } catch {
                #expect(error.place.line > 0 && error.place.column > 0)
                query = nil
            }
            if work > text.utf8.count { Issue.record("\(work) steps for \(text.utf8.count) bytes: \(text)") }
            guard let query else { continue }
            parsed += 1
            let again = try? WQLQuery(parsing: query.description)
            if again != query { Issue.record("\(text)\nwritten \(query)\nread back \(again.map(\.description) ?? "as an error")") }
            if case .select(let select) = query { _ = try? DataQuery(select, checkedAgainst: Disks.disk, classes: Disks.lookup) }
        }
        #expect(parsed > 1_000)
    }

    @Test("H.1: 30,000 mutated paths parse or throw, in work linear in their length; what parses is written, measured and read back")
    func paths() throws {
        var mutator = Mutator(
            random: SeededGenerator(seed: 6),
            seeds: [
                #"\\.\root\cimv2:A.k="a\"b\\",l=-5,m=B.n='x',o=TRUE"#, #"//host-1.lan/ROOT/x:Disk="C:""#,
                "A.k=0xFFFFFFFFFFFFFFFF,j=18446744073709551615",
                "A=@", "root:A.k=root:B.k=root:C.k='\"'", #"A.r="B.r=\"C.k='x'\"""#, "Ä.ö='ü%20'", "A.k=A.k=A.k=\\\\m\\n:A=1",
            ],
            pieces: [
                "'", "\"", "\\", "\\\"", ".", "=", ",", ":", "/", "@", "0x", "-", "TRUE", "root:", "A.k=", "\u{0}", "\u{1F}", "é", "😀",
                "999999999999",
            ])
        var parsed = 0
        for _ in 0..<30_000 {
            let text = mutator.next()
            var parser = ObjectPathParser(bytes: Array(text.utf8))
            let path = try? parser.wholePath()
            if parser.position + parser.lookedAhead > 4 * text.utf8.count + 4 { Issue.record("too much work for \(text)") }
            guard let path else { continue }
            parsed += 1
            let written = path.path
            if path.measure().total != written.utf16.count { Issue.record("\(text) measures \(path.measure().total): \(written)") }
            guard let again = try? CIMObjectPath(parsing: written) else {
                Issue.record("\(text) is written \(written), which is no path")
                continue
            }
            if again.path != written || again != (try? CIMObjectPath(parsing: again.path)) {
                Issue.record("\(written) reads back as \(again)")
            }
            if again.hashValue != (try? CIMObjectPath(parsing: again.path))?.hashValue { Issue.record("\(written) hashes differently") }
        }
        #expect(parsed > 3_000)
    }

    @Test("H.1: 20,000 paths of hostile keys survive writing and reading")
    func hostileKeys() throws {
        var random = SeededGenerator(seed: 7)
        let texts = [
            "", "\"", "\\", "'", "\\\"", ",", "=", "a,b=\"c\"", "{}", "}", "@", "%20", "é\u{301}", "😀", "\u{7F}", "\u{FFFD}", "TRUE", "0x1",
            ":", "//",
        ]
        func path(_ depth: Int) -> CIMObjectPath {
            var keys: [CIMObjectPath.Key] = []
            for name in ["k", "Él", "_x"].prefix(random.below(3) + 1) {
                let value: CIMObjectPath.KeyValue
                switch random.below(depth > 0 ? 5 : 4) {
                case 0: value = .integer(Int64(truncatingIfNeeded: random.next()))
                case 1: value = .unsigned(UInt64(Int64.max) + 1 + random.next() % 1000)
                case 2: value = .boolean(random.below(2) == 0)
                case 3: value = .string((0...random.below(4)).map { _ in random.pick(texts) }.joined())
                default: value = .reference(path(depth - 1))
                }
                keys.append(CIMObjectPath.Key(name: name, value: value))
            }
            let namespace = random.below(2) == 0 ? "root/cimv2" : nil
            return CIMObjectPath(
                server: namespace == nil || random.below(2) == 0 ? nil : "a-b.c", namespace: namespace, className: "Cläss",
                keys: .keys(keys))
        }
        for _ in 0..<20_000 {
            let original = path(3)
            let written = original.path
            if original.measure().total != written.utf16.count { Issue.record("\(written) measures \(original.measure().total)") }
            guard written.utf16.count <= CIMObjectPath.maximumLength else { continue }
            guard let again = try? CIMObjectPath(parsing: written) else {
                Issue.record("\(written) does not read back")
                continue
            }
            if again.path != written { Issue.record("\(written) reads back as \(again)") }
            var query = AssociationQuery(.references, of: again)
            query.role = "Group"
            if (try? WQLQuery(parsing: query.description)) != .association(query) { Issue.record("\(query) does not read back") }
        }
    }

    @Test("H.1: what is legal but would grow past the limit when written is refused; what would not is taken")
    func growth() throws {
        let quotes = "C.k='" + String(repeating: "\"", count: 5000) + "'"
        #expect(throws: ObjectPathError.self) { try CIMObjectPath(parsing: quotes) }
        let bytes = Array("abcdefghijklmnopqrstuvwxyz0123456789_".utf8)
        let names = bytes.prefix(26).flatMap { first in bytes.map { second in String(decoding: [first, second], as: UTF8.self) } }
        let many = "C." + names.map { "\($0)=1" }.joined(separator: ",")
        let declaration = CIMClass(name: "C", properties: names.map { Disks.property($0, .uint8, key: true) })
        #expect(try CIMObjectPath(parsing: many).canonicalized(for: declaration).relativePath == many)
        let deep = String(repeating: "root:B.k=", count: 9) + "1"
        #expect(try CIMObjectPath(parsing: deep).path.utf16.count < CIMObjectPath.maximumLength)
    }
}
