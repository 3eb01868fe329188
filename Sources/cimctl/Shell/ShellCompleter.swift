import Dispatch
import Synchronization

/// Candidates for the line editor, which waits for them on its own thread.
final class ShellCompleter: Sendable {
    /// What the lines before this one have begun.
    final class Begun: Sendable {
        private let text = Mutex("")
        func store(_ text: String) { self.text.withLock { $0 = text } }
        var value: String { text.withLock { $0 } }
    }

    let begun = Begun()
    private let completion: Completion?

    init(tree: CommandTree?, aliases: Aliases, source: any CompletionSource) {
        completion = tree.map { Completion(tree: $0, aliases: aliases, source: source) }
    }

    /// - Parameters:
    ///   - line: up to where the user is.
    ///   - start: the byte at which the word begins that the editor replaces.
    func candidates(_ line: String, _ start: Int) -> [(text: String, isOpen: Bool)] {
        guard let completion else { return [] }
        let before = begun.value
        let found = Answer()
        let done = DispatchSemaphore(value: 0)
        Task.detached {
            found.store(await Self.candidates(line, start, before, completion))
            done.signal()
        }
        // Longer than the broker is waited for, so that it never matters.
        _ = done.wait(timeout: .now() + 3)
        return found.value
    }

    private final class Answer: Sendable {
        private let candidates = Mutex<[(text: String, isOpen: Bool)]>([])
        func store(_ found: [(text: String, isOpen: Bool)]) { candidates.withLock { $0 = found } }
        var value: [(text: String, isOpen: Bool)] { candidates.withLock { $0 } }
    }

    static func candidates(
        _ line: String, _ start: Int, _ before: String, _ completion: Completion
    ) async -> [(text: String, isOpen: Bool)] {
        let whole = before.isEmpty ? line : before + " " + line
        let first = whole.drop { $0 == " " }.prefix { $0 != " " }.uppercased()
        let head = String(decoding: line.utf8.prefix(start), as: UTF8.self)
        guard before.isEmpty, !["SELECT", "ASSOCIATORS", "REFERENCES"].contains(first) else {
            let found = await QueryCompletion(source: completion.source).candidates(whole)
            let prefix = whole.prefix(whole.count - line.count) + head
            return found.compactMap { $0.word.hasPrefix(prefix) ? (String($0.word.dropFirst(prefix.count)), true) : nil }
        }
        if first.hasPrefix("\\") {
            return ["\\?", "\\x", "\\o", "\\n", "\\timing", "\\q"].filter { $0.hasPrefix(line) }.map { ($0, false) }
        }
        let words = ShellWords(line, keepingInnerQuotes: true)
        var found = await completion.candidates(words) ?? []
        if words.finished.isEmpty {
            found += ["SELECT", "ASSOCIATORS OF {", "REFERENCES OF {"].filter { $0.hasPrefix(first) || first.isEmpty }.map {
                Candidate(word: $0)
            }
        }
        return found.map { candidate in
            guard let quote = words.quote, words.raw.first == quote else {
                // A path may be written as it is.
                let isPlain = ShellWords.all(of: candidate.word, keepingInnerQuotes: true) == [candidate.word]
                return (isPlain || candidate.isOpen ? candidate.word : ShellWords.escaped(candidate.word), candidate.isOpen)
            }
            // The quote stays where it is, and is closed where nothing follows.
            let text = String(quote) + words.replacement(of: candidate.word, dividers: "") + (candidate.isOpen ? "" : String(quote))
            return (text, candidate.isOpen)
        }
    }
}
