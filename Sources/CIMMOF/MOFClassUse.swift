import CIM

/// A class that the declaration of another class names as a type, and where it does so. Only the schema knows whether the named class
/// exists.
public struct MOFClassUse: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// `Class Name`: an embedded object, or a basic type that was misspelt.
        case type

        /// `object:Class Name`, or the qualifier `EmbeddedInstance("Class")`.
        case embedded

        /// `Class ref Name`.
        case reference
    }

    public var className: String
    public var kind: Kind
    public var line: Int
    public var column: Int

    public init(className: String, kind: Kind, line: Int, column: Int) {
        self.className = className
        self.kind = kind
        self.line = line
        self.column = column
    }

    /// The error of a declaration that names this class, when there is no such class.
    ///
    /// - Parameter classNames: the classes that the author may have meant.
    public func failure(among classNames: some Sequence<String>) -> (status: WBEMStatus, message: String) {
        let name = Token.brief(className)
        switch kind {
        case .type:
            let meant = CIMType.meant(by: className)?.mofName ?? CIMName.nearest(to: className, among: classNames)
            return (.mofUnrecognizedType, "expected a type, or a class that is there, found '\(name)'\(MOFClassUse.question(meant))")
        case .embedded, .reference:
            let what = kind == .embedded ? "objects of" : "a reference to"
            let meant = CIMName.nearest(to: className, among: classNames)
            return (.invalidClass, "expected \(what) a class that is there, found '\(name)'\(MOFClassUse.question(meant))")
        }
    }

    static func question(_ meant: String?) -> String { meant.map { "; did you mean \($0)?" } ?? "" }
}

extension MOFUnit {
    /// Types that look like misspelt basic types. For a compilation that does not know which classes exist: such a type is no class of this
    /// text, and its name is close to that of a basic type.
    public var doubtfulTypes: [MOFWarning] {
        let declared = Set(classes.lazy.map { CIMName($0.name) })
        return declarations.flatMap { declaration in
            declaration.classUses.compactMap { use in
                guard use.kind == .type, !declared.contains(CIMName(use.className)), let meant = CIMType.meant(by: use.className) else {
                    return nil
                }
                return MOFWarning(
                    file: declaration.file, line: use.line, column: use.column,
                    message: "'\(Token.brief(use.className))' is taken for the name of a class\(MOFClassUse.question(meant.mofName))")
            }
        }
    }
}
