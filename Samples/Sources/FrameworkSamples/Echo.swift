import CIM
import CIMBusProvider

/// A method of a class: Echo gives back what it was given, and its length (Semantics K.4, R116).
public struct Echo: FrameworkProvider {
    public static let registration = "Echo"
    public static let className = "Sample_Echo"

    public static let mof = """
        [dynamic, provider("Echo")]
        class Sample_Echo
        {
            [key, read] string Name;
            [Implemented, Static, Description("Returns the number of characters.")]
            uint32 Echo([in, ID(0)] string sInArg, [out, ID(1)] string sOutArg);
        };
        """

    public init() {}

    public func execMethod(
        _ method: String, on instance: FrameworkInstance, input: CIMInstance, output: inout CIMInstance, flags: OperationFlags
    ) async throws {
        guard CIMName.equal(method, "Echo") else { throw CIMError(.methodNotImplemented, "there is no method \(method)") }
        try Self.echo(input, &output)
    }

    /// `output` is an instance of the method's out class; the broker looks that it stays one.
    static func echo(_ input: CIMInstance, _ output: inout CIMInstance) throws(CIMError) {
        guard let text = input["sInArg"]?.stringValue else { throw CIMError(.invalidMethodParameters, "sInArg is NULL") }
        output["sOutArg"] = .string(text)
        output["ReturnValue"] = .uint32(UInt32(clamping: text.utf16.count))
    }
}
