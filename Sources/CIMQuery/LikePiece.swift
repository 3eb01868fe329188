import CIM

/// One character of a LIKE pattern: what it matches, as ranges of code points, letters folded.
struct LikeElement: Hashable, Sendable {
    let ranges: [ClosedRange<UInt32>]
    let isNegated: Bool

    static let any = LikeElement(ranges: [], isNegated: true)

    private init(ranges: [ClosedRange<UInt32>], isNegated: Bool) {
        self.ranges = ranges
        self.isNegated = isNegated
    }

    init(_ scalar: Unicode.Scalar) { self.init([scalar.value...scalar.value], isNegated: false) }

    /// Each range also in the other case of the ASCII letters in it.
    init(_ ranges: [ClosedRange<UInt32>], isNegated: Bool) {
        var both = ranges
        for range in ranges {
            for (letters, shift) in [(UInt32(0x41)...0x5A, Int32(32)), (UInt32(0x61)...0x7A, Int32(-32))] where range.overlaps(letters) {
                let part = range.clamped(to: letters)
                both.append(UInt32(Int32(part.lowerBound) + shift)...UInt32(Int32(part.upperBound) + shift))
            }
        }
        self.init(ranges: both, isNegated: isNegated)
    }

    func matches(_ scalar: UInt32) -> Bool { ranges.contains { $0.contains(scalar) } != isNegated }
}

/// A run of elements between two `%`, as masks: bit i of the mask of a character says whether element i matches it.
///
/// Characters that no range tells apart share a mask: `starts` holds where each class of characters begins, in order.
struct LikePiece: Hashable, Sendable {
    let count: Int
    private let words: Int
    private let starts: [UInt32]
    private let masks: [UInt64]
    private let asciiClass: [UInt16]

    init(_ elements: [LikeElement]) {
        count = elements.count
        words = max(1, (elements.count + 63) / 64)
        var bounds: Set<UInt32> = [0]
        for range in elements.lazy.flatMap(\.ranges) {
            bounds.insert(range.lowerBound)
            bounds.insert(range.upperBound + 1)
        }
        starts = bounds.sorted()
        // Between two bounds an element matches everything or nothing: mark where it changes, in one pass over its ranges.
        var masks = Array(repeating: UInt64(0), count: starts.count * words)
        for (position, element) in elements.enumerated() {
            let bit = UInt64(1) << UInt64(position & 63)
            if element.isNegated {
                for index in starts.indices { masks[index * words + position >> 6] |= bit }
            }
            for range in element.ranges {
                var index = LikePiece.position(of: range.lowerBound, in: starts)
                while index < starts.count, starts[index] <= range.upperBound {
                    if element.isNegated {
                        masks[index * words + position >> 6] &= ~bit
                    } else {
                        masks[index * words + position >> 6] |= bit
                    }
                    index += 1
                }
            }
        }
        self.masks = masks
        let starts = starts
        asciiClass = (0..<128).map { UInt16(truncatingIfNeeded: LikePiece.position(of: $0, in: starts)) }
    }

    /// The last index whose start is not above `scalar`.
    private static func position(of scalar: UInt32, in starts: [UInt32]) -> Int {
        var low = 0
        var high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= scalar { low = middle } else { high = middle }
        }
        return low
    }

    private func maskStart(of scalar: UInt32) -> Int {
        (scalar < 128 ? Int(asciiClass[Int(scalar)]) : LikePiece.position(of: scalar, in: starts)) * words
    }

    /// Where the piece ends when it stands right at `start`; nil when it does not.
    func end(from start: Int, in text: inout LikeText) -> Int? {
        var position = start
        for index in 0..<count {
            guard let scalar = text.next(&position) else { return nil }
            guard masks[maskStart(of: scalar) + index >> 6] >> UInt64(index & 63) & 1 == 1 else { return nil }
        }
        return position
    }

    /// Where the piece ends at its leftmost place from `start` on; nil when it has none.
    func firstEnd(from start: Int, in text: inout LikeText) -> Int? {
        guard count > 0 else { return start }
        var position = start
        let lastWord = (count - 1) >> 6
        let lastBit = UInt64(1) << UInt64((count - 1) & 63)
        if words == 1 {
            var state: UInt64 = 0
            while let scalar = text.next(&position) {
                state = (state << 1 | 1) & masks[maskStart(of: scalar)]
                if state & lastBit != 0 { return position }
            }
            return nil
        }
        var state = Array(repeating: UInt64(0), count: words)
        while let scalar = text.next(&position) {
            let mask = maskStart(of: scalar)
            var carry: UInt64 = 1
            for word in 0..<words {
                let shifted = state[word] << 1 | carry
                carry = state[word] >> 63
                state[word] = shifted & masks[mask + word]
            }
            if state[lastWord] & lastBit != 0 { return position }
        }
        return nil
    }
}

/// The text LIKE reads: UTF-8, which a Swift string keeps valid.
struct LikeText {
    let bytes: UnsafeBufferPointer<UInt8>
    var steps = 0

    init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// The character at `position`, and past it; nil at the end.
    @inline(__always)
    mutating func next(_ position: inout Int) -> UInt32? {
        guard position < bytes.count else { return nil }
        steps += 1
        let first = bytes[position]
        position += 1
        guard first >= 0x80 else { return UInt32(first) }
        let length = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1
        var scalar = UInt32(first) & (0x3F >> UInt32(length))
        for _ in 0..<length where position < bytes.count {
            scalar = scalar << 6 | UInt32(bytes[position] & 0x3F)
            position += 1
        }
        return scalar
    }

    /// Where `count` characters before `end` start; nil when there are not so many.
    mutating func index(before end: Int, by count: Int) -> Int? {
        var position = end
        for _ in 0..<count {
            repeat {
                guard position > 0 else { return nil }
                position -= 1
            } while bytes[position] & 0xC0 == 0x80
            steps += 1
        }
        return position
    }
}
