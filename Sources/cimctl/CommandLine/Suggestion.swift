import CIM

/// What somebody may have meant who wrote a name that is not there.
enum Suggestion {
    /// The names that are close, the closest first, three at most.
    static func closest(to word: String, among names: some Sequence<String>) -> [String] {
        let wanted = Array(word.lowercased().utf8.prefix(64))
        guard !wanted.isEmpty else { return [] }
        let farthest = max(1, wanted.count / 3)
        var found: [(distance: Int, name: String)] = []
        for name in Set(names) {
            let other = Array(name.lowercased().utf8.prefix(64))
            var distance = self.distance(wanted, other)
            // Who leaves out the schema, or writes a part, means the whole.
            if distance > farthest, wanted.count >= 3 {
                let bare = other.firstIndex(of: 0x5F).map { Array(other[($0 + 1)...]) } ?? other
                if bare == wanted { distance = 0 } else if other.starts(with: wanted) || bare.starts(with: wanted) { distance = 1 }
            }
            if distance <= farthest { found.append((distance, name)) }
        }
        return found.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(3).map(\.name)
    }

    /// `did you mean X or Y?`; nil where nothing is close.
    static func question(for word: String, among names: some Sequence<String>) -> String? {
        let found = closest(to: word, among: names)
        guard let last = found.last else { return nil }
        let first = found.dropLast().joined(separator: ", ")
        return "did you mean \(first.isEmpty ? last : "\(first) or \(last)")?"
    }

    /// What to say of a name that something has not; where none is close, what it has.
    /// - Parameter kind: what it is, such as a method; nil: the words before say it.
    static func missing(_ name: String, _ what: String, kind: String? = nil, among names: [String]) -> String {
        let rest = question(for: name, among: names) ?? "there is \(names.isEmpty ? "none" : names.joined(separator: ", "))"
        return "\(what) has no \(kind.map { "\($0) " } ?? "")\(name); \(rest)"
    }

    /// How many letters have to be changed, left out, put in or exchanged with their neighbour.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var before: [Int] = []
        var last = Array(0...right.count)
        for row in 0..<left.count {
            var next = [row + 1]
            next.reserveCapacity(right.count + 1)
            for column in 0..<right.count {
                var cost = min(last[column + 1], next[column]) + 1
                cost = min(cost, last[column] + (left[row] == right[column] ? 0 : 1))
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    cost = min(cost, before[column - 1] + 1)
                }
                next.append(cost)
            }
            (before, last) = (last, next)
        }
        return last[right.count]
    }
}
