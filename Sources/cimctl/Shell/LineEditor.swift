import Glibc
import Synchronization

/// Reads lines with editing, history and completion by libedit, which is loaded when it is there; else the terminal's own editing is all there is.
///
/// One thread uses it.
final class LineEditor {
    private typealias Read = @convention(c) (UnsafePointer<CChar>?) -> UnsafeMutablePointer<CChar>?
    private typealias Take = @convention(c) (UnsafePointer<CChar>?) -> Int32
    private typealias Count = @convention(c) (Int32) -> Void
    private typealias Complete =
        @convention(c) (UnsafePointer<CChar>?, Int32, Int32) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?

    /// What libedit needs of this program while it reads: its callbacks take no context.
    fileprivate struct Completing: @unchecked Sendable {
        /// The text to put in place of the word that begins at the number, for each candidate, and whether a space follows.
        var candidates: @Sendable (_ line: String, _ start: Int) -> [(text: String, isOpen: Bool)]
        var appended: UnsafeMutablePointer<Int32>?
        var isOver: UnsafeMutablePointer<Int32>?
    }

    fileprivate static let completing = Mutex<Completing?>(nil)

    private let read: Read?
    private let add: Take?
    private let save: Take?
    private let history: String?
    private var last = ""

    /// - Parameters:
    ///   - history: the file that keeps the lines; nil: none does.
    ///   - candidates: as in ``Completing``.
    init(history: String?, candidates: @escaping @Sendable (_ line: String, _ start: Int) -> [(text: String, isOpen: Bool)]) {
        self.history = history
        guard isatty(STDIN_FILENO) == 1, let library = dlopen("libedit.so.2", RTLD_NOW), let read = dlsym(library, "readline") else {
            (self.read, add, save) = (nil, nil, nil)
            return
        }
        setlocale(LC_CTYPE, "")
        func function<Function>(_ name: String, _ type: Function.Type) -> Function? {
            dlsym(library, name).map { unsafeBitCast($0, to: type) }
        }
        self.read = unsafeBitCast(read, to: Read.self)
        add = function("add_history", Take.self)
        save = function("write_history", Take.self)
        func variable<Value>(_ name: String, _ type: Value.Type) -> UnsafeMutablePointer<Value>? {
            dlsym(library, name)?.assumingMemoryBound(to: type)
        }
        variable("rl_readline_name", UnsafePointer<CChar>?.self)?.pointee = UnsafePointer(strdup("cimctl"))
        // Words end at spaces alone: what else divides them the completion knows.
        let dividers = UnsafePointer(strdup(" \t\n"))
        variable("rl_completer_word_break_characters", UnsafePointer<CChar>?.self)?.pointee = dividers
        variable("rl_basic_word_break_characters", UnsafePointer<CChar>?.self)?.pointee = dividers
        let complete: Complete = { text, start, end in LineEditor.complete(start, end) }
        variable("rl_attempted_completion_function", Complete?.self)?.pointee = complete
        Self.line = variable("rl_line_buffer", UnsafeMutablePointer<CChar>?.self)
        let appended = variable("rl_completion_append_character", Int32.self)
        let isOver = variable("rl_attempted_completion_over", Int32.self)
        Self.completing.withLock { $0 = Completing(candidates: candidates, appended: appended, isOver: isOver) }
        function("using_history", (@convention(c) () -> Void).self)?()
        function("stifle_history", Count.self)?(1000)
        if let history { _ = function("read_history", Take.self)?(history) }
    }

    /// Whether lines are edited here.
    var isEditing: Bool { read != nil }

    /// A line without its end; nil at the end of the input.
    func next(_ prompt: String) -> String? {
        guard let read else {
            if isatty(STDIN_FILENO) == 1 { StandardError.write(prompt) }
            return readLine()
        }
        guard let line = read(prompt) else { return nil }
        defer { free(line) }
        return String(cString: line)
    }

    /// Keeps a line, now and for the next time.
    func remember(_ line: String) {
        guard !line.isEmpty, line != last, let add else { return }
        last = line
        _ = add(line)
        guard let history else { return }
        _ = save?(history)
        // What is asked is nobody else's concern.
        chmod(history, 0o600)
    }

    // MARK: - Completion

    nonisolated(unsafe) private static var line: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?

    /// What libedit frees: what all candidates begin with, then each, then nil.
    private static func complete(_ start: Int32, _ end: Int32) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
        guard let completing = completing.withLock({ $0 }), let buffer = line?.pointee else { return nil }
        completing.isOver?.pointee = 1
        let bytes = UnsafeRawBufferPointer(start: buffer, count: min(Int(end), strlen(buffer)))
        let found = completing.candidates(String(decoding: bytes, as: UTF8.self), Int(start))
        guard let first = found.first else { return nil }
        completing.appended?.pointee = found.count == 1 && !first.isOpen ? 0x20 : 0
        let common = found.dropFirst().reduce(first.text) { common, next in
            String(zip(common, next.text).prefix { $0 == $1 }.map(\.0))
        }
        let texts = [common] + (found.count > 1 ? found.map(\.text) : [])
        let size = MemoryLayout<UnsafeMutablePointer<CChar>?>.stride * (texts.count + 1)
        guard let list = malloc(size)?.assumingMemoryBound(to: UnsafeMutablePointer<CChar>?.self) else { return nil }
        for (position, text) in texts.enumerated() { list[position] = strdup(text) }
        list[texts.count] = nil
        return list
    }
}
