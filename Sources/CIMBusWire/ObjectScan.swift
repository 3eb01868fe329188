import CIM
import DBus

extension ObjectLayout {
    /// Where the entries of each object of an `aa{sv}` lie in the body, if every one of them already is what a receiver gets who wants no
    /// derived system properties: of exactly this class, in its order, spelling and types. Nil where anything differs, or needs a closer
    /// look; ``ObjectChecker`` then says what, or mends it.
    public func rangesIfVerbatim(_ reader: BodyReader) -> [Range<Int>]? {
        guard reader.hasHostByteOrder else { return nil }
        var reader = reader
        var ranges: [Range<Int>] = []
        do throws(DBusDecodingError) {
            let end = try reader.enterArray(elementAlignment: 4)
            while !reader.isAtEnd(of: end) {
                let objectEnd = try reader.enterArray(elementAlignment: 8)
                let start = reader.position
                guard objectEnd - start <= Contract.largestObject, classEntry.withUnsafeBytes({ reader.skip(ifNext: $0) }) else {
                    return nil
                }
                var likely = 0
                while !reader.isAtEnd(of: objectEnd) {
                    try reader.enterDictEntry()
                    guard let index = match(&reader, from: likely), try skipValue(&reader, index) else { return nil }
                    likely = index + 1
                }
                try reader.leaveArray(objectEnd)
                ranges.append(start..<objectEnd)
            }
            try reader.leaveArray(end)
            return ranges
        } catch { return nil }
    }

    /// Goes past a value that needs no parsing, and past a datetime as it is written here. What else needs parsing is left to the checker.
    func skipValue(_ reader: inout BodyReader, _ slot: Int) throws(DBusDecodingError) -> Bool {
        if slots[slot].wire.isPlain {
            try reader.skip(slots[slot].extent)
            return true
        }
        guard slots[slot].type.base == .datetime, !slots[slot].type.isArray else { return false }
        let text = String(decoding: try reader.readStringBytes(), as: UTF8.self)
        return CIMDateTime(text)?.description == text
    }
}
