/// What is generated beside the types themselves.
public struct GenerationOptions: Hashable, Sendable {
    /// Who sees the generated code.
    public enum Access: String, Hashable, Sendable, CaseIterable {
        case `public`
        case `internal`
    }

    /// What a type is called.
    public enum Names: String, Hashable, Sendable, CaseIterable {
        /// As its class: Sample_Clock.
        case full
        /// As its class, without the schema before the first underscore: Clock.
        case short
    }

    public var access = Access.public
    public var names = Names.full

    /// Whether methods become functions for clients, by the library CIMBusClient.
    public var forClients = true

    /// Whether classes with the qualifier `provider` get a protocol and an adapter, by the library CIMBusProvider.
    public var forProviders = true

    public init() {}
}
