import CIM

/// What the repository says about a provider: its instance of `__Win32Provider` (or of a class below it) and the registrations that
/// refer to it (Semantics D.1 to D.3).
public struct ProviderDefinition: Hashable, Sendable {
    /// What a provider of instances says it can do.
    public struct Support: Hashable, Sendable {
        public var get = false
        public var put = false
        public var delete = false
        public var enumeration = false

        /// `WQL:UnarySelect` and the like; empty: the broker filters (Semantics I.7).
        public var queries: [String] = []

        /// 0: pull. Others have their instances in the repository.
        public var interactionType: Int64 = 0
    }

    public var name: String
    public var namespace: CIMNamespaceName

    /// The class of the definition: `__Win32Provider`, `MSFT_DecoupledProvider`.
    public var className: String

    /// As written; nil means "NetworkServiceHostOrSelfHost" (Semantics D.2).
    public var hostingModel: String?

    /// FALSE: its classes answer ProviderDisabled.
    public var isEnabled: Bool

    /// Each user, each locale has a process of their own (Semantics D.1).
    public var isPerUser: Bool
    public var isPerLocale: Bool

    /// The name on the bus that starts it; nil when nothing does.
    public var busName: String?

    /// Who may register, from `SecurityDescriptor`, which CIMBus reads as words `uid:1000` and `gid:100` (Semantics D.5).
    public var allowedUserIDs: [UInt32]
    public var allowedGroupIDs: [UInt32]

    /// `SecurityDescriptor` as written; nil: the default rule holds.
    public var securityDescriptor: String?

    /// The instance registration; nil when it has none.
    public var instances: Support?

    /// Whether it has a method registration.
    public var providesMethods: Bool

    /// The queries of its event registration; nil when it has none.
    public var eventQueries: [String]?

    /// The classes below `__EventConsumer` of which it is the consumer.
    public var consumerClasses: [String]

    /// The classes of its registrations that make it a provider of classes or of properties.
    public var otherRegistrations: [String]

    /// Whether nothing says what it can do.
    public var hasNoRegistrations: Bool {
        instances == nil && !providesMethods && eventQueries == nil && consumerClasses.isEmpty && otherRegistrations.isEmpty
    }

    /// A decoupled provider: a process of its own that registers (Semantics D.5).
    public var isDecoupled: Bool { hostingModel.map { CIMName.hasPrefix($0, "decoupled:") } ?? false }
}

extension ProviderDefinition {
    /// The classes whose instances are read here.
    static let classNames = ["__Provider", "__ProviderRegistration"]

    /// Whether instances of the class, or of a subclass, are part of definitions.
    static func isDefined(by declaration: CIMClass) -> Bool { classNames.contains { declaration.isSameOrDerived(from: $0) } }

    /// The definition that an instance of `__Win32Provider` is; nil for an instance without a name. Registrations are added later.
    init?(_ provider: CIMInstance, in namespace: CIMNamespaceName) {
        guard let name = provider["Name"]?.stringValue else { return nil }
        self.name = name
        self.namespace = namespace
        className = provider.className
        hostingModel = provider["HostingModel"]?.stringValue
        isEnabled = provider["Enabled"]?.boolValue ?? true
        isPerUser = provider["PerUserInitialization"]?.boolValue ?? false
        isPerLocale = provider["PerLocaleInitialization"]?.boolValue ?? false
        busName = provider["BusName"]?.stringValue
        securityDescriptor = provider["SecurityDescriptor"]?.stringValue
        let words = (securityDescriptor ?? "").split(whereSeparator: { " ,;".contains($0) })
        allowedUserIDs = words.compactMap { $0.hasPrefix("uid:") ? UInt32($0.dropFirst(4)) : nil }
        allowedGroupIDs = words.compactMap { $0.hasPrefix("gid:") ? UInt32($0.dropFirst(4)) : nil }
        instances = nil
        providesMethods = false
        eventQueries = nil
        consumerClasses = []
        otherRegistrations = []
    }

    fileprivate mutating func add(registration: CIMInstance) {
        switch CIMName.folded(registration.className) {
        case "__instanceproviderregistration":
            var support = Support()
            support.get = registration["SupportsGet"]?.boolValue ?? false
            support.put = registration["SupportsPut"]?.boolValue ?? false
            support.delete = registration["SupportsDelete"]?.boolValue ?? false
            support.enumeration = registration["SupportsEnumeration"]?.boolValue ?? false
            support.queries = registration["QuerySupportLevels"]?.stringArrayValue ?? []
            support.interactionType = registration["InteractionType"]?.int64Value ?? 0
            instances = support
        case "__methodproviderregistration": providesMethods = true
        case "__eventproviderregistration": eventQueries = registration["EventQueryList"]?.stringArrayValue ?? []
        case "__eventconsumerproviderregistration": consumerClasses += registration["ConsumerClassNames"]?.stringArrayValue ?? []
        case "__classproviderregistration", "__propertyproviderregistration": otherRegistrations.append(registration.className)
        default: break
        }
    }
}

/// The definitions in a namespace, and the instances of ``ProviderDefinition/classNames`` and below that they come from: a change of one instance
/// costs the definition that it is part of, however many others there are.
struct ProviderDefinitions {
    private(set) var byName: [CIMName: ProviderDefinition] = [:]
    /// The instances that are part of each definition, by their ids in the repository. A registration may name a provider that is not there.
    private var parts: [CIMName: [Int64: CIMInstance]] = [:]

    /// An instance was put or deleted.
    /// - Parameter before: what it was; nil where it was not there.
    mutating func replace(_ id: Int64, _ before: CIMInstance?, by after: CIMInstance?, in namespace: CIMNamespaceName) {
        let (old, new) = (before.map(Self.names) ?? [], after.map(Self.names) ?? [])
        for name in old { parts[name]?[id] = nil }
        for name in new { parts[name, default: [:]][id] = after }
        for name in old.union(new) { byName[name] = definition(name, in: namespace) }
    }

    /// The providers whose definitions an instance is part of: itself one, or a registration of one.
    private static func names(of instance: CIMInstance) -> Set<CIMName> {
        Set([instance["Name"]?.stringValue, registered(by: instance)].compactMap { $0.map { CIMName($0) } })
    }

    private static func registered(by instance: CIMInstance) -> String? {
        if case .reference(let path)? = instance["provider"] { path.providerName } else { nil }
    }

    /// Nil where there is no such provider: registrations of none count for nothing.
    private mutating func definition(_ name: CIMName, in namespace: CIMNamespaceName) -> ProviderDefinition? {
        guard let parts = parts[name], !parts.isEmpty else {
            parts[name] = nil
            return nil
        }
        let instances = parts.sorted { $0.key < $1.key }.map(\.value)
        var definition = instances.lazy.compactMap { ProviderDefinition($0, in: namespace) }.last { CIMName($0.name) == name }
        for instance in instances {
            if let provider = Self.registered(by: instance), CIMName(provider) == name { definition?.add(registration: instance) }
        }
        return definition
    }
}

extension CIMObjectPath {
    /// The one key of a path to a provider.
    fileprivate var providerName: String? {
        guard case .keys(let keys) = keys, let key = keys.first, case .string(let name) = key.value else { return nil }
        return name
    }
}
