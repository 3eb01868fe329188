import CIM

/// A MOF text in which the included texts stand in the place of the includes, for a compiler that cannot reach the files; and where each
/// line came from.
///
/// The flat text means the same as the text with its includes.
public struct MOFFlattening: Hashable, Sendable {
    /// A place in one of the texts.
    public struct Place: Hashable, Sendable {
        public var file: String

        /// From 1.
        public var line: Int
    }

    /// Lines that follow each other in one of the texts.
    private struct Stretch: Hashable {
        /// The first of them in the flat text, from 1.
        var firstLine: Int
        var file: String
        var line: Int
    }

    public private(set) var text: String
    private var stretches: [Stretch]

    /// Puts the texts together. Columns do not change.
    ///
    /// - Throws: the errors of `MOFParser` that concern includes. It looks for no other errors.
    /// - Parameter include: as in ``MOFContext``.
    ///
    /// Time is linear in the length of the texts, each counted as often as it is included.
    public init(_ source: MOFSource, limits: MOFLimits = MOFLimits(), include: @escaping MOFContext.Include) throws(MOFError) {
        var writer = Writer(left: limits.bytes, depth: limits.includeDepth, include: include)
        try writer.add(source, within: [])
        text = String(decoding: writer.output, as: UTF8.self)
        stretches = writer.stretches
    }

    /// Where a line of the flat text came from.
    public func place(ofLine line: Int) -> Place {
        var low = 0
        var high = stretches.count
        while low < high {
            let middle = (low + high) / 2
            if stretches[middle].firstLine <= line { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return Place(file: stretches.first?.file ?? "", line: line) }
        let stretch = stretches[low - 1]
        return Place(file: stretch.file, line: stretch.line + line - stretch.firstLine)
    }

    private struct Writer {
        var left: Int
        let depth: Int
        let include: MOFContext.Include
        var output: [UInt8] = []
        var line = 1
        var stretches: [Stretch] = []

        init(left: Int, depth: Int, include: @escaping MOFContext.Include) {
            self.left = left
            self.depth = depth
            self.include = include
        }

        mutating func add(_ source: MOFSource, within outer: [String]) throws(MOFError) {
            var lexer = Lexer(source.text, file: source.file)
            func failure(_ status: WBEMStatus, _ message: String, at place: Token.Place) -> MOFError {
                MOFError(file: source.file, line: place.line, column: lexer.column(at: place), status: status, message: message)
            }
            let size = source.text.utf8.count + 64
            guard size <= left else { throw failure(.quotaViolation, "expected fewer bytes in all, found more", at: lexer.place) }
            left -= size
            stretches.append(Stretch(firstLine: line, file: source.file, line: 1))
            // Most texts include nothing, and need not be cut into tokens.
            guard lexer.bytes.contains(UInt8(ascii: "#")) else { return copy(lexer.bytes[lexer.position...], lines: lexer.lineBreaksAhead) }
            var copied = lexer.place
            var token = lexer.next()
            while token.kind != .end {
                let start = token.place
                guard let name = Self.included(&token, &lexer) else { continue }
                let end = lexer.place
                copy(lexer.bytes[copied.offset..<start.offset], lines: start.line - copied.line)
                guard outer.count < depth else { throw failure(.quotaViolation, "expected includes at most \(depth) deep", at: start) }
                let inner: MOFSource
                do throws(MOFError) { inner = try include(name, source.file) } catch {
                    throw error.line == 0 ? failure(error.status, error.message, at: start) : error
                }
                guard inner.file != source.file, !outer.contains(inner.file) else {
                    throw failure(.mofErrorInvalidIncludeFile, "expected a file that does not include this one, found a cycle", at: start)
                }
                breakLine()
                try add(inner, within: outer + [source.file])
                // What follows the include on its line keeps its column.
                breakLine()
                stretches.append(Stretch(firstLine: line, file: source.file, line: end.line))
                copy(Array(repeating: 0x20, count: lexer.column(at: end) - 1)[...], lines: 0)
                copied = end
                token = lexer.next()
            }
            copy(lexer.bytes[copied.offset...], lines: lexer.place.line - copied.line)
        }

        /// A line feed behind a carriage return would be no line of its own.
        private mutating func breakLine() { copy([0x20, 0x0A], lines: 1) }

        private mutating func copy(_ bytes: ArraySlice<UInt8>, lines: Int) {
            output += bytes
            line += lines
        }

        /// The file of `#pragma include("file")` or `#include "file"`, if the token starts one; the lexer is behind it then. Otherwise it is
        /// somewhere further on, at `token`.
        private static func included(_ token: inout Token, _ lexer: inout Lexer) -> String? {
            guard case .directive(let directive) = token.kind else {
                token = lexer.next()
                return nil
            }
            token = lexer.next()
            let isPragma = CIMName.equal(directive, "pragma")
            if isPragma {
                guard case .identifier(let name) = token.kind, CIMName.equal(name, "include") else { return nil }
                token = lexer.next()
                guard token.isPunctuation("(") else { return nil }
                token = lexer.next()
            } else if !CIMName.equal(directive, "include") {
                return nil
            }
            var name = ""
            var end = lexer
            while case .string(let piece) = token.kind {
                name += piece
                end = lexer
                token = lexer.next()
            }
            if isPragma { return token.isPunctuation(")") ? name : nil }
            lexer = end
            return name
        }
    }
}
