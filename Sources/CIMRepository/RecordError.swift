/// Why bytes are not a record, or a value cannot become one.
enum RecordError: Error, Hashable, Sendable {
    /// The bytes end in the middle of something, or go on behind the end.
    case wrongLength
    case unknownVersion(UInt8)
    case unknownTag(UInt8)

    /// Text that is not UTF-8, a date that is none, a number too large.
    case malformed(String)

    /// Values nested deeper than ``maximumDepth``.
    case tooDeep

    /// How deep values may nest: embedded objects 16 (DESIGN 3), each in an array, and their paths in one another.
    static let maximumDepth = 64
}
