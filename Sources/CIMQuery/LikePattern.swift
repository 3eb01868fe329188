import CIM

/// A pattern of LIKE (Semantics I.3), compiled once. ASCII letters match in either case.
///
/// The pattern is cut at each `%`. The first piece is matched where the text starts, the last where it ends, and each between at the
/// leftmost place behind the one before it, by a bit-parallel automaton that reads every character once: the work is linear in the text.
struct LikePattern: Hashable, Sendable {
    /// The most characters a pattern may have, letters counted twice for their two cases, and ranges in sets alike.
    static let maximumElements = 2048

    let text: String
    private let first: LikePiece
    private let middle: [LikePiece]

    /// Nil when the pattern has no `%`: then `first` is the whole.
    private let last: LikePiece?

    /// Throws the reason: QuotaViolation for too long a pattern, InvalidQuery for a set without its end or a range upside down.
    init(_ text: String, at place: QueryPlace) throws(QueryError) {
        self.text = text
        var pieces: [[LikeElement]] = [[]]
        var count = 0
        var scalars = text.unicodeScalars.makeIterator()
        while let scalar = scalars.next() {
            if scalar == "%" {
                if pieces.count == 1 || !(pieces.last ?? []).isEmpty { pieces.append([]) }
                continue
            }
            let element: LikeElement
            switch scalar {
            case "_": element = .any
            case "[": element = try LikePattern.set(&scalars, at: place)
            default: element = LikeElement(scalar)
            }
            count += max(1, element.ranges.count)
            guard count <= LikePattern.maximumElements else {
                throw QueryError(
                    .quotaViolation,
                    "expected a pattern that stands for at most \(LikePattern.maximumElements) characters, both cases counted", at: place)
            }
            pieces[pieces.count - 1].append(element)
        }
        first = LikePiece(pieces[0])
        last = pieces.count > 1 ? LikePiece(pieces[pieces.count - 1]) : nil
        middle = pieces.count > 2 ? pieces[1..<(pieces.count - 1)].map { LikePiece($0) } : []
    }

    /// What follows `[`: `^`, then characters and ranges, at least one; a `]` ends it, a `[`, `%` or `_` stands for itself.
    private static func set(
        _ scalars: inout String.UnicodeScalarView.Iterator, at place: QueryPlace
    ) throws(QueryError) -> LikeElement {
        var ranges: [ClosedRange<UInt32>] = []
        var next = scalars.next()
        let isNegated = next == "^"
        if isNegated { next = scalars.next() }
        while let scalar = next, scalar != "]" {
            next = scalars.next()
            guard next == "-" else {
                ranges.append(scalar.value...scalar.value)
                continue
            }
            next = scalars.next()
            guard let upper = next, upper != "]" else {
                // A '-' before the end stands for itself.
                ranges.append(scalar.value...scalar.value)
                ranges.append(0x2D...0x2D)
                continue
            }
            guard scalar.value <= upper.value else {
                throw QueryError(.invalidQuery, "expected a range in order in the pattern, found '\(scalar)-\(upper)'", at: place)
            }
            ranges.append(scalar.value...upper.value)
            next = scalars.next()
        }
        guard next != nil, !ranges.isEmpty else {
            throw QueryError(.invalidQuery, "expected characters and ']' after '[' in the pattern", at: place)
        }
        return LikeElement(ranges, isNegated: isNegated)
    }

    func matches(_ text: String) -> Bool {
        if let work = text.utf8.withContiguousStorageIfAvailable({ work(on: $0) }) { return work.matches }
        return Array(text.utf8).withUnsafeBufferPointer { work(on: $0) }.matches
    }

    /// Whether the text matches, and how many characters were looked at.
    func work(on bytes: UnsafeBufferPointer<UInt8>) -> (matches: Bool, steps: Int) {
        var text = LikeText(bytes: bytes)
        let matches = matches(&text)
        return (matches, text.steps)
    }

    private func matches(_ text: inout LikeText) -> Bool {
        guard var position = first.end(from: 0, in: &text) else { return false }
        guard let last else { return position == text.bytes.count }
        for piece in middle {
            guard let end = piece.firstEnd(from: position, in: &text) else { return false }
            position = end
        }
        guard let start = text.index(before: text.bytes.count, by: last.count), start >= position else { return false }
        return last.end(from: start, in: &text) == text.bytes.count
    }
}
