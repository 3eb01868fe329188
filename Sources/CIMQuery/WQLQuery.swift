import CIM

/// A query as written, well formed but not checked against any class.
public enum WQLQuery: Hashable, Sendable {
    /// A data query or an event query. The two look alike; the operation says which it is.
    case select(SelectQuery)

    /// ASSOCIATORS OF or REFERENCES OF.
    case association(AssociationQuery)

    /// A query for classes: FROM meta_class.
    case schema(SchemaQuery)

    /// Reads a query in `language`.
    ///
    /// - Throws: InvalidQueryType for a language that is not WQL; QuotaViolation for a text that is too long, too many AND and OR, too deep
    ///   parentheses; MissingGroupWithin and MissingAggregationList (Semantics I.5); InvalidObjectPath for a text that is no path;
    ///   InvalidQuery for everything else. Each says where and what was expected. The work is linear in the length of the text.
    public init(parsing text: String, language: String = "WQL") throws(QueryError) {
        try WQL.checkLanguage(language)
        var parser = try WQLParser(text)
        self = try parser.query()
    }
}

/// SELECT … FROM …: a data query (Semantics I.2), or an event query (I.5). An event query has WITHIN or GROUP, or an event class.
public struct SelectQuery: Hashable, Sendable {
    /// What follows SELECT.
    public enum List: Hashable, Sendable {
        case all
        case properties([PropertyPath])
    }

    /// What follows GROUP.
    public struct Grouping: Hashable, Sendable {
        /// Seconds from the first event on.
        public var seconds: UInt32

        /// What follows BY; empty without BY.
        public var properties: [PropertyPath]

        /// The condition on NumberOfEvents that follows HAVING.
        public var having: Having?

        public init(seconds: UInt32, properties: [PropertyPath] = [], having: Having? = nil) {
            self.seconds = seconds
            self.properties = properties
            self.having = having
        }
    }

    /// `HAVING NumberOfEvents OPERATOR count`.
    public struct Having: Hashable, Sendable {
        public var comparison: RelationalOperator
        public var count: UInt32

        public init(_ comparison: RelationalOperator, _ count: UInt32) {
            self.comparison = comparison
            self.count = count
        }

        /// Whether a group of so many events is reported.
        public func accepts(_ events: UInt32) -> Bool { comparison.holds(events < count ? .less : events == count ? .equal : .greater) }
    }

    public var list: List
    public var className: CIMName
    public var condition: WQLCondition?

    /// The polling interval that follows WITHIN, in seconds; nil without WITHIN.
    public var pollingSeconds: Double?
    public var grouping: Grouping?
    public var classPlace: QueryPlace

    public init(
        _ list: List = .all, from className: CIMName, where condition: WQLCondition? = nil, pollingSeconds: Double? = nil,
        grouping: Grouping? = nil, classPlace: QueryPlace = .none
    ) {
        self.list = list
        self.className = className
        self.condition = condition
        self.pollingSeconds = pollingSeconds
        self.grouping = grouping
        self.classPlace = classPlace
    }
}

/// SELECT * FROM meta_class (Semantics I.6).
public struct SchemaQuery: Hashable, Sendable {
    /// A condition on the system properties of classes, and on `__this`.
    public var condition: WQLCondition?

    public init(where condition: WQLCondition? = nil) { self.condition = condition }
}
