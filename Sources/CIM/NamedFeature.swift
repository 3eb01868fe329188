/// What a declaration has a list of, in which each name stands once.
protocol NamedFeature {
    var name: String { get }
}

extension CIMProperty: NamedFeature {}
extension CIMMethod: NamedFeature {}
extension CIMParameter: NamedFeature {}
extension CIMQualifier: NamedFeature {}

/// Which names of a list stand in it before. Few are compared, which costs less than a table of them: a class of the CIM schema has hundreds of lists,
/// and hardly one of them is long.
struct NamesBefore<Feature: NamedFeature> {
    private let features: [Feature]
    private var seen: Set<CIMName> = []

    private static var few: Int { 16 }

    init(_ features: [Feature]) { self.features = features }

    /// Whether no feature before this one has its name. To be asked of each in turn.
    mutating func isNew(_ index: Int) -> Bool {
        let name = features[index].name
        if features.count > Self.few { return seen.insert(CIMName(name)).inserted }
        for earlier in features[..<index] where CIMName.equal(earlier.name, name) { return false }
        return true
    }
}

/// Where the features of a list stand, by their names. Few lookups compare; for many a table is made.
struct FeaturePositions<Feature: NamedFeature> {
    private var table: [CIMName: Int]?

    private static var mostCompared: Int { 1_024 }

    /// - Parameter lookups: how often it will be asked, and at most as many features are added.
    init(_ features: [Feature], lookups: Int) {
        guard lookups > 0, lookups * (features.count + lookups) > Self.mostCompared else { return }
        var table = [CIMName: Int](minimumCapacity: features.count + lookups)
        for (position, feature) in features.enumerated() { table[CIMName(feature.name)] = position }
        self.table = table
    }

    func position(of name: String, in features: [Feature]) -> Int? {
        if let table { return table[CIMName(name)] }
        return features.firstIndex { CIMName.equal($0.name, name) }
    }

    /// A feature was added at the end of the list.
    mutating func added(_ name: String, at position: Int) { table?[CIMName(name)] = position }
}
