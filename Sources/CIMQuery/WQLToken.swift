/// A piece of a query.
struct WQLToken {
    enum Kind: Equatable {
        case word(String)
        case string(String)
        case integer(Int128)
        case real(Double)
        case relational(RelationalOperator)

        /// One of `( ) , . * { } [ ]`.
        case punctuation(UInt8)
        case end
    }

    var kind: Kind
    var place: QueryPlace

    /// Its bytes, for messages.
    var range: Range<Int>
}
