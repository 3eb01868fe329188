/// What a method gives back: its return value and its out parameters (Semantics C.5, R110). A provider makes one, and a client gets it.
public struct MethodResult: Hashable, Sendable {
    /// The method's own value (R112); nil for a method without one.
    public var returnValue: CIMValue?
    /// The out parameters by name, in order (R113): an object of class `__PARAMETERS`.
    public var parameters: CIMInstance

    /// - Parameter parameters: the out parameters by name.
    public init(returnValue: CIMValue? = nil, _ parameters: KeyValuePairs<String, CIMValue> = [:]) {
        self.returnValue = returnValue
        self.parameters = CIMInstance(className: "__PARAMETERS", parameters)
    }

    /// From an object of class `__PARAMETERS`, in which the return value has the name `ReturnValue`.
    public init(_ object: CIMInstance) {
        var object = object
        returnValue = object["ReturnValue"]
        object["ReturnValue"] = nil
        parameters = object
    }

    /// An out parameter, in any case; nil when absent.
    public subscript(name: String) -> CIMValue? {
        get { parameters[name] }
        set { parameters[name] = newValue }
    }

    /// The `__PARAMETERS` object with all of it; nil when there is nothing to say (R104).
    public var object: CIMInstance? {
        if returnValue == nil, parameters.properties.isEmpty { return nil }
        var object = parameters
        if let returnValue { object["ReturnValue"] = returnValue }
        return object
    }
}
