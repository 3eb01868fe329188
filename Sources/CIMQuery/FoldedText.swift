import CIM

/// A text made ready to be compared with many others but for case: ASCII letters folded, as in `CIMName`; characters above U+007F compare
/// as they are. Comparing allocates nothing.
struct FoldedText: Hashable, Sendable {
    let bytes: [UInt8]

    init(_ text: String) { bytes = text.utf8.map(CIMName.fold) }

    /// How `text` stands to this text: by the folded bytes of UTF-8, which is the order of code points.
    func order(of text: String) -> Order {
        if let order = text.utf8.withContiguousStorageIfAvailable({ self.order(ofBytes: $0) }) { return order }
        return Array(text.utf8).withUnsafeBufferPointer { self.order(ofBytes: $0) }
    }

    private func order(ofBytes other: UnsafeBufferPointer<UInt8>) -> Order {
        bytes.withUnsafeBufferPointer { mine in
            for index in 0..<min(mine.count, other.count) {
                let left = CIMName.fold(other[index])
                let right = mine[index]
                if left != right { return left < right ? .less : .greater }
            }
            return other.count == mine.count ? .equal : other.count < mine.count ? .less : .greater
        }
    }
}
