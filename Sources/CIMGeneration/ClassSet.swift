import CIM
import CIMMOF

/// The classes that code is generated from, with what they inherit: those of several MOF files, which use each other, and those that a broker
/// gave.
public struct ClassSet: Sendable {
    /// A MOF file with all it includes.
    public struct File: Sendable {
        public var name: String
        public var unit: MOFUnit
        /// The file's text, in which what it includes stands; for a provider that registers with it.
        public var text: String
        /// The texts of the file and of those that it includes, by name: where an error says the place of a name.
        public var sources: [String: String]

        public init(name: String, unit: MOFUnit, text: String, sources: [String: String] = [:]) {
            self.name = name
            self.unit = unit
            self.text = text
            self.sources = sources
        }
    }

    /// One class.
    public struct Member: Sendable {
        /// With what it inherits.
        public var declaration: CIMClass
        /// As it was written.
        var local: CIMClass
        /// The file that was named, and not one that it includes.
        var file: String?
        var source: MOFDeclaration?
        var text: String?
    }

    /// By name, in the order of the files, and of the classes in a file.
    public private(set) var members: [Member] = []
    private var positions: [CIMName: Int] = [:]

    /// - Parameter known: classes of a broker, resolved. No code is generated for them unless `generating` names them.
    /// - Throws: all that is wrong.
    public init(_ files: [File], known: [CIMClass] = []) throws(GenerationErrors) {
        var errors: [GenerationError] = []
        var declared: [CIMName: Member] = [:]
        var order: [CIMName] = []
        for file in files {
            for declaration in file.unit.declarations {
                guard case .class(let local) = declaration.content, !local.isAmendment else { continue }
                let member = Member(
                    declaration: local, local: local, file: file.name, source: declaration, text: file.sources[declaration.file])
                let name = CIMName(local.name)
                if let other = declared[name] {
                    // A file that several of them include.
                    if other.local == local { continue }
                    let place = other.source.map { "\($0.file):\($0.firstLine)" } ?? ""
                    errors.append(
                        GenerationError(
                            "class \(local.name) is declared otherwise at \(place): leave one of the two out",
                            at: member.place(of: local.name)))
                    continue
                }
                declared[name] = member
                order.append(name)
            }
        }
        for declaration in known where declared[CIMName(declaration.name)] == nil {
            declared[CIMName(declaration.name)] = Member(declaration: declaration, local: declaration)
            order.append(CIMName(declaration.name))
        }
        errors += order.compactMap { declared[$0]?.source }.flatMap { Self.misspeltTypes($0, among: declared) }
        let knownNames = Set(known.map { CIMName($0.name) })
        var resolution = Resolution(declared: declared, knownNames: knownNames)
        for name in order { resolution.resolve(name) }
        errors += resolution.errors
        if let errors = GenerationErrors(errors) { throw errors }
        for name in order {
            guard var member = declared[name], let resolved = resolution.resolved[name] else { continue }
            member.declaration = resolved
            positions[name] = members.count
            members.append(member)
        }
    }

    /// `sting Name;`: a class as a type without `ref` is an embedded object, or a basic type that was misspelt.
    private static func misspeltTypes(_ source: MOFDeclaration, among declared: [CIMName: Member]) -> [GenerationError] {
        source.classUses.filter { $0.kind == .type && declared[CIMName($0.className)] == nil }.map { use in
            GenerationError(
                use.failure(among: declared.values.map(\.local.name).sorted()).message,
                at: GenerationError.Place(file: source.file, line: use.line, column: use.column))
        }
    }

    public func member(named name: String) -> Member? { positions[CIMName(name)].map { members[$0] } }

    /// The class, and those above it that are there, from it upwards.
    func chain(of name: String) -> [Member] {
        var chain: [Member] = []
        var next: String? = name
        while let name = next, chain.count <= CIMClass.maximumDepth, let member = member(named: name) {
            chain.append(member)
            next = member.local.superclass
        }
        return chain
    }

    private struct Resolution {
        let declared: [CIMName: Member]
        let knownNames: Set<CIMName>
        var resolved: [CIMName: CIMClass] = [:]
        var failed: Set<CIMName> = []
        var errors: [GenerationError] = []

        /// From the top down: an ancestor first.
        mutating func resolve(_ name: CIMName) {
            var waiting: [CIMName] = []
            var next: CIMName? = name
            while let current = next, resolved[current] == nil, !failed.contains(current) {
                guard let member = declared[current] else { break }
                if waiting.contains(current) {
                    fail(current, "class \(member.local.name) is its own ancestor")
                    break
                }
                waiting.append(current)
                next = member.local.superclass.map { CIMName($0) }
                if let above = next, declared[above] == nil {
                    let place = current
                    fail(
                        place,
                        "class \(member.local.name) derives from \(above), which none of the files declares: give the file that does, too"
                            + ", or --from-broker \(above) where a broker has the class")
                    break
                }
            }
            for name in waiting.reversed() where !failed.contains(name) {
                guard let member = declared[name] else { continue }
                if knownNames.contains(name) {
                    resolved[name] = member.local
                    continue
                }
                let above = member.local.superclass.map { CIMName($0) }
                if let above, resolved[above] == nil {
                    failed.insert(name)
                    continue
                }
                do throws(CIMError) {
                    resolved[name] = try member.local.resolved(with: above.flatMap { resolved[$0] })
                } catch {
                    fail(name, error.message)
                }
            }
        }

        private mutating func fail(_ name: CIMName, _ message: String) {
            guard failed.insert(name).inserted, let member = declared[name] else { return }
            errors.append(GenerationError(message, at: member.place(of: member.local.name)))
        }
    }
}

/// All that is wrong with some classes; there is at least one error.
public struct GenerationErrors: Error, Sendable {
    public let errors: [GenerationError]

    init?(_ errors: [GenerationError]) {
        guard !errors.isEmpty else { return nil }
        self.errors = errors
    }
}

extension ClassSet.Member {
    /// Where the declaration says a name; where it begins, if it does not.
    /// - Parameter outer: the method in whose parameters the name is.
    func place(of name: String, in outer: String? = nil) -> GenerationError.Place? {
        guard let source else { return nil }
        let start = text.flatMap { text -> MOFNamePlace? in
            guard let outer else { return nil }
            return MOFNamePlace(of: outer, in: text, lines: source.firstLine...source.lastLine)
        }
        let first = max(source.firstLine, start?.line ?? 0)
        let found = text.flatMap { MOFNamePlace(of: name, in: $0, lines: first...max(first, source.lastLine)) } ?? start
        return GenerationError.Place(file: source.file, line: found?.line ?? source.firstLine, column: found?.column ?? 1)
    }
}
