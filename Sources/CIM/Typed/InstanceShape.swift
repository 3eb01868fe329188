/// The properties of a class that is a Swift type, in order: what an instance is written and read by.
///
/// A generated type has one shape, which all its values share.
public struct InstanceShape: Sendable {
    public let className: String

    /// The classes above it, the nearest first.
    public let derivation: [String]
    public let columns: [RowShape.Column]

    /// For instances that travel as rows. Nil where a property is an embedded object, which no row has.
    public let rows: RowShape?

    /// - Parameters:
    ///   - derivation: the classes above it, the nearest first.
    ///   - properties: those of the class, inherited ones first, each once.
    public init(_ className: String, below derivation: [String] = [], _ properties: KeyValuePairs<String, CIMTypeReference>) {
        let columns = properties.map { RowShape.Column($0.key, $0.value) }
        self.className = className
        self.derivation = derivation
        self.columns = columns
        let isPacked = columns.count <= RowShape.mostColumns && !columns.contains { $0.type.base == .object }
        rows = isPacked ? RowShape(className, columns) : nil
    }

    /// "Sample_Clock.Now", for an error.
    func place(of column: Int) -> String {
        columns.indices.contains(column) ? "\(className).\(columns[column].name)" : className
    }
}
