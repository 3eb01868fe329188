import Glibc

/// The names that messages of one connection brought lately. A name that comes again needs neither a check of its grammar nor memory of its own:
/// the same few senders, paths and members come again and again.
///
/// Each name has one place, which the next name for that place takes over. So the memory is bounded, whatever peers send.
struct NameCache: ~Copyable {
    /// Longer names are not kept.
    private static let longest = slotSize - 2
    private static let slotSize = 96
    /// A power of two, for each of the fields.
    private static let slotsOfField = 64
    private static let fields = 8

    /// For each place the field, the length and the bytes of its name; 0 in front: none. Memory that is not written to takes none.
    private let slots: UnsafeMutableRawPointer?
    private var texts = [String](repeating: "", count: slotsOfField * fields)

    init() { slots = calloc(Self.slotsOfField * Self.fields, Self.slotSize) }

    deinit { free(slots) }

    /// The name as text; nil where the field may not have it.
    mutating func text(_ field: HeaderField, _ bytes: UnsafeRawBufferPointer) -> String? {
        guard let slots, let base = bytes.baseAddress, bytes.count <= Self.longest else { return Self.checked(field, bytes) }
        let index = Int(truncatingIfNeeded: (UInt64(field.rawValue) &- 1) & 7) &* Self.slotsOfField &+ Self.hash(base, bytes.count)
        let slot = slots + index &* Self.slotSize
        let start = UInt16(field.rawValue) | UInt16(truncatingIfNeeded: bytes.count) << 8
        if slot.load(as: UInt16.self) == start, memcmp(slot + 2, base, bytes.count) == 0 { return texts[index] }
        guard let text = Self.checked(field, bytes) else { return nil }
        slot.storeBytes(of: start, as: UInt16.self)
        memcpy(slot + 2, base, bytes.count)
        texts[index] = text
        return text
    }

    private static func checked(_ field: HeaderField, _ bytes: UnsafeRawBufferPointer) -> String? {
        // Whatever passes is ASCII.
        field.fault(of: bytes) == nil ? String(decoding: bytes, as: UTF8.self) : nil
    }

    private static func hash(_ base: UnsafeRawPointer, _ count: Int) -> Int {
        let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
        var hash = UInt64(truncatingIfNeeded: count)
        var at = 0
        while at &+ 8 <= count {
            hash = (hash ^ base.loadUnaligned(fromByteOffset: at, as: UInt64.self)) &* factor
            hash ^= hash >> 29
            at &+= 8
        }
        while at < count {
            hash = (hash ^ UInt64(base.load(fromByteOffset: at, as: UInt8.self))) &* factor
            at &+= 1
        }
        hash ^= hash >> 32
        return Int(truncatingIfNeeded: (hash &* factor) >> 58)
    }
}
