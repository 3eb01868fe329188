import ArgumentParser
import CIMAdoption
import CIMBusClient
import CIMMOF
import CIMMOFFiles

struct MOFGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mof", abstract: "Compiles, checks, formats and shows MOF.",
        subcommands: [MOFCompile.self, MOFCheck.self, MOFFormat.self, MOFShow.self])
}

/// What the commands that read MOF files take.
struct MOFSearch: ParsableArguments {
    @Option(
        name: [.customShort("I", allowingJoined: true), .customLong("include")], parsing: .singleValue,
        help: ArgumentHelp(
            "Look here, too, for a file that is included, behind the folder of the file that includes it; may be given several times.",
            valueName: "folder"))
    var folders: [String] = []
}

/// Errors of MOF files on their way to standard error: each with its place, 20 at most.
struct MOFComplaints {
    static let most = 20

    private(set) var count = 0
    private(set) var faulty: [String] = []
    private(set) var isTruncated = false
    private(set) var first: WBEMStatus = .noError

    var left: Int { Self.most - count }

    mutating func add(_ faults: MOFFaults, in file: String) {
        add(
            faults.errors.map { $0.line == 0 ? "\($0.file): \($0.status.hex): \($0.message)" : $0.description },
            faults.errors.first?.status, file)
        if faults.isTruncated { isTruncated = true }
    }

    /// What the broker said of a text. It is about the text even where it is AccessDenied: who may not compile gets no such answer.
    mutating func add(_ failure: MOFCompilation.Failure, of mof: PreparedMOF) {
        add(mof.lines(of: failure), failure.status, mof.file)
        if failure.status == .accessDenied, first == .accessDenied { advice = Advice(text: "mend the file where the lines above say") }
    }

    private var advice: Advice?

    mutating func add(_ lines: [String], _ status: WBEMStatus?, _ file: String) {
        if count == 0 { first = status ?? .failed }
        faulty.append(file)
        for line in lines.prefix(left) { StandardError.write(FailureReport.printable(line) + "\n") }
        count += lines.count
    }

    /// What all of it comes to.
    func error(_ consequence: String) -> CIMError {
        let errors = isTruncated ? "\(count) errors, and perhaps more" : count == 1 ? "1 error" : "\(count) errors"
        return CIMError(
            first, "\(errors) in \(faulty.joined(separator: ", ")); \(consequence)", cause: Advice(text: advice?.text, isAboutText: true))
    }

    static func write(warnings unit: MOFUnit) {
        for warning in unit.warnings.prefix(most) { StandardError.write(FailureReport.printable(warning.description) + "\n") }
        if unit.warnings.count > most { StandardError.write("(\(unit.warnings.count - most) more warnings)\n") }
    }
}

struct MOFCompile: Program {
    static let configuration = CommandConfiguration(
        commandName: "compile", abstract: "Stores what MOF files declare: each file with all it includes, or nothing of it.",
        discussion: """
            All files are read before the first is stored. They are stored in the order given; what one declares the next may use. The first \
            that cannot be stored ends it, and those before it stay.
            """)

    @Argument(help: "The files.") var files: [String]
    @OptionGroup var search: MOFSearch
    @Flag(help: "Only what is not there yet.") var createOnly = false
    @Flag(help: "Only what is there already.") var updateOnly = false
    @Flag(help: "Classes that have subclasses may change, where all of these still hold.") var safe = false
    @Flag(help: "As --safe, and qualifiers of subclasses that conflict give way.") var force = false
    @OptionGroup var options: CommandOptions

    var busAddress: BusAddress { options.busAddress }

    func advice(after status: WBEMStatus) -> String? {
        switch status {
        case .classHasChildren: "'cimctl classes CLASS' lists the subclasses; --safe or --force changes them with it"
        case .accessDenied: "compile as root or as the broker's user"
        case .quotaViolation: "compile the included files one by one"
        default: adviceForMOF(status)
        }
    }

    func validate() throws {
        if createOnly, updateOnly { throw ValidationError("give one of --create-only and --update-only") }
        if safe, force { throw ValidationError("give one of --safe and --force") }
    }

    var style: OutputStyle { options.style(isPaged: false) }

