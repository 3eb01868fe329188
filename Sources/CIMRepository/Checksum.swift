/// CRC-32 (the polynomial of zlib and Ethernet): finds every burst of up to 32 flipped bits in a row of the repository.
struct Checksum: Sendable {
    private static let table: [UInt32] = (0..<256).map { (index: UInt32) in
        (0..<8).reduce(index) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320 }
    }

    private var state: UInt32 = 0xFFFF_FFFF

    mutating func add(_ bytes: some Sequence<UInt8>) {
        Checksum.table.withUnsafeBufferPointer { table in
            for byte in bytes { state = table[Int((state ^ UInt32(byte)) & 0xFF)] ^ state >> 8 }
        }
    }

    /// Adds a text and an end mark, so that "a", "bc" and "ab", "c" differ.
    mutating func add(_ text: String) {
        add(text.utf8)
        add(CollectionOfOne(0xFF))
    }

    var value: UInt32 { ~state }

    /// Over the columns that say where a row belongs, and over what it holds.
    /// As the tables hold it.
    static func ofRow(_ columns: [String], _ body: [UInt8]) -> Int64 {
        var checksum = Checksum()
        for column in columns { checksum.add(column) }
        checksum.add(body)
        return Int64(checksum.value)
    }
}
