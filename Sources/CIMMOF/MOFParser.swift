import CIM

/// Reads MOF (DSP0004 2.x, and WMI's dialect of it).
///
/// Where the declaration of a qualifier is known, each use of the qualifier takes its type, its implied value and its flavor from the
/// declaration. Elsewhere WMI's rule holds: the type is that of the literal, the implied value is TRUE, and the use has only the flavor
/// that it names.
///
/// The flavor `Translatable` has no number in WMI; it is dropped with a warning. So are WMI's defaults of parameters. An include reads as
/// if its text stood in its place, so that a pragma in the included text still holds behind the include.
public struct MOFParser {
    /// How deep instances may hold instances.
    public static let maximumNesting = 64

    /// The longest text that `parse(_:file:)` reads, in bytes.
    public static let maximumLength = 16 << 20

    var lexer: Lexer
    var token: Token

    /// What the token before was, for recovery; nil at the start of a text.
    var previous: Token.Kind?

    /// The line on which the last token consumed ends.
    var lastLine = 1

    /// The texts that include this one, the outermost first.
    var including: [(lexer: Lexer, token: Token)] = []

    let context: MOFContext
    var namespace: CIMNamespaceName?
    var classFlags: ChangeFlags
    var instanceFlags: ChangeFlags
    var unit = MOFUnit()

    /// What the amendment pragma said, and the namespaces whose namespace for that locale was declared.
    var amendment: CIMLocale?
    var amendedNamespaces: Set<CIMNamespaceName> = []
    var aliases: Set<CIMName> = []

    /// What the class that is being read names.
    var classUses: [MOFClassUse] = []

    /// The texts of its contexts.
    var contextTexts: [MOFContextText] = []
    var types: QualifierTypes
    var bytes: Int

    var errors: [MOFError] = []

    /// The braces that are open, from the outside in.
    var braces: [Brace] = []

    /// Whether this declaration has an error already: then what is missing at its end is not worth another.
    var isFaulty = false

    /// Whether the error being thrown was reported and ends the declaration.
    var isAbandoned = false

    /// Tokens cut in texts that are finished, and those looked at ahead.
    var finishedSteps = 0

    /// Reads a whole text that includes nothing.
    ///
    /// - Throws: the first error, with its place: QuotaViolation for a text longer than 16 MiB and for instances nested deeper than 64;
    ///   WBEMMOF_E_… for anything that is not MOF. There is either a whole unit or an error.
    /// - Parameter file: the name that errors give the text.
    ///
    /// Time is linear in the length of the text.
    public static func parse(_ text: String, file: String = "<buffer>") throws(MOFError) -> MOFUnit {
        var limits = MOFLimits()
        limits.errors = 1
        limits.bytes = maximumLength
        let compilation = MOFCompilation(MOFSource(file: file, text: text), in: MOFContext(limits: limits))
        if let first = compilation.errors.first { throw first }
        return compilation.unit
    }

    /// Reads a text and what it includes.
    ///
    /// - Throws: all errors, up to `limits.errors`. There is either a whole unit or errors.
    ///
    /// Time is linear in the length of the texts, each counted as often as it is included.
    public static func parse(_ source: MOFSource, in context: MOFContext) throws(MOFErrors) -> MOFUnit {
        let compilation = MOFCompilation(source, in: context)
        if let errors = MOFErrors(compilation.errors, isTruncated: compilation.errors.count >= context.limits.errors) { throw errors }
        return compilation.unit
    }

    init(_ source: MOFSource, in context: MOFContext) {
        self.context = context
        classFlags = context.classFlags
        instanceFlags = context.instanceFlags
        types = QualifierTypes(outside: context.qualifierType)
        bytes = source.text.utf8.count
        lexer = Lexer(bytes <= context.limits.bytes ? source.text : "", file: source.file)
        token = Token(kind: .end, place: lexer.place)
        if bytes > context.limits.bytes {
            report(
                MOFError(
                    file: source.file, line: 1, column: 1, status: .quotaViolation,
                    message: "expected at most \(context.limits.bytes) bytes, found \(bytes)"))
        }
        advance()
        previous = nil
    }

    /// Reads to the end of everything.
    mutating func run() {
        while true {
            if token.kind == .end {
                guard let outer = including.popLast() else { break }
                finishedSteps += lexer.steps
                lexer = outer.lexer
                token = outer.token
                previous = nil
                continue
            }
            isFaulty = false
            isAbandoned = false
            braces = []
            do throws(MOFError) { try declaration() } catch {
                guard !isAbandoned else { continue }
                record(error)
                resynchronizeAtTop()
            }
        }
        finishedSteps += lexer.steps
    }

    /// A directive, or a declaration with its qualifiers.
    private mutating func declaration() throws(MOFError) {
        if case .directive(let name) = token.kind { return try directive(name) }
        let firstLine = token.place.line
        let qualifiers = try qualifierList()
        if skipKeyword("class") {
            try classDeclaration(qualifiers: qualifiers, firstLine: firstLine)
        } else if skipKeyword("instance") {
            let declared = try instanceDeclaration(qualifiers: qualifiers)
            append(.instance(declared), flags: instanceFlags, alias: declared.alias, firstLine: firstLine)
        } else if isKeyword("qualifier"), qualifiers.isEmpty {
            advance()
            let declared = try qualifierTypeDeclaration()
            types.declare(declared, in: namespace ?? context.namespace)
            append(.qualifierType(declared), firstLine: firstLine)
        } else {
            throw unexpected(.mofUnrecognizedToken, expected: "'class', 'instance', 'qualifier' or '#pragma'")
        }
    }

    mutating func append(
        _ content: MOFDeclaration.Content, flags: ChangeFlags = [], alias: String? = nil, references: [MOFAliasReference] = [],
        classUses: [MOFClassUse] = [], firstLine: Int
    ) {
        unit.declarations.append(
            MOFDeclaration(
                content: content, namespace: namespace, flags: flags, alias: alias, aliasReferences: references, classUses: classUses,
                contextTexts: contextTexts, file: lexer.file, firstLine: firstLine, lastLine: lastLine))
        contextTexts = []
    }
}

/// What came of reading a text: a unit, or errors and what could be read in spite of them.
struct MOFCompilation {
    var unit: MOFUnit
    var errors: [MOFError]

    /// How many tokens were cut. The time is proportional to this number.
    var steps: Int

    init(_ source: MOFSource, in context: MOFContext) {
        var parser = MOFParser(source, in: context)
        parser.run()
        unit = parser.unit
        errors = parser.errors
        steps = parser.finishedSteps
    }
}
