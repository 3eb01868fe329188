import CIM
import CIMBusCore
import CIMBusWire
import CIMMOF
import CIMRepository
import DBus
import Synchronization

/// MOF that comes over the bus: a provider's own (`Register`), and an administrator's (`org.cimbus1.MofCompiler`).
///
/// Texts are read on ``compilers``, and stored in one transaction each.
extension Broker {
    /// The threads that read texts: a text of 16 MiB takes seconds.
    private static let compilers = BlockingThreads(name: "mof", most: 2)

    /// A text that was read: what it declares, and what that changes, declaration by declaration.
    struct CompiledMOF: Sendable {
        var unit: MOFUnit
        var changes: [RepositoryChange]

        /// Without localized qualifiers: those of classes, or of instances (R48).
        mutating func removeAmendedQualifiers(ofClasses: Bool, ofInstances: Bool, _ schema: Schema) {
            changes = changes.map { change in
                switch change {
                case .putClass(var declared, let namespace, let flags) where ofClasses:
                    declared.removeAmendedQualifiers(keeping: schema.class(declared.name, in: namespace))
                    return .putClass(declared, in: namespace, flags: flags)
                case .putInstance(var instance, let namespace, let flags, let only) where ofInstances:
                    instance.removeAmendedQualifiers()
                    return .putInstance(instance, in: namespace, flags: flags, only: only)
                default: return change
                }
            }
        }
    }

    /// Why a text could not be compiled. It changed nothing.
    struct MOFFailure: Error {
        /// `WBEM_COMPILE_STATUS_INFO.lPhaseError`: 2, the text is not MOF; 3, it cannot be stored.
        enum Phase: Int32 { case syntax = 2, store = 3 }

        var phase: Phase
        var error: CIMError
        /// Its number, from 1, and the lines of the declaration, where it is one's fault.
        var declaration = 0
        var lines = 0...0
    }

    private static func compile(
        _ text: String, _ file: String, in home: CIMNamespaceName, _ schema: Schema, classFlags: ChangeFlags = [],
        instanceFlags: ChangeFlags = []
    ) async throws(MOFFailure) -> CompiledMOF {
        let result = await compilers.run { () -> Result<CompiledMOF, MOFFailure> in
            var context = MOFContext(namespace: home, qualifierType: { schema.qualifierType($0, in: $1 ?? home) })
            context.classFlags = classFlags
            context.instanceFlags = instanceFlags
            let unit: MOFUnit
            do throws(MOFErrors) {
                unit = try MOFParser.parse(MOFSource(file: file, text: text), in: context)
            } catch {
                let first = error.first
                return .failure(
                    MOFFailure(
                        phase: .syntax, error: CIMError(first.status, error.description, cause: first), lines: first.line...first.line))
            }
            do throws(CIMError) {
                return .success(CompiledMOF(unit: unit, changes: try unit.changes(in: home, schema: schema)))
            } catch {
                return .failure(failure(error, in: unit))
            }
        }
        return try result.get()
    }

    /// What could not be stored, with the place of its declaration.
    private static func failure(_ error: CIMError, in unit: MOFUnit) -> MOFFailure {
        guard let index = error.failedChange, unit.declarations.indices.contains(index) else {
            return MOFFailure(phase: .store, error: error)
        }
        let declaration = unit.declarations[index]
        var positioned = error
        if let place = error.failedPlace {
            positioned.message = place.description
            return MOFFailure(phase: .store, error: positioned, declaration: index + 1, lines: place.line...place.line)
        }
        positioned.message = "\(declaration.file), line \(declaration.firstLine): \(error.message)"
        return MOFFailure(
            phase: .store, error: positioned, declaration: index + 1,
            lines: declaration.firstLine...max(declaration.firstLine, declaration.lastLine))
    }

    // MARK: - A provider's own

    /// Stores what a provider brings with it. Without instances that define it, it is defined as what its classes need.
    ///
    /// - Throws: the MOF errors with their positions; AccessDenied for what is not the provider's to change; what the repository refuses; what
    ///   `condition` throws. Nothing is stored then.
    /// - Returns: what is not wrong and was hardly meant: the warnings of the text, and classes that name another provider.
    func storeMOF(
        _ text: String, of provider: BringingProvider, if condition: @escaping Repository.Condition
    ) async throws(CIMError) -> [String] {
        // What is read of a text is many times as large.
        defer { left(16 * text.utf8.count) }
        do throws(MOFFailure) {
            let (known, home) = (schema.schema, provider.home)
            let compiled = try await Self.compile(text, "MOF of \(provider.name)", in: home, known)
            do throws(CIMError) {
                try await store(compiled.changes, text.utf8.count, of: provider, if: condition)
            } catch {
                throw Self.failure(error, in: compiled.unit)
            }
            let warnings =
                compiled.unit.warnings.map(\.description) + Self.unservedClasses(in: compiled, schema.schema).map(\.description)
                + Self.othersClasses(in: compiled, not: provider.name, home, known)
            if warnings.count <= Self.mostWarnings { return warnings }
            return warnings.prefix(Self.mostWarnings) + ["and \(warnings.count - Self.mostWarnings) more"]
        } catch {
            throw error.error
        }
    }

