import CIM

extension CheckedCondition {
    /// Whether the condition is seen to hold for no object at all. False does not promise that one exists.
    ///
    /// Seen are: of several comparisons of one property joined by AND, those that no value fulfils together.
    var isNeverTrue: Bool {
        switch self {
        case .leaf: return false
        case .any(let conditions): return conditions.allSatisfy(\.isNeverTrue)
        case .all:
            let conjuncts = self.conjuncts
            if conjuncts.contains(where: { if case .all = $0 { false } else { $0.isNeverTrue } }) { return true }
            var ranges: [Place: Range] = [:]
            for case .leaf(let leaf) in conjuncts {
                let place = Place(property: leaf.property, steps: leaf.steps)
                ranges[place, default: Range()].narrow(to: leaf.test)
                if ranges[place]?.isEmpty ?? false { return true }
            }
            return false
        }
    }

    private var conjuncts: [CheckedCondition] {
        guard case .all(let conditions) = self else { return [self] }
        return conditions.flatMap(\.conjuncts)
    }

    private struct Place: Hashable {
        var property: Int
        var steps: [Step]
    }

    /// What values several comparisons leave to one property.
    private struct Range {
        private var isNull = false
        private var isNotNull = false
        private var lower: (Comparand, isOpen: Bool)?
        private var upper: (Comparand, isOpen: Bool)?
        private var excluded: Set<Comparand> = []
        private(set) var isEmpty = false

        mutating func narrow(to test: Test) {
            switch test {
            case .isNull: isNull = true
            case .isNotNull, .like, .isa, .compareProperty, .anyElement, .noElement: isNotNull = true
            case .compare(let operation, let comparand):
                isNotNull = true
                switch operation {
                case .equal:
                    raise(to: comparand, isOpen: false)
                    lower(to: comparand, isOpen: false)
                case .notEqual: excluded.insert(comparand)
                case .greater, .greaterOrEqual: raise(to: comparand, isOpen: operation == .greater)
                case .less, .lessOrEqual: lower(to: comparand, isOpen: operation == .less)
                }
            }
            if isNull, isNotNull { isEmpty = true }
            guard let lower, let upper else { return }
            switch lower.0.order(to: upper.0) {
            case .greater, .unordered: isEmpty = true
            case .equal: if lower.isOpen || upper.isOpen || excluded.contains(lower.0) { isEmpty = true }
            case .less, nil: break
            }
        }

        private mutating func raise(to comparand: Comparand, isOpen: Bool) {
            guard let (old, wasOpen) = lower else {
                lower = (comparand, isOpen)
                return
            }
            switch comparand.order(to: old) {
            case .greater: lower = (comparand, isOpen)
            case .equal: lower = (old, wasOpen || isOpen)
            case .unordered: isEmpty = true
            case .less, nil: break
            }
        }

        private mutating func lower(to comparand: Comparand, isOpen: Bool) {
            guard let (old, wasOpen) = upper else {
                upper = (comparand, isOpen)
                return
            }
            switch comparand.order(to: old) {
            case .less: upper = (comparand, isOpen)
            case .equal: upper = (old, wasOpen || isOpen)
            case .unordered: isEmpty = true
            case .greater, nil: break
            }
        }
    }
}

extension Comparand {
    /// How two constants for one property stand to each other; `unordered` when no value equals both, nil when that is not known.
    func order(to other: Comparand) -> Order? {
        switch (self, other) {
        case (.integer(let number), .integer(let bound)): number == bound ? .equal : number < bound ? .less : .greater
        case (.integer, .real), (.real, .integer), (.real, .real): nil
        case (.text(let text), .text(let bound)):
            text == bound ? .equal : text.bytes.lexicographicallyPrecedes(bound.bytes) ? .less : .greater
        case (.boolean(let flag), .boolean(let bound)): flag == bound ? .equal : .unordered
        case (.character(let unit), .character(let bound)): unit == bound ? .equal : unit < bound ? .less : .greater
        case (.timestamp(let time), .timestamp(let bound)): time == bound ? .equal : time < bound ? .less : .greater
        case (.interval(let time), .interval(let bound)): time == bound ? .equal : time < bound ? .less : .greater
        case (.timestamp, .interval), (.interval, .timestamp): .unordered
        default: nil
        }
    }
}
