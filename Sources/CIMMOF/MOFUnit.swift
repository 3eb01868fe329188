import CIM

/// What a MOF text declares, in order.
public struct MOFUnit: Hashable, Sendable {
    public var declarations: [MOFDeclaration]

    /// What was accepted and has no effect.
    public var warnings: [MOFWarning]

    public init(declarations: [MOFDeclaration] = [], warnings: [MOFWarning] = []) {
        self.declarations = declarations
        self.warnings = warnings
    }

    /// The declared classes, with local features only.
    public var classes: [CIMClass] {
        declarations.compactMap { if case .class(let declared) = $0.content { declared } else { nil } }
    }

    /// The declared instances.
    public var instances: [MOFInstance] {
        declarations.compactMap { if case .instance(let declared) = $0.content { declared } else { nil } }
    }
}

/// One declaration and where it stands.
public struct MOFDeclaration: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        /// A class with local features only; their origin is the class.
        case `class`(CIMClass)
        case instance(MOFInstance)
    }

    public var content: Content

    /// What `#pragma namespace` named last; nil when none did: the namespace the caller compiles into.
    public var namespace: CIMNamespaceName?

    /// The lines from the first token, qualifiers included, to the closing semicolon; from 1.
    public var firstLine: Int
    public var lastLine: Int
}

/// An instance as written: values by literal, not yet fitted to the types of its class.
public struct MOFInstance: Hashable, Sendable {
    /// A property given as `$alias`.
    public struct AliasReference: Hashable, Sendable {
        public var property: String

        /// Without the `$`.
        public var alias: String
        public var line: Int
        public var column: Int
    }

    /// The values. A property given as `$alias` is NULL here and named in `aliasReferences`.
    public var instance: CIMInstance

    /// The name after `as $`.
    public var alias: String?
    public var aliasReferences: [AliasReference]
}

/// Something accepted that has no effect.
public struct MOFWarning: Hashable, Sendable {
    public var line: Int
    public var column: Int
    public var message: String
}