    private static let mostWarnings = 20

    /// What the provider may bring, and what it has to bring besides, is found out now, so that it is told before anything is tried; and once
    /// more when it is stored: another one may have brought the same meanwhile.
    private func store(
        _ changes: [RepositoryChange], _ bytes: Int, of provider: BringingProvider, if condition: @escaping Repository.Condition
    ) async throws(CIMError) {
        let (hadClasses, hadBrought) = brought[provider.uid] ?? (0, 0)
        let new = try provider.checkRoom(for: changes, over: repository.schema, brought: hadClasses)
        // Counted before anybody else's turn comes; a text that is not stored in the end was read all the same.
        if new > 0 { brought[provider.uid, default: (0, 0)].classes += new }
        let hasChanged = Atomic(false)
        defer { if hasChanged.load(ordering: .relaxed) { brought[provider.uid, default: (0, 0)].bytes += bytes } }
        while true {
            let known = repository.schema
            try provider.checkMayBring(changes, over: known)
            let implied = provider.impliedDefinition(changes, over: known)
            let isOutdated = Atomic(false)
            do throws(CIMError) {
                return try await commit(changes + implied, by: provider.uid) { before, after throws(CIMError) in
                    try provider.checkMayBring(changes, over: before)
                    guard provider.impliedDefinition(changes, over: before) == implied else {
                        isOutdated.store(true, ordering: .relaxed)
                        throw CIMError(.serverTooBusy, "the definition of provider \(provider.name) has changed")
                    }
                    try condition(before, after)
                    // What is there already is brought by each start of its provider.
                    guard before.revision != after.revision else { return }
                    try provider.checkRoom(forText: bytes, brought: hadBrought)
                    hasChanged.store(true, ordering: .relaxed)
                }
            } catch {
                guard isOutdated.load(ordering: .relaxed) else { throw error }
            }
        }
    }

    /// Classes of a provider that nobody knows, which is hardly meant. One of a known provider, such as the superclass that another one brings
    /// with it, is.
    private static func othersClasses(
        in compiled: CompiledMOF, not provider: String, _ home: CIMNamespaceName, _ known: Schema
    ) -> [String] {
        zip(compiled.unit.declarations, compiled.changes).compactMap { declaration, change in
            guard case .putClass(let declared, _, _) = change, let owner = declared.providerName, !CIMName.equal(owner, provider),
                known.provider(owner, in: declaration.namespace ?? home) == nil
            else { return nil }
            return "class \(declared.name) names provider \(owner.clipped()), so calls for it go there and not to \(provider)"
        }
    }

    /// Classes of a text that nobody can have instances of, as `schema` has them after it: a `provider` that was forgotten, or goes down from
    /// no class above.
    private static func unservedClasses(in compiled: CompiledMOF, _ schema: Schema) -> [MOFWarning] {
        zip(compiled.unit.declarations, compiled.changes).compactMap { declaration, change in
            guard case .putClass(let declared, let namespace, _) = change, let stored = schema.class(declared.name, in: namespace),
                stored.isUnserved
            else { return nil }
            return MOFWarning(
                file: declaration.file, line: declaration.firstLine, column: 1,
                message: "class \(stored.name) is dynamic and names no provider, so nobody has instances of it")
        }
    }

    // MARK: - org.cimbus1.MofCompiler

    nonisolated func mofCompilerInterface() -> ExportedInterface {
        ExportedInterface(
            Interfaces.mofCompiler, methods: ["CompileBuffer": method { $0.compileBuffer($1) }], argumentReader: LooseArguments.reader)
    }

    /// The longest text, in bytes, of somebody who may not change what is stored.
    private static let longestCheck = 1 << 20
    private static let checkOnly: Int32 = 1
    /// AUTORECOVER, WMI_CHECK, CONSOLE_PRINT, DONT_ADD_TO_LIST and STORE_FILE mean nothing here; they are accepted (Semantics A.2.5).
    private static let compilerOptions: Int32 = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x100

