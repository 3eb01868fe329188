/// What rows of one class have values of, in order. A program makes the shape once, and shares it between all rows of the class.
///
/// A row is an instance without its names: where there are many instances, nobody builds, compares or sends the names again for each.
public final class RowShape: Sendable {
    /// A property that rows have a value of.
    public struct Column: Hashable, Sendable {
        public let name: String
        public let type: CIMTypeReference

        public init(_ name: String, _ type: CIMTypeReference) {
            self.name = name
            self.type = type
        }
    }

    /// The most columns: as many properties as a class has at most.
    public static let mostColumns = 4096

    public let className: String
    public let columns: [Column]

    /// - Parameter columns: properties of the class, with their types. The program must not give one twice, embedded objects, or more than
    ///   ``mostColumns``: it traps then.
    public init(_ className: String, _ columns: [Column]) {
        precondition(columns.count <= Self.mostColumns, "a row of \(className) has \(columns.count) columns")
        precondition(!columns.contains { $0.type.base == .object }, "a row of \(className) has no embedded objects")
        precondition(Set(columns.map { CIMName($0.name) }).count == columns.count, "a row of \(className) has a column twice")
        self.className = className
        self.columns = columns
    }
}
