import CIM
import CIMBusCore
import CIMQuery
import CIMRepository

/// A provider that brings MOF with its registration: what it may bring, and what else its text means (Design 3).
///
/// It decides over the schema that it is given, so that it can decide again when the changes are made.
struct BringingProvider: Sendable {
    let name: String
    let home: CIMNamespaceName
    /// Whose process registers.
    let uid: UInt32
    let groups: [UInt32]
    let rights: Rights

    private var caller: Caller { Caller(uid: uid, groups: groups) }

    /// Whether the process may write classes of a namespace, or one of them.
    private func mayWrite(_ className: String, in namespace: CIMNamespaceName) -> Bool {
        rights.allows(.fullWrite, RightsSubject(namespace: namespace.text, className: className), for: caller)
    }

    private func mayRegister(_ provider: String, in namespace: CIMNamespaceName) -> Bool {
        rights.allows(.register, RightsSubject(namespace: namespace.text, provider: provider), for: caller)
    }

    // MARK: - How much

    /// New classes that processes of one user bring while the broker runs, and bytes of texts that change something: what they bring stays, a namespace
    /// has room for 10,000, and a disk for so much.
    static let mostClasses = 1_000
    static let mostBytes = 64 << 20

    /// Throws QuotaViolation: with a text of so many bytes the user's processes would have changed too much, for one who may not write classes anyway.
    func checkRoom(forText bytes: Int, brought: Int) throws(CIMError) {
        guard brought + bytes > Self.mostBytes, !mayWrite("", in: home) else { return }
        throw CIMError(
            .quotaViolation,
            "uid \(uid) has changed what is stored by \(brought) bytes of MOF, and \(Self.mostBytes >> 20) MiB are the most; compile the MOF as an "
                + "administrator, or let a rule grant FullWrite of \(home)")
    }

    /// - Parameters:
    ///   - brought: how many the user's processes have brought before.
    /// - Returns: how many it brings now.
    /// - Throws: QuotaViolation: too many, for one who may not write classes anyway.
    func checkRoom(for changes: [RepositoryChange], over schema: Schema, brought: Int) throws(CIMError) -> Int {
        let new = changes.count { change in
            if case .putClass(let declared, let namespace, _) = change { schema.class(declared.name, in: namespace) == nil } else { false }
        }
        guard new == 0 || brought + new <= Self.mostClasses || mayWrite("", in: home) else {
            throw CIMError(
                .quotaViolation,
                "uid \(uid) has brought \(brought) new classes, and \(Self.mostClasses) are the most; compile the MOF as an administrator, "
                    + "or let a rule grant FullWrite of \(home)")
        }
        return new
    }

    // MARK: - What it may

    /// Throws AccessDenied where nobody lets it have its name.
    func checkMayRegister(over schema: Schema) throws(CIMError) {
        let isGranted = schema.provider(name, in: home)?.allows(uid: uid, groups: groups) ?? false
        do throws(Refusal) {
            try rights.check(.registration(namespace: home.text, name: name, isGranted: isGranted), of: caller)
        } catch {
            throw CIMError(error, "Register")
        }
    }

    /// A provider may define new classes, for itself and for others it may serve; it may change those that name it, and define itself. What
    /// is another's is changed by nobody's `Register`; anything else takes the right to write.
    ///
    /// - Throws: AccessDenied, of the first change that is not the provider's to make.
    /// - Parameter schema: what is stored without the changes.
    func checkMayBring(_ changes: [RepositoryChange], over schema: Schema) throws(CIMError) {
        for (index, change) in changes.enumerated() {
            do throws(CIMError) {
                try checkMayBring(change, over: schema)
                guard case .putInstance(let instance, let namespace, _, _) = change else { continue }
                try checkMayAct(instance, in: namespace, changes, over: schema)
                if namespace == home { try checkMayRaise(instance, changes, over: schema) }
            } catch {
                throw error.failed(at: index)
            }
        }
    }

    private func checkMayBring(_ change: RepositoryChange, over schema: Schema) throws(CIMError) {
        switch change {
        case .putClass(let declared, let namespace, _): try checkMayBring(declared, in: namespace, over: schema)
        case .putInstance(let instance, let namespace, _, _):
            // A namespace that is there stays as it is.
            if CIMName.equal(instance.className, "__NAMESPACE"), let name = instance["Name"]?.stringValue,
                let below = CIMNamespaceName("\(namespace)/\(name)"), schema.hasNamespace(below)
            {
                return
            }
            // A class that the same text brings is nobody's to trust: it may derive from what defines providers.
            let defined = schema.class(instance.className, in: namespace).flatMap { Self.provider(definedBy: instance, of: $0) }
            let isItsOwn = defined.map { isSelf($0) && namespace == home || mayRegister($0, in: namespace) } ?? false
            guard isItsOwn || mayWrite(instance.className, in: namespace) else {
                throw CIMError(
                    .accessDenied, "uid \(uid) may bring no instance of \(instance.className) but its own provider's registrations")
            }
        case .nothing: break
        default:
            guard rights.isAdministrator(uid: uid) else {
                throw CIMError(.accessDenied, "uid \(uid) may bring classes and registrations only")
            }
        }
    }