    func perform(_ output: inout Output) async throws {
        if !options.hosts.isEmpty { throw ValidationError("MOF is compiled and checked on one machine: leave out --host") }
        let bar = ProgressBar(total: files.count * 2)
        defer { bar.end() }
        let reading = MOFReading(search.folders, options)
        let prepared: [PreparedMOF]
        var session: Session
        // Of a single file: what the broker says of it, which compiles its text while it is read here.
        var first: MOFCompilation?
        if files.count == 1, let begun = reading.begin(files[0]) {
            bar.show(1, "compiling \(files[0])")
            let answer = await compile(begun.text)
            let isStored = if case .success(let made) = answer { made.compilation.failure == nil } else { false }
            prepared = try reading.all(
                files, bar, read: [await begun.mof.value], isStored ? "the broker took it all the same" : "nothing is stored")
            (session, first) = try answer.get()
        } else {
            prepared = try reading.all(files, bar)
            session = try await options.connect()
        }
        if options.output != .table {
            try output.beginRows([
                Column("File"), Column("Classes", isNumber: true), Column("Instances", isNumber: true),
                Column("Qualifiers", isNumber: true),
            ])
        }
        for (position, mof) in prepared.enumerated() {
            bar.show(files.count + position, "compiling \(mof.file)")
            let compilation: MOFCompilation
            if let first {
                compilation = first
            } else {
                compilation = try await session.compileMOF(mof.text, options: compilationOptions)
            }
            if let failure = compilation.failure {
                bar.end()
                var complaints = MOFComplaints()
                complaints.add(failure, of: mof)
                let before = position == 0 ? "nothing is stored" : "the \(position) before it are stored, nothing of it is"
                throw complaints.error(before)
            }
            try summarize(mof, &output)
        }
        bar.end()
        try output.endRows()
        try output.flush()
        await session.close()
    }

    private func compile(_ text: String) async -> Result<(session: Session, compilation: MOFCompilation), CIMError> {
        do throws(CIMError) {
            let session = try await options.connect()
            return .success((session, try await session.compileMOF(text, options: compilationOptions)))
        } catch {
            return .failure(error)
        }
    }

    /// A whole schema is one text.
    static let patience = Duration.seconds(600)

    private var compilationOptions: MOFCompilationOptions {
        var flags: OperationFlags = createOnly ? .createOnly : updateOnly ? .updateOnly : []
        let instanceFlags = flags
        if safe { flags.insert(.safeUpdate) }
        if force { flags.insert(.forceUpdate) }
        var compilation = MOFCompilationOptions(
            classFlags: flags, instanceFlags: instanceFlags, timeout: options.timeLimit(orElse: Self.patience))
        compilation.allowsInteractiveAuthorization = !options.asksNobody
        return compilation
    }

    private func summarize(_ mof: PreparedMOF, _ output: inout Output) throws {
        let counts = (mof.unit.classes.count, mof.unit.instances.count, mof.unit.qualifierTypes.count)
        guard options.output == .table else {
            return try output.show(
                Row([
                    ("File", .string(mof.file)), ("Classes", .uint64(UInt64(counts.0))), ("Instances", .uint64(UInt64(counts.1))),
                    ("Qualifiers", .uint64(UInt64(counts.2))),
                ]))
        }
        try output.write("\(FailureReport.printable(mof.file)): \(counts.0) classes, \(counts.1) instances, \(counts.2) qualifiers\n")
    }
}

struct MOFCheck: Program {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Says what is wrong with MOF files, and stores nothing.",
        discussion: """
            Each file is checked by itself, against what the broker has stored: a superclass must be there, or in the file or its includes. \
            Without a broker, only the syntax is checked, and what the contexts of adopted D-Bus services say.
            """)

    @Argument(help: "The files.") var files: [String]
    @OptionGroup var search: MOFSearch
    @Flag(help: "Check the syntax only, and ask no broker.") var offline = false
    @OptionGroup var options: CommandOptions

    var busAddress: BusAddress { options.busAddress }
    func advice(after status: WBEMStatus) -> String? { adviceForMOF(status) }

    var style: OutputStyle { options.style(isPaged: false) }

    func perform(_ output: inout Output) async throws {
        if !options.hosts.isEmpty { throw ValidationError("MOF is compiled and checked on one machine: leave out --host") }
        let bar = ProgressBar(total: files.count * 2)
        defer { bar.end() }
        let prepared = try MOFReading(search.folders, options).all(files, bar)
        var complaints = MOFComplaints()
        for mof in prepared where complaints.left > 0 {
            let faults = mof.unit.adoptionFaults()
            if !faults.isEmpty {
                complaints.add(MOFFaults(errors: Array(faults.prefix(complaints.left)), isTruncated: false), in: mof.file)
            }
        }
        guard complaints.count == 0, !offline, let session = try await session(bar) else {
            bar.end()
            if complaints.count > 0 { throw complaints.error("nothing was to be stored") }
            for warning in prepared.flatMap(\.unit.doubtfulTypes).prefix(MOFComplaints.most) {
                StandardError.write(FailureReport.printable(warning.description) + "\n")
            }
            return
        }
        for (position, mof) in prepared.enumerated() where complaints.left > 0 {
            bar.show(files.count + position, "checking \(mof.file)")
            let compilation = try await session.compileMOF(
                mof.text, options: MOFCompilationOptions(checkOnly: true, timeout: options.timeLimit(orElse: MOFCompile.patience)))
            if let failure = compilation.failure { complaints.add(failure, of: mof) }
        }
        bar.end()
        await session.close()
        if complaints.count > 0 { throw complaints.error("nothing was to be stored") }
    }

    /// Nil where there is no broker, which is then said.
    private func session(_ bar: ProgressBar) async throws(CIMError) -> Session? {
        do throws(CIMError) {
            return try await options.connect()
        } catch {
            guard error.status == .transportFailure else { throw error }
            bar.end()
            StandardError.write("cimctl: only the syntax was checked: \(FailureReport.printable(error.message))\n")
            return nil
        }
    }
}

