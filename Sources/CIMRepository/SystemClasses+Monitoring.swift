extension SystemClasses {
    /// What the broker says about its providers (SEMANTICS D.8). Of the properties that the page names, those are keys that tell one registration
    /// from another. Which counters CIMBus has no calls for stays 0.
    static let monitoringMOF = """
        [dynamic, provider("Msft_ProviderSubSystem")]
        class MSFT_Providers
        {
            [key] string Namespace;
            [key] string Provider;
            [key] string User;
            [key] string Locale;
            string TransactionIdentifier;
            string HostingGroup;
            uint32 HostingSpecification;
            string HostingProcessIdentifier;
            uint32 HostProcessIdentifier;
            \(counters.map { "uint64 ProviderOperation_\($0) = 0;" }.joined(separator: "\n"))
            [Implemented] uint32 Load();
            [Implemented] uint32 UnLoad();
            [Implemented] uint32 Suspend();
            [Implemented] uint32 Resume();
        };
        """

    private static let counters = [
        "AccessCheck", "CancelQuery", "CreateClassEnumAsync", "CreateInstanceEnumAsync", "CreateRefreshableEnum", "CreateRefreshableObject",
        "CreateRefresher", "DeleteClassAsync", "DeleteInstanceAsync", "ExecMethodAsync", "ExecQueryAsync", "FindConsumer", "GetObjectAsync",
        "GetObjects", "GetProperty", "NewQuery", "ProvideEvents", "PutClassAsync", "PutInstanceAsync", "PutProperty", "QueryInstances",
        "SetRegistrationObject", "StopRefreshing", "ValidateSubscription",
    ]
}