    /// What acts for as long as it is stored: parts of permanent subscriptions, and being the consumer of others' events (Semantics J.4). It takes
    /// WriteSecurity, as where a client writes it; what is there already may be brought again.
    private func checkMayAct(
        _ instance: CIMInstance, in namespace: CIMNamespaceName, _ changes: [RepositoryChange], over schema: Schema
    ) throws(CIMError) {
        let known = schema.provider(name, in: home)?.consumerClasses ?? []
        let takesEvents =
            CIMName.equal(instance.className, PermanentSubscription.consumerRegistration)
            && (instance["ConsumerClassNames"]?.stringArrayValue ?? []).contains { !known.contains($0) }
        guard takesEvents || PermanentSubscription.isPart(instance.className, in: namespace, changes, { schema.class($0, in: namespace) }),
            !rights.allows(.writeSecurity, RightsSubject(namespace: namespace.text, className: instance.className), for: caller)
        else { return }
        throw CIMError(
            .accessDenied,
            "uid \(uid) has not the right WriteSecurity in \(namespace), which \(instance.className) takes; let an administrator write it")
    }

    /// Whose events a provider may raise: of classes that it brings, or that name it. Anything else an administrator says (Semantics J.3).
    private func checkMayRaise(_ instance: CIMInstance, _ changes: [RepositoryChange], over schema: Schema) throws(CIMError) {
        guard CIMName.equal(instance.className, "__EventProviderRegistration"), !mayWrite(instance.className, in: home) else { return }
        let known = schema.provider(name, in: home)?.eventQueries ?? []
        for text in instance["EventQueryList"]?.stringArrayValue ?? [] where !known.contains(text) {
            // What cannot be read counts for nothing.
            guard case .select(let query)? = try? WQLQuery(parsing: text) else { continue }
            let targets = (query.condition?.comparisons ?? []).compactMap { comparison -> CIMName? in
                if case .isa(let name) = comparison.test { name } else { nil }
            }
            for subject in targets.isEmpty ? [query.className] : targets where !isItsOwn(subject, changes, over: schema) {
                throw CIMError(
                    .accessDenied,
                    "uid \(uid) may not let provider \(name) raise events of \(subject), which is not its own class; let an administrator "
                        + "write its __EventProviderRegistration")
            }
        }
    }

    private func isItsOwn(_ className: CIMName, _ changes: [RepositoryChange], over schema: Schema) -> Bool {
        guard let stored = schema.class(className.text, in: home) else { return brings(className, changes) != nil }
        return stored.providerName.map { isSelf($0) || mayRegister($0, in: home) } ?? false
    }

    private func brings(_ className: CIMName, _ changes: [RepositoryChange]) -> CIMClass? {
        for case .putClass(let declared, home, _) in changes where CIMName(declared.name) == className { return declared }
        return nil
    }

    /// The event classes that a text brings.
    private func extrinsicClasses(_ changes: [RepositoryChange], over schema: Schema) -> [String] {
        var found: [String] = []
        for case .putClass(let declared, home, _) in changes {
            var name = declared.superclass
            // A text declares a class before those below it: no circle is longer than the text.
            for _ in changes {
                guard let next = name, let brought = brings(CIMName(next), changes) else { break }
                name = brought.superclass
            }
            if let name, schema.class(name, in: home)?.isSameOrDerived(from: "__ExtrinsicEvent") == true { found.append(declared.name) }
        }
        return found
    }

    private func checkMayBring(_ declared: CIMClass, in namespace: CIMNamespaceName, over schema: Schema) throws(CIMError) {
        try checkMayAmend(declared, in: namespace, over: schema)
        // What was granted in one namespace was granted there.
        guard namespace == home || namespace.amended == home || mayRegister(name, in: namespace) || mayWrite(declared.name, in: namespace)
        else {
            throw CIMError(.accessDenied, "uid \(uid) may bring no classes into \(namespace): provider \(name) registers in \(home)")
        }
        try checkMayDerive(declared, in: namespace, over: schema)
        if let known = schema.class(declared.name, in: namespace) {
            let parent = declared.superclass.flatMap { schema.class($0, in: namespace) }
            if let same = try? declared.resolved(with: parent), same == known { return }
            let subject = if let home = namespace.amended { schema.class(declared.name, in: home) } else { known }
            guard let owner = subject?.providerName, isSelf(owner) else {
                throw CIMError(.accessDenied, "class \(known.name) is there already and is not of provider \(name); choose another name")
            }
        }
        if let owner = declared.providerName, !isSelf(owner), !mayRegister(owner, in: namespace) {
            throw CIMError(.accessDenied, "\(declared.name) names provider \(owner.clipped()), which uid \(uid) may not register")
        }
    }