    private func compileBuffer(_ call: MethodCall) {
        guard let peer = peer(of: call), let caller = caller(peer) else { return }
        var reader = call.reader
        guard let text = try? reader.readString(), let scope = try? reader.readString(), let options = try? reader.readInt32(),
            let classFlags = try? reader.readInt32(), let instanceFlags = try? reader.readInt32()
        else { return }
        do throws(CIMError) {
            // Who may change nothing may have a text checked, and it is to cost nobody much.
            let most = core.rights.mayWriteSomething(caller) ? MOFParser.maximumLength : Self.longestCheck
            guard text.utf8.count <= most else {
                throw CIMError(
                    .quotaViolation,
                    "CompileBuffer: \(text.utf8.count) bytes; \(most >> 20) MiB are the most for uid \(caller.uid); compile it in parts")
            }
            guard let home = scope.isEmpty ? .cimv2 : CIMNamespaceName(scope) else {
                throw CIMError(.invalidNamespace, "CompileBuffer: \"\(scope.clipped(80))\" is not a namespace")
            }
            let amended = OperationFlags.useAmendedQualifiers.rawValue
            guard options & ~Self.compilerOptions == 0, classFlags & ~(ChangeFlags.all.rawValue | amended) == 0,
                instanceFlags & ~(ChangeFlags.createOnly.rawValue | ChangeFlags.updateOnly.rawValue | amended) == 0
            else { throw CIMError(.invalidParameter, "CompileBuffer: flags that are not WBEM_COMPILER_OPTIONS or WBEM_CHANGE_FLAG_TYPE") }
            let isCheck = options & Self.checkOnly != 0
            let claim = Claim.compilation(isCheck: isCheck)
            try admit(claim, of: peer, call)
            Task(executorPreference: loop) { [self] in
                await self.compileBuffer(
                    call, text, home, isCheck, ChangeFlags(rawValue: classFlags), ChangeFlags(rawValue: instanceFlags), caller)
                await self.gaveBack(claim, by: peer)
            }
        } catch {
            refuse(call, error)
        }
    }

    /// One for each warning, up to 1,000.
    private static func lines(of warnings: [MOFWarning]) -> String {
        var lines = warnings.prefix(1000).map(\.description)
        if warnings.count > lines.count { lines.append("(\(warnings.count - lines.count) more warnings)") }
        return lines.joined(separator: "\n")
    }

    private func compileBuffer(
        _ call: MethodCall, _ text: String, _ home: CIMNamespaceName, _ isCheck: Bool, _ classFlags: ChangeFlags,
        _ instanceFlags: ChangeFlags, _ caller: Caller
    ) async {
        // What is read of a text is many times as large.
        defer { left(16 * text.utf8.count) }
        do throws(MOFFailure) {
            let amended = ChangeFlags(rawValue: OperationFlags.useAmendedQualifiers.rawValue)
            var compiled = try await Self.compile(
                text, "<buffer>", in: home, schema.schema, classFlags: classFlags.subtracting(amended),
                instanceFlags: instanceFlags.subtracting(amended))
            compiled.removeAmendedQualifiers(
                ofClasses: classFlags.contains(amended), ofInstances: instanceFlags.contains(amended), schema.schema)
            let changes = compiled.changes
            let result = Mutex(schema.schema)
            do throws(CIMError) {
                if isCheck {
                    try await repository.check(changes, if: try allowing(changes) { _, after in result.withLock { $0 = after } })
                } else {
                    try await checkMayMake(changes, caller, call)
                    try await commit(changes, by: caller.uid) { _, after in result.withLock { $0 = after } }
                }
            } catch {
                throw Self.failure(error, in: compiled.unit)
            }
            let schema = result.withLock { $0 }
            let warnings = Self.lines(of: compiled.unit.warnings + Self.unservedClasses(in: compiled, schema))
            if !isCheck { audit(.write, call, nil, [("namespace", home.text), ("target", "\(changes.count) declarations")]) }
            call.reply([.int32(0), .uint32(0), .int32(0), .int32(0), .int32(0), .string(warnings)])
        } catch {
            if !isCheck {
                audit(
                    error.error.status == .accessDenied ? .denial : .write, call, error.error,
                    [("namespace", home.text), ("target", "a text of MOF")])
            }
            call.reply([
                .int32(error.phase.rawValue), .uint32(error.error.status.rawValue), .int32(Int32(clamping: error.declaration)),
                .int32(Int32(clamping: error.lines.lowerBound)), .int32(Int32(clamping: error.lines.upperBound)),
                .string(error.error.message),
            ])
        }
    }

    /// - Throws: AccessDenied, of the first change that the caller may not make, and polkit does not authorize him to.
    private func checkMayMake(_ changes: [RepositoryChange], _ caller: Caller, _ call: MethodCall) async throws(CIMError) {
        var caller = caller
        while true {
            do throws(CIMError) {
                return try resolver(for: caller).checkMayMake(changes)
            } catch {
                caller = try await authorized(caller, after: error, call)
            }
        }
    }
}
