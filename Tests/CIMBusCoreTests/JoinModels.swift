import CIM

@testable import CIMBusCore

/// C.1: whoever fails first decides; else the last one's path is the whole's.
struct PutModel: JoinModel {
    let count: Int

    var description: String { "a put of \(count)" }
    var rules: PutJoin { PutJoin(count: count) }

    func open(after history: [PartEnd]) -> Set<Int> { history.count < count ? [history.count] : [] }

    func end(after history: [PartEnd]) -> (outcome: Outcome, by: Int?)? {
        if let failed = history.first(where: { !$0.isSuccess }) { return (failed.outcome, failed.part) }
        guard history.count == count else { return nil }
        return (success(remarks: history, parameter: history.last?.outcome.parameter ?? ""), nil)
    }
}

/// C.2: all are asked; then the best that those who decide have said is the result.
struct DeleteModel: JoinModel {
    let decides: [Bool]
    let stored: DeleteJoin.Stored

    static let otherwise = Outcome(.accessDenied, parameter: "nobody")

    var description: String { "a delete, deciding \(decides), stored \(stored)" }
    var rules: DeleteJoin { DeleteJoin(decides: decides, stored: stored, otherwise: Self.otherwise) }

    /// All that have a part in it: the repository as a last resort has one where no class decides.
    private var count: Int {
        switch stored {
        case .no: decides.count
        case .yes: decides.count + 1
        case .lastResort: decides.contains(true) ? decides.count : decides.count + 1
        }
    }

    func open(after history: [PartEnd]) -> Set<Int> { history.count < count ? [history.count] : [] }

    func end(after history: [PartEnd]) -> (outcome: Outcome, by: Int?)? {
        guard history.count == count else { return nil }
        let deciding = history.filter { $0.part == decides.count || decides[$0.part] }
        if deciding.contains(where: \.isSuccess) { return (success(remarks: deciding), nil) }
        func rank(_ end: PartEnd) -> Int { end.status == .notFound || end.status == .providerNotCapable ? 1 : 0 }
        let best = deciding.min { (rank($0), $0.part) < (rank($1), $1.part) }
        return (best?.outcome ?? Self.otherwise, best?.part)
    }
}

/// C.3: each line fails with its first failure that is no NULLs; the first line that does not pass decides. A conclusion comes before success.
struct GetModel: JoinModel {
    let lines: [Int]
    let search: GetJoin.Search
    let speaks: Bool
    let concludes: Bool

    static let otherwise = Outcome(.invalidObjectPath, parameter: "nobody")
    static let unsure = Outcome(.noError, parameter: "perhaps")

    var description: String {
        "a get of lines \(lines), search \(search), \(speaks ? "speaking" : "silent")\(concludes ? ", concluding" : "")"
    }
    var rules: GetJoin {
        GetJoin(lines: lines, search: search, speaks: speaks, concludes: concludes, otherwise: Self.otherwise, unsure: Self.unsure)
    }

    private var total: Int { lines.reduce(0, +) }

    /// What each line that was asked has said so far.
    private func answers(_ history: [PartEnd]) -> [[PartEnd]] {
        var first = 0
        return lines.map { count in
            defer { first += count }
            return history.filter { (first..<first + count).contains($0.part) }
        }
    }

    private func failure(of line: [PartEnd]) -> PartEnd? {
        line.enumerated().first { place, end in !end.isSuccess && (place == 0 || end.status != .providerNotCapable) }?.element
    }

    private func passes(_ failure: PartEnd) -> Bool {
        switch failure.status {
        case .notFound: search != .no
        case .providerNotCapable: search == .pastIncapable
        default: false
        }
    }

    /// What the lines come to; nil: they are still asked.
    private func found(_ history: [PartEnd]) -> (outcome: Outcome, by: Int?)? {
        var hasPassedIncapable = false
        for (count, line) in zip(lines, answers(history)) {
            guard let failure = failure(of: line) else {
                return line.count == count ? (success(remarks: speaks ? line : []), nil) : nil
            }
            if !passes(failure) { return (failure.outcome, failure.part) }
            hasPassedIncapable = hasPassedIncapable || failure.status == .providerNotCapable
        }
        return (hasPassedIncapable ? Self.unsure : Self.otherwise, nil)
    }

    func open(after history: [PartEnd]) -> Set<Int> {
        if found(history) != nil { return [total] }
        var first = 0
        for (count, line) in zip(lines, answers(history)) {
            if failure(of: line).map(passes) != true { return [first + line.count] }
            first += count
        }
        return []
    }

    func end(after history: [PartEnd]) -> (outcome: Outcome, by: Int?)? {
        guard let found = found(history), concludes, found.outcome.status.isSuccess else { return found(history) }
        guard let last = history.last, last.part == total else { return nil }
        if !last.isSuccess { return (last.outcome, total) }
        return (
            found.outcome.status == .noError ? success(remarks: [last]) : Outcome(found.outcome.status, object: found.outcome.object), nil
        )
    }
}

/// C.4, I.7: a failure counts unless it is excused or there is another way; the first that counts is the result.
struct FanOutModel: JoinModel {
    let parts: [FanOut.Part]
    let width: Int

    static let alphabet =
        statuses.map { PartEnd(part: 0, outcome: Outcome($0)) } + [PartEnd(part: 0, outcome: Outcome(.notSupported))]
        + [.providerNotCapable, .notSupported].map { PartEnd(part: 0, outcome: Outcome($0), hasBegun: true) }

    var description: String {
        "a fan-out of \(parts.map { $0.ways.map(\.rawValue) }), \(width) at once"
    }
    var rules: FanOut { FanOut(parts, width: width) }

    private enum Meaning { case done, again, failed }

    /// What the end of a part means, where it was asked so many times before.
    private func meaning(_ end: PartEnd, before: Int) -> Meaning {
        if end.isSuccess { return .done }
        let isIncapable = end.status == .providerNotCapable || end.status == .notSupported
        if isIncapable, !end.hasBegun, before + 1 < parts[end.part].ways.count { return .again }
        let way = parts[end.part].ways[before]
        let isExcused =
            switch end.status {
            case .notFound: way.contains(.excusesNotFound)
            case .providerNotCapable: !way.isDisjoint(with: [.excusesNotCapable, .excusesIncapability])
            case .notSupported: way.contains(.excusesIncapability)
            default: false
            }
        return isExcused ? .done : .failed
    }

    private func meanings(_ history: [PartEnd]) -> [Meaning] {
        history.indices.map { place in
            meaning(history[place], before: history[..<place].count { $0.part == history[place].part })
        }
    }

    func open(after history: [PartEnd]) -> Set<Int> {
        let done = zip(history, meanings(history)).filter { $0.1 == .done }.map(\.0.part)
        return Set(0..<min(parts.count, done.count + min(width, parts.count))).subtracting(done)
    }

    func end(after history: [PartEnd]) -> (outcome: Outcome, by: Int?)? {
        let meanings = meanings(history)
        if let failed = meanings.firstIndex(of: .failed) { return (history[failed].outcome, history[failed].part) }
        guard meanings.count(where: { $0 == .done }) == parts.count else { return nil }
        let speaking = history.indices.filter { place in
            let end = history[place]
            return !parts[end.part].ways[history[..<place].count { $0.part == end.part }].contains(.isSilent)
        }
        return (success(remarks: speaking.map { history[$0] }), nil)
    }
}
