import CIM

/// The text of a qualifier ClassContext, PropertyContext, MethodContext or EventContext, and where it stands. Who reads such a text can say where in the
/// file its faults are.
public struct MOFContextText: Hashable, Sendable {
    /// One of the strings of which the text is made.
    public struct Piece: Hashable, Sendable {
        /// Where the piece begins in the text, in bytes.
        public var offset: Int

        /// Where its first character stands in the file; from 1.
        public var line: Int
        public var column: Int

        public init(offset: Int, line: Int, column: Int) {
            self.offset = offset
            self.line = line
            self.column = column
        }
    }

    public var qualifier: String
    public var text: String

    /// In order; at least one.
    public var pieces: [Piece]

    public init(qualifier: String, text: String, pieces: [Piece]) {
        self.qualifier = qualifier
        self.text = text
        self.pieces = pieces
    }

    /// The qualifiers whose texts are kept with their places.
    static let qualifiers: Set<CIMName> = ["ClassContext", "PropertyContext", "MethodContext", "EventContext"]

    /// The line and the column of a byte of the text. They are exact where no escape and no line break stands before it in its piece.
    public func place(ofByte offset: Int) -> (line: Int, column: Int) {
        guard let piece = pieces.last(where: { $0.offset <= offset }) ?? pieces.first else { return (1, 1) }
        let before = text.utf8.dropFirst(piece.offset).prefix(max(0, offset - piece.offset))
        return (piece.line, piece.column + before.count { $0 & 0xC0 != 0x80 })
    }
}