struct MOFShow: Command {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Writes the MOF of a class.",
        discussion: """
            It is what the class itself declares; compiled again, it makes the same class, where its superclass and its qualifiers are \
            declared as here. With --amended or --locale it is what a reader of that language sees.
            """)

    @Argument(help: ArgumentHelp("The class.", valueName: "class")) var className: String
    var namedClasses: [String] { [className] }
    @Flag(help: "Its superclasses, too, the topmost first; system classes are left out.") var deep = false
    @OptionGroup var language: LocaleArguments
    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ output: inout Output) async throws {
        // One that is not there is said as everywhere.
        let declaration = try await declaration(of: className, session)
        var shown = [declaration]
        if deep {
            for name in declaration.derivation where !name.hasPrefix("__") {
                shown.append(try await session.getClass(name, timeout: options.timeLimit))
            }
        }
        if language.isGiven {
            let operation = language.applied(to: options.operationOptions)
            for position in shown.indices { shown[position] = try await session.getClass(shown[position].name, options: operation) }
        }
        let isText = options.output == .table || options.output == .mof
        if !isText { try output.beginRows([Column("__CLASS"), Column("MOF")]) }
        for (position, declaration) in shown.reversed().enumerated() {
            let text = MOFWriter.write(declaration)
            if isText {
                try output.write(position == 0 ? text : "\n" + text)
            } else {
                try output.show(Row([("__CLASS", .string(declaration.name)), ("MOF", .string(text))]))
            }
        }
        try output.endRows()
    }
}

/// Reads the files of a command before anything is done with any of them.
struct MOFReading {
    private let files: MOFFiles
    private let namespace: CIMNamespaceName?

    init(_ folders: [String], _ options: CommandOptions) {
        files = MOFFiles(folders: folders)
        namespace = CIMNamespaceName(options.namespace)
    }

    /// Throws, when all that is wrong was written, what it comes to.
    /// - Parameters:
    ///   - read: the files, as far as they have been read.
    ///   - consequence: what follows where something is wrong.
    func all(
        _ names: [String], _ bar: ProgressBar, read: [Result<PreparedMOF, MOFFaults>] = [], _ consequence: String = "nothing is stored"
    ) throws(CIMError) -> [PreparedMOF] {
        var prepared: [PreparedMOF] = []
        var complaints = MOFComplaints()
        for (position, name) in names.enumerated() where complaints.left > 0 {
            let result: Result<PreparedMOF, MOFFaults>
            if position < read.count {
                result = read[position]
            } else {
                if Task.isCancelled { throw CIMError(.callCancelled, "interrupted; nothing is stored") }
                bar.show(position, "reading \(name)")
                result = one(name, limit: complaints.left)
            }
            switch result {
            case .success(let mof):
                MOFComplaints.write(warnings: mof.unit)
                prepared.append(mof)
            case .failure(let error):
                bar.end()
                complaints.add(error, in: name)
            }
        }
        if complaints.count > 0 { throw complaints.error(consequence) }
        return prepared
    }

    /// The text of a file with all that it includes, and the file itself, which is read on another thread. Nil where there is no such text:
    /// ``all(_:_:read:_:)`` says why.
    func begin(_ name: String) -> (text: String, mof: Task<Result<PreparedMOF, MOFFaults>, Never>)? {
        guard let flat = try? PreparedMOF.flat(name, in: files), flat.text.utf8.count <= MOFParser.maximumLength else { return nil }
        // Nobody looks into `files` before the task has ended.
        nonisolated(unsafe) let reading = self
        return (flat.text, Task.detached { reading.one(name, limit: MOFComplaints.most, flat) })
    }

    private func one(_ name: String, limit: Int, _ flat: MOFFlattening? = nil) -> Result<PreparedMOF, MOFFaults> {
        do throws(MOFFaults) {
            let mof = try PreparedMOF(name, in: files, namespace: namespace, limit: limit, flat: flat)
            let size = mof.text.utf8.count
            if size <= MOFParser.maximumLength { return .success(mof) }
            let error = MOFError(
                file: name, line: 0, column: 0, status: .quotaViolation,
                message: "expected at most \(MOFParser.maximumLength) bytes with all it includes, found \(size)")
            return .failure(MOFFaults(errors: [error], isTruncated: false))
        } catch {
            return .failure(error)
        }
    }
}

extension Program {
    func adviceForMOF(_ status: WBEMStatus) -> String? {
        switch status {
        case .mofErrorInvalidIncludeFile: "-I adds folders to look for included files in"
        // Not about what is in the file.
        case .transportFailure, .fatalTransportError, .timedOut, .serverTooBusy, .callCancelled, .shuttingDown, .accessDenied: nil
        case .outOfDiskSpace, .outOfMemory, .invalidNamespace, .failed: nil
        default: "mend the file where the lines above say"
        }
    }
}
