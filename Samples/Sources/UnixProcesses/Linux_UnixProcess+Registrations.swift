/// What the provider says of itself when it registers.
extension LinuxUnixProcess {
    /// The registrations of the provider, and the class.
    /// - Parameter reach: of which events the provider may say that it raises all.
    public static func mof(raising reach: ProcessEvents.Reach) -> String { registrations(reach) + "\n" + declaration }

    private static func registrations(_ reach: ProcessEvents.Reach) -> String {
        let queries = reach.eventClasses.map { "\"SELECT * FROM \($0) WHERE TargetInstance ISA '\(className)'\"" }
        let events = """
            instance of __EventProviderRegistration { provider = $UnixProcess; EventQueryList = {\(queries.joined(separator: ", "))}; };
            """
        return """
            instance of __Win32Provider as $UnixProcess { Name = "\(registration)"; HostingModel = "Decoupled:DBus"; };
            instance of __InstanceProviderRegistration
            {
                provider = $UnixProcess; SupportsGet = TRUE; SupportsPut = TRUE; SupportsDelete = TRUE; SupportsEnumeration = TRUE;
            };
            instance of __MethodProviderRegistration { provider = $UnixProcess; };
            \(queries.isEmpty ? "" : events)
            """
    }
}
