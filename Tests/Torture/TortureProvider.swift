import CIM
import CIMBusProvider
import DBus
import Logging

/// A provider with the library, in a process of its own. It behaves: what goes wrong is done to it.
struct TortureProvider: InstanceProvider, MethodProvider {
    /// How many instances its class has, numbered from 0.
    static let count = 200

    let className: String

    static func className(of name: String) -> String { "Torture_\(name)" }

    static func main(address: String, name: String) async throws {
        let className = className(of: name)
        var options = ProviderService.Options()
        options.onRegistered = { say("registered \(name)") }
        let mof = """
            [dynamic, provider("\(name)")]
            class \(className)
            {
                [key, read] string Name;
                [read] uint32 Number;
                [read] string Text;
                [Implemented, Static] uint32 Echo([in, ID(0)] string Word, [out, ID(1)] string Result);
            };
            """
        let service = ProviderService(
            name: name, mof: mof, classes: [className: TortureProvider(className: className)], bus: .address(address), options: options,
            logger: Logger(label: name) { _ in SwiftLogNoOpLogHandler() })
        try await service.run()
    }

    private func instance(_ number: Int) -> CIMInstance {
        CIMInstance(
            className: className,
            [
                "Name": .string("n\(number)"), "Number": .uint32(UInt32(number)),
                "Text": .string(String(repeating: "x", count: number % 7 * 100)),
            ])
    }

    func enumerateInstances(of className: String, context: RequestContext, into sink: ObjectSink) async throws {
        for number in 0..<Self.count {
            try await sink.indicate(instance(number))
            if number % 40 == 39 { try await Task.sleep(for: .milliseconds(1)) }
        }
    }

    func getInstance(at path: CIMObjectPath, context: RequestContext) async throws -> CIMInstance {
        guard case .string(let name)? = path[key: "Name"], let number = Int(name.dropFirst()), (0..<Self.count).contains(number) else {
            throw CIMError(.notFound, "\(path)")
        }
        return instance(number)
    }

    func invoke(
        _ method: String, at path: CIMObjectPath, parameters: CIMInstance, context: RequestContext
    ) async throws -> MethodResult {
        MethodResult(returnValue: .uint32(0), ["Result": .string(parameters["Word"]?.stringValue ?? "")])
    }
}