    /// Whose class lies below another provider's takes part in every operation on that: it is asked for its instances, and runs its methods.
    private func checkMayDerive(_ declared: CIMClass, in namespace: CIMNamespaceName, over schema: Schema) throws(CIMError) {
        guard let parent = declared.superclass.flatMap({ schema.class($0, in: namespace) }) else { return }
        for name in [parent.name] + parent.derivation {
            guard let owner = schema.class(name, in: namespace)?.providerName, !isSelf(owner), !mayRegister(owner, in: namespace),
                !mayWrite(name, in: namespace)
            else { continue }
            throw CIMError(
                .accessDenied,
                "class \(declared.name) derives from \(name) of provider \(owner.clipped()), which uid \(uid) may not register; derive from "
                    + "another class, or let a rule grant Register of that provider, or FullWrite of \(name)")
        }
    }

    /// What is said in one language about a class is its provider's to say, as the class itself is.
    private func checkMayAmend(_ amendment: CIMClass, in namespace: CIMNamespaceName, over schema: Schema) throws(CIMError) {
        guard let home = namespace.amended, let neutral = schema.class(amendment.name, in: home) else { return }
        guard let owner = neutral.providerName, isSelf(owner) else {
            throw CIMError(.accessDenied, "class \(neutral.name) of \(home) is not of provider \(name), which may not amend it")
        }
    }

    private func isSelf(_ provider: String) -> Bool { CIMName.equal(provider, name) }

    // MARK: - What else it brings

    /// Design 3: a MOF without registration instances implies them, with every Supports* TRUE, and with the event classes that it brings. What is
    /// stored already stays as it is.
    /// - Parameter schema: what is stored without the changes.
    func impliedDefinition(_ changes: [RepositoryChange], over schema: Schema) -> [RepositoryChange] {
        let known = schema.provider(name, in: home)
        var isDefined = known != nil
        var isRegistered = known.map { !$0.hasNoRegistrations } ?? false
        for case .putInstance(let instance, home, _, _) in changes {
            guard let declaration = schema.class(instance.className, in: home),
                let defined = Self.provider(definedBy: instance, of: declaration), isSelf(defined)
            else { continue }
            if declaration.isSameOrDerived(from: "__ProviderRegistration") { isRegistered = true } else { isDefined = true }
        }
        let path = CIMObjectPath(className: "__Win32Provider", ["Name": .string(name)])
        let reference = CIMValue.reference(path)
        var implied: [CIMInstance] = []
        if !isDefined {
            implied.append(
                CIMInstance(className: "__Win32Provider", ["Name": .string(name), "HostingModel": "Decoupled:DBus", "Enabled": true]))
        }
        let events = extrinsicClasses(changes, over: schema)
        if !isRegistered, !events.isEmpty {
            implied.append(
                CIMInstance(
                    className: "__EventProviderRegistration",
                    ["provider": reference, "EventQueryList": .strings(events.map { "SELECT * FROM \($0)" })]))
        }
        if !isRegistered, events.isEmpty || servesSome(of: changes) {
            implied += [
                CIMInstance(
                    className: "__InstanceProviderRegistration",
                    [
                        "provider": reference, "SupportsGet": true, "SupportsPut": true, "SupportsDelete": true,
                        "SupportsEnumeration": true,
                    ]),
                CIMInstance(className: "__MethodProviderRegistration", ["provider": reference]),
            ]
        }
        return implied.map { .putInstance($0, in: home) }
    }

    /// Whether a text brings a class that names the provider and is no event class.
    private func servesSome(of changes: [RepositoryChange]) -> Bool {
        changes.contains { change in
            if case .putClass(let declared, home, _) = change {
                declared.isDynamic && declared.providerName.map(isSelf) ?? false
            } else {
                false
            }
        }
    }

    /// The provider that an instance is the definition, or a registration, of.
    private static func provider(definedBy instance: CIMInstance, of declaration: CIMClass) -> String? {
        if declaration.isSameOrDerived(from: "__Win32Provider") { return instance["Name"]?.stringValue }
        guard declaration.isSameOrDerived(from: "__ProviderRegistration"), let path = instance["provider"]?.referenced,
            case .keys(let keys) = path.keys, case .string(let text)? = keys.first?.value
        else { return nil }
        return text
    }
}

extension CIMValue {
    /// The path in a reference, or in the text that will be one.
    fileprivate var referenced: CIMObjectPath? { referenceValue ?? stringValue.flatMap { try? CIMObjectPath(parsing: $0) } }
}
