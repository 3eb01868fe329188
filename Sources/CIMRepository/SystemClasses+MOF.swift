extension SystemClasses {
    /// Namespaces, providers and their registrations (Semantics D.1 to D.3).
    ///
    /// The key of a registration is declared in the concrete classes, so that a provider can have one of each kind.
    static let providersMOF = """
        [abstract] class __SystemClass {};
        class __NAMESPACE : __SystemClass { [key] string Name; };
        [abstract] class __Provider : __SystemClass { [key] string Name; };
        class __Win32Provider : __Provider
        {
            string CLSID;
            string ClientLoadableCLSID;
            string HostingModel;
            string DefaultMachineName;
            boolean Enabled = TRUE;
            boolean PerUserInitialization = FALSE;
            boolean PerLocaleInitialization = FALSE;
            boolean Pure = TRUE;
            boolean InitializeAsAdminFirst;
            sint32 InitializationReentrancy = 0;
            sint32 ImpersonationLevel = 0;
            sint32 Concurrency;
            [SubType("interval")] datetime InitializationTimeoutInterval;
            [SubType("interval")] datetime OperationTimeoutInterval;
            [SubType("interval")] datetime UnloadTimeout;
            string SecurityDescriptor;
            boolean SupportsExplicitShutdown;
            boolean SupportsExtendedStatus;
            boolean SupportsQuotas;
            boolean SupportsSendStatus;
            boolean SupportsShutdown;
            boolean SupportsThrottling;
            uint32 Version;
            [Description("CIMBus: the name on D-Bus that starts the provider.")] string BusName;
        };
        class MSFT_DecoupledProvider : __Win32Provider { string HostingModel = "Decoupled:Com"; };
        [abstract] class __ProviderRegistration : __SystemClass { __Provider ref provider; };
        [abstract] class __ObjectProviderRegistration : __ProviderRegistration
        {
            boolean SupportsGet = FALSE;
            boolean SupportsPut = FALSE;
            boolean SupportsDelete = FALSE;
            boolean SupportsEnumeration = TRUE;
            boolean SupportsBatching = FALSE;
            boolean SupportsTransactions = FALSE;
            string QuerySupportLevels[];
            sint32 InteractionType = 0;
        };
        class __InstanceProviderRegistration : __ObjectProviderRegistration { [key] __Provider ref provider; };
        class __ClassProviderRegistration : __ObjectProviderRegistration
        {
            [key] __Provider ref provider;
            string ResultSetQueries[];
            string ReferencedSetQueries[];
            string UnsupportedQueries[];
            boolean PerUserSchema = FALSE;
            boolean ReSynchroniseOnNamespaceOpen = FALSE;
            [SubType("interval")] datetime CacheRefreshInterval;
            uint32 Version;
        };
        class __MethodProviderRegistration : __ProviderRegistration { [key] __Provider ref provider; };
        class __PropertyProviderRegistration : __ProviderRegistration
        {
            [key] __Provider ref provider;
            boolean SupportsGet = FALSE;
            boolean SupportsPut = FALSE;
        };
        class __EventProviderRegistration : __ProviderRegistration
        {
            [key] __Provider ref provider;
            string EventQueryList[];
        };
        class __EventConsumerProviderRegistration : __ProviderRegistration
        {
            [key] __Provider ref provider;
            string ConsumerClassNames[];
        };
        """

    /// What a final status may carry, the parameters of methods (Semantics B.3.1, C.5; L6), and what an explained query gives.
    static let statusMOF = """
        [abstract] class __NotifyStatus { uint32 StatusCode; };
        class __ExtendedStatus : __NotifyStatus
        {
            string Description;
            string Operation;
            string ParameterInfo;
            string ProviderName;
        };
        class CIMBus_ExtendedStatus : __ExtendedStatus
        {
            uint32 ProviderProcessID;
            uint64 OperationID;
            uint64 ObjectsDelivered;
        };
        [abstract] class __PARAMETERS {};
        class CIMBus_QueryPlan { string Lines[]; };
        """

    /// Events, timers, and permanent subscriptions (Semantics J).
    static let eventsMOF = """
        [abstract] class __IndicationRelated : __SystemClass {};
        [abstract] class __Event : __IndicationRelated { uint64 TIME_CREATED; uint8 SECURITY_DESCRIPTOR[]; };
        [abstract] class __ExtrinsicEvent : __Event {};
        [abstract] class __SystemEvent : __ExtrinsicEvent {};
        class __EventDroppedEvent : __SystemEvent { object:__Event Event; __EventConsumer ref IntendedConsumer; };
        class __EventQueueOverflowEvent : __EventDroppedEvent { uint32 CurrentQueueSize; };
        class __ConsumerFailureEvent : __EventDroppedEvent
        {
            uint32 ErrorCode;
            string ErrorDescription;
            string ErrorSourceName;
            object:__ExtendedStatus ErrorObject;
        };
        [abstract] class __InstanceOperationEvent : __Event { object TargetInstance; };
        class __InstanceCreationEvent : __InstanceOperationEvent {};
        class __InstanceModificationEvent : __InstanceOperationEvent { object PreviousInstance; };
        class __InstanceDeletionEvent : __InstanceOperationEvent {};
        class __MethodInvocationEvent : __InstanceOperationEvent { string Method; object:__PARAMETERS Parameters; boolean PreCall; };
        [abstract] class __ClassOperationEvent : __Event { object TargetClass; };
        class __ClassCreationEvent : __ClassOperationEvent {};
        class __ClassModificationEvent : __ClassOperationEvent { object PreviousClass; };
        class __ClassDeletionEvent : __ClassOperationEvent {};
        [abstract] class __NamespaceOperationEvent : __Event { object:__NAMESPACE TargetNamespace; };
        class __NamespaceCreationEvent : __NamespaceOperationEvent {};
        class __NamespaceModificationEvent : __NamespaceOperationEvent { object:__NAMESPACE PreviousNamespace; };
        class __NamespaceDeletionEvent : __NamespaceOperationEvent {};
        [abstract, Description("CIMBus: a provider's process came, went, or stopped answering.")]
        class CIMBus_ProviderEvent : __ExtrinsicEvent { string Provider; string Namespace; uint32 ProcessID; uint32 UserID; };
        class CIMBus_ProviderRegisteredEvent : CIMBus_ProviderEvent {};
        class CIMBus_ProviderVanishedEvent : CIMBus_ProviderEvent {};
        class CIMBus_ProviderUnresponsiveEvent : CIMBus_ProviderEvent {};
        class __TimerEvent : __Event { string TimerId; uint32 NumFirings; };
        class __AggregateEvent : __IndicationRelated { object Representative; uint32 NumberOfEvents; };
        [abstract] class __EventGenerator : __IndicationRelated {};
        [abstract] class __TimerInstruction : __EventGenerator { [key] string TimerId; boolean SkipIfPassed = FALSE; };
        class __IntervalTimerInstruction : __TimerInstruction { uint32 IntervalBetweenEvents; };
        class __AbsoluteTimerInstruction : __TimerInstruction { datetime EventDateTime; };
        class __EventFilter : __IndicationRelated
        {
            [key] string Name;
            string Query;
            string QueryLanguage = "WQL";
            string EventNamespace;
            string EventAccess;
            uint8 CreatorSID[];
        };
        [abstract] class __EventConsumer : __IndicationRelated
        {
            string MachineName;
            uint32 MaximumQueueSize;
            uint8 CreatorSID[];
        };
        class __FilterToConsumerBinding : __IndicationRelated
        {
            [key] __EventConsumer ref Consumer;
            [key] __EventFilter ref Filter;
            uint32 DeliveryQoS;
            boolean DeliverSynchronously = FALSE;
            boolean MaintainSecurityContext = FALSE;
            boolean SlowDownProviders = FALSE;
            uint8 CreatorSID[];
        };
        """

    /// What only `root` has: when idle providers are unloaded, and what their hosts may use (Semantics D.6, D.7).
    static let rootMOF = """
        [abstract] class __CacheControl : __SystemClass
        {
            [SubType("interval")] datetime ClearAfter = "00000000000500.000000:000";
        };
        [singleton] class __ObjectProviderCacheControl : __CacheControl {};
        [singleton] class __EventProviderCacheControl : __CacheControl {};
        [singleton] class __EventConsumerProviderCacheControl : __CacheControl {};
        [singleton] class __EventSinkCacheControl : __CacheControl {};
        [singleton] class __PropertyProviderCacheControl : __CacheControl {};
        [singleton] class __ProviderHostQuotaConfiguration : __SystemClass
        {
            uint32 HandlesPerHost = 4096;
            uint64 MemoryPerHost = 536870912;
            uint64 MemoryAllHosts = 1073741824;
            uint32 ThreadsPerHost = 256;
            uint32 ProcessLimitAllHosts = 32;
        };
        [Description("CIMBus: the process that last served a registration, so that a new broker can wait for it.")]
        class CIMBus_ProviderProcess
        {
            [key] string Namespace;
            [key] string Name;
            [key] string User;
            uint32 ProcessID;
            uint64 StartTime;
        };
        [Description("CIMBus: a timer that fires once, and has fired.")]
        class CIMBus_TimerFiring
        {
            [key] string Namespace;
            [key] string TimerId;
            sint64 Moment;
        };
        [dynamic, provider("Msft_ProviderSubSystem"), Description("CIMBus: a filter, a consumer and their binding, and what became of them.")]
        class CIMBus_PermanentSubscription
        {
            [key] string Binding;
            string Filter;
            string Query;
            string EventNamespace;
            string Consumer;
            [Description("active, or inactive because of Status and Explanation")]
            string State;
            uint32 Status;
            string Explanation;
            uint64 Delivered;
            uint64 Lost;
            uint64 Failures;
            string LastFailure;
            uint32 CreatorUserID;
        };
        """

    /// The consumers of permanent subscriptions that the broker has itself (Semantics J.4): in `root`, and in `root/subscription`.
    static let consumersMOF = """
        class LogFileEventConsumer : __EventConsumer
        {
            [key] string Name;
            string Filename;
            string Text;
            uint64 MaximumFileSize = 65535;
            boolean IsUnicode;
        };
        class CIMBus_JournalEventConsumer : __EventConsumer
        {
            [key] string Name;
            string Text;
            string Identifier = "cimbusd";
            uint8 Priority = 5;
        };
        class CIMBus_SignalEventConsumer : __EventConsumer
        {
            [key] string Name;
            string Destination;
            string Path = "/org/cimbus1";
            string Interface = "org.cimbus1.EventSignal";
            string Member = "Event";
        };
        class CIMBus_UnitEventConsumer : __EventConsumer
        {
            [key] string Name;
            string Unit;
            string Mode = "fail";
        };
        """

    /// The singletons that a new repository holds, with their classes' defaults.
    static let rootInstances = [
        "__ObjectProviderCacheControl", "__EventProviderCacheControl", "__EventConsumerProviderCacheControl", "__EventSinkCacheControl",
        "__PropertyProviderCacheControl", "__ProviderHostQuotaConfiguration",
    ]
}

extension SystemClasses {
    /// What the broker says about its providers (Semantics D.8). Of the properties that the page names, those are keys that tell one registration
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
