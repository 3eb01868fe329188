import CIM
import CIMBusWire
import DBus
import SeededRandom
import Testing

/// House rule 5: a peer cannot make us trap. Every reader of the contract gets bodies that are cut off, flipped and made up.
@Suite("Hostile bodies")
struct HostileBodyTests {
    let schema: Schema

    init() throws { schema = try Schema(everyType) }

    /// Lets everything that reads objects read this; each must return or throw.
    private func readAll(_ bytes: some Collection<UInt8>, bigEndian: Bool = false) {
        let reader = Array(bytes).withUnsafeBytes { BodyReader(copying: $0, bigEndian: bigEndian) }
        for name in ["T_All", "T_Nest", "T_Keys"] {
            guard let layout = schema.layout(name) else { continue }
            if let ranges = layout.rangesIfVerbatim(reader) {
                _ = try? CIMBusWireTests.bytes(ObjectBatch(verbatim: reader, ranges: ranges))
            }
            for derived in [true, false] {
                if let batch = try? schema.check(reader, of: name, derived: derived) { _ = try? batch.wire() }
            }
            var one = reader
            _ = try? one.readInstance(layout)
        }
        var instances = reader
        _ = try? instances.readInstances()
        var instance = reader
        _ = try? instance.readInstance()
        var declaration = reader
        _ = try? declaration.readClass()
        var variant = reader
        _ = try? variant.readVariant()
    }

    private func samples() throws -> [[UInt8]] {
        var samples: [[UInt8]] = []
        let nested = DBusValue.dictionary([("__CLASS", .string("T_Leaf")), ("Level", .int16(1))])
        let list: [Entries] = [
            [
                ("__CLASS", .string("T_All")), ("Name", .string("n\"")), ("Number", .uint64(1)), ("S8", .int16(1)),
                ("Texts", .strings(["a"])),
                ("U8s", .array(element: Signature(verified: "v"), [.variant(.byte(1))])), ("Born", .string("20260101000000.000000+000")),
            ],
            [("__CLASS", .string("T_All")), ("Flag", .boolean(true)), ("__X", .structure([.int32(1), .variant(.byte(1))]))],
        ]
        let nests: [Entries] = [
            [
                ("__CLASS", .string("T_Nest")), ("Leaf", nested), ("Leaves", .array(element: Signature(verified: "a{sv}"), [nested])),
            ]
        ]
        for value in [objects(list), .dictionary(list[0]), objects(nests), .variant(nested)] {
            var writer = BodyWriter()
            writer.append(value)
            samples.append(try writer.finish())
        }
        var writer = BodyWriter()
        writer.append(class: try #require(schema["T_Root"]), namespace: .cimv2, server: "HOST")
        samples.append(try writer.finish())
        return samples
    }

    @Test("Cut off anywhere")
    func truncated() throws {
        for sample in try samples() {
            for length in 0...sample.count { readAll(sample.prefix(length)) }
            readAll(sample, bigEndian: true)
        }
    }

    @Test("Bytes flipped anywhere", arguments: 0..<4)
    func flipped(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        for sample in try samples() {
            for _ in 0..<150 {
                var bytes = sample
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    bytes[place] =
                        random.chance(50)
                        ? [0, 0x7F, 0x80, 0xFF, 0x61, 0x76, 0x28].randomElement(using: &random) ?? 0
                        : UInt8(truncatingIfNeeded: random.next())
                }
                readAll(bytes)
            }
        }
    }

    @Test("Made up", arguments: 0..<4)
    func garbage(seed: Int) {
        var random = SeededGenerator(seed: UInt64(100 + seed))
        for _ in 0..<300 {
            // Small numbers make lengths that fit, and signatures of types that exist.
            let alphabet = Array("\0\0\0\0\u{1}\u{4}\u{8}\u{10}a{sv}(v)yu__CLASSTx".utf8) + [0xFF]
            readAll((0..<Int.random(in: 0...200, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? 0 })
        }
    }

    @Test("Nests of every kind end in an error, not in the end of the stack")
    func bottomless() {
        // A variant in a variant in a variant …, and arrays of them.
        for inner in [[1, 0x76, 0], [2, 0x61, 0x76, 0, 0xFF, 0xFF, 0, 0]] as [[UInt8]] {
            var bytes: [UInt8] = []
            while bytes.count < 200_000 { bytes += inner }
            let reader = bytes.withUnsafeBytes { BodyReader(copying: $0) }
            var variant = reader
            #expect(throws: (any Error).self) { try variant.readVariant() }
            readAll(bytes.prefix(4096))
        }
    }
}
