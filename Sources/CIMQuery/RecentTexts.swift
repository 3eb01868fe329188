import CIM

/// What was made of the texts that came last, by their spelling. Whoever watches a machine asks the same few queries again and again, and to
/// read one takes more than to answer it.
///
/// Who asks chooses the texts: so only ``most`` are kept, and none that is longer than ``longest`` bytes.
package struct RecentTexts<Value> {
    package static var most: Int { 16 }
    package static var longest: Int { 1024 }

    /// The newest first.
    private var known: [(text: String, value: Value)] = []

    package init() {}

    /// - Parameter fits: whether the value is the one that is wanted, where a text may mean several things.
    package mutating func value(of text: String, where fits: (Value) -> Bool = { _ in true }) -> Value? {
        guard let index = known.firstIndex(where: { CIMName.isSpelled($0.text, as: text) && fits($0.value) }) else { return nil }
        if index > 0 { known.insert(known.remove(at: index), at: 0) }
        return known[0].value
    }

    package mutating func keep(_ value: Value, of text: String) {
        guard text.utf8.count <= Self.longest else { return }
        if known.count == Self.most { known.removeLast() }
        known.insert((text, value), at: 0)
    }
}
