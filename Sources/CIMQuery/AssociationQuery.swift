import CIM

/// ASSOCIATORS OF or REFERENCES OF an object (Semantics I.4), well formed and legal.
public struct AssociationQuery: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable {
        /// The objects at the other ends.
        case associators = "ASSOCIATORS"

        /// The association objects.
        case references = "REFERENCES"
    }

    /// Which part of each result is returned.
    public enum Form: String, Hashable, Sendable {
        case objects = ""
        case keysOnly = "KeysOnly"
        case classDefinitionsOnly = "ClassDefsOnly"

        /// The source is a class, and so are the results.
        case schemaOnly = "SchemaOnly"
    }

    public var kind: Kind

    /// An instance, or a class with `schemaOnly`.
    public var source: CIMObjectPath
    public var form: Form = .objects

    /// The class of the associations; of ASSOCIATORS only.
    public var associationClass: CIMName?

    /// The class of the results.
    public var resultClass: CIMName?

    /// The property that refers to the result; of ASSOCIATORS only.
    public var resultRole: CIMName?

    /// The property that refers to the source.
    public var role: CIMName?

    /// A qualifier that the class of each result has.
    public var requiredQualifier: CIMName?

    /// A qualifier that the class of each association has; of ASSOCIATORS only.
    public var requiredAssociationQualifier: CIMName?
    public var place: QueryPlace = .none

    public init(_ kind: Kind, of source: CIMObjectPath) {
        self.kind = kind
        self.source = source
    }

    /// The association classes that may be asked: that of AssocClass, or of ResultClass in REFERENCES.
    public var associationConstraint: CIMName? { kind == .associators ? associationClass : resultClass }

    /// The qualifier that an association class must have.
    public var associationQualifierConstraint: CIMName? { kind == .associators ? requiredAssociationQualifier : requiredQualifier }
}
