import CIM

/// The declarations of a MOF text and of the texts that it includes, in order.
public struct MOFUnit: Hashable, Sendable {
    public var declarations: [MOFDeclaration]

    /// What was accepted and has no effect.
    public var warnings: [MOFWarning]

    /// Whether `#pragma autorecover` asks to compile the text again when the repository is rebuilt.
    public var isAutorecovered: Bool

    public init(declarations: [MOFDeclaration] = [], warnings: [MOFWarning] = [], isAutorecovered: Bool = false) {
        self.declarations = declarations
        self.warnings = warnings
        self.isAutorecovered = isAutorecovered
    }

    /// The declared classes, with local features only.
    public var classes: [CIMClass] {
        declarations.compactMap { if case .class(let declared) = $0.content { declared } else { nil } }
    }

    /// The declared instances.
    public var instances: [MOFInstance] {
        declarations.compactMap { if case .instance(let declared) = $0.content { declared } else { nil } }
    }

    /// The declared qualifiers.
    public var qualifierTypes: [CIMQualifierType] {
        declarations.compactMap { if case .qualifierType(let declared) = $0.content { declared } else { nil } }
    }
}

/// Something accepted that has no effect.
public struct MOFWarning: Hashable, Sendable, CustomStringConvertible {
    public var file: String
    public var line: Int
    public var column: Int
    public var message: String

    /// - Parameters:
    ///   - line: from 1, in `file`. `column` is from 1, too.
    public init(file: String, line: Int, column: Int, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }

    /// "file:line:column: warning: message".
    public var description: String { "\(file):\(line):\(column): warning: \(message)" }
}
