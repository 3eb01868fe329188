/// The interfaces that are served, as `GetInterfaceDescription` describes them.
enum VarlinkInterface {
    static let service = "org.varlink.service"
    static let cim = "io.cimbus.CIM"

    static let metrics = "io.systemd.Metrics"

    static let descriptions = [service: serviceText, cim: cimText, metrics: metricsText]

    private static let serviceText = """
        # Every varlink service has this interface.
        interface org.varlink.service

        # Who serves, and what.
        method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)

        # The description of an interface.
        method GetInterfaceDescription(interface: string) -> (description: string)

        error InterfaceNotFound (interface: string)
        error MethodNotFound (method: string)
        error MethodNotImplemented (method: string)
        error InvalidParameter (parameter: string)
        error PermissionDenied ()
        error ExpectedMore ()

        """

    private static let metricsText = """
        # What the broker counts, by the interface that systemd 260 has for that. Both methods have to be called with more.
        interface io.systemd.Metrics

        type MetricFamilyType (counter, gauge, string)

        # Each metric: its family's name, a number, and what tells it from others of the family.
        method List() -> (name: string, value: any, object: ?string, fields: ?object)

        # Each family of metrics.
        method Describe() -> (name: string, description: string, type: MetricFamilyType)

        error NoSuchMetric ()

        """

    private static let cimText = """
        # The CIM objects of a CIMBus broker. In an instance __CLASS is its class and __PATH its path, and what is NULL is left out. Numbers are
        # exact, whatever their width; a datetime is text in CIM's form, a reference is a path. Everywhere the namespace is root/cimv2, unless one
        # is given. The timeout is in seconds, 60 unless one is given, and at most 600.
        interface io.cimbus.CIM

        # A type is one of CIM's, as uint32, string[], ref:CIM_Process or object:Site_Place.
        type Property (name: string, type: string, key: bool)
        type Parameter (name: string, type: string, in: bool, out: bool)
        type Method (name: string, returns: ?string, parameters: []Parameter)

        # One instance, with all of its properties or with those that are named.
        method Get(path: string, properties: ?[]string, namespace: ?string, timeout: ?float) -> (instance: object)

        # What a query in WQL selects, an instance in each reply. The last reply has none. It has to be called with more.
        method Query(query: string, namespace: ?string, timeout: ?float) -> (instance: ?object)

        # Runs a method of an instance, or a static one of a class. The outputs are its out parameters, and ReturnValue.
        method Invoke(path: string, method: string, parameters: ?object, namespace: ?string, timeout: ?float) -> (outputs: object)

        # What a class declares, with what it inherits; mof is its own declaration alone.
        method Describe(class: string, namespace: ?string, timeout: ?float) -> (
            name: string,
            derivation: []string,
            properties: []Property,
            methods: []Method,
            mof: string
        )

        # The broker or a provider refused, or failed: the number and the name of WMI's status, the reason, and the provider at fault.
        error Failed (status: int, name: string, text: string, provider: ?string)

        # What came was no call. The connection ends.
        error Malformed (text: string)

        # There are as many connections as may be. The connection ends.
        error Busy ()

        """
}
