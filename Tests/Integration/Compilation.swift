import CIM
import CIMBusWire
import CIMMOF
import DBus
import Testing
import WireTestKit

/// What `CompileBuffer` answers.
struct Compilation: Sendable {
    /// 0 when it succeeded; 2: the text is not MOF; 3: it cannot be stored.
    var phase: Int32
    var status: WBEMStatus
    /// The number of the declaration, from 1.
    var object: Int32
    var lines: ClosedRange<Int32>
    var message: String
}

extension RawClient {
    func compile(
        _ mof: String, in namespace: String = "", options: Int32 = 0, classFlags: Int32 = 0, instanceFlags: Int32 = 0,
        timeout: Duration = .seconds(30)
    ) async throws -> Compilation {
        let values = try await call(
            Contract.rootPath, Contract.mofCompiler, "CompileBuffer",
            [.string(mof), .string(namespace), .int32(options), .int32(classFlags), .int32(instanceFlags)], timeout: timeout)
        guard values.count == 6, let first: Int32 = values[3].integer(), let last: Int32 = values[4].integer(), first <= last else {
            throw ProcessError(description: "CompileBuffer answered with \(values)")
        }
        return Compilation(
            phase: values[0].integer() ?? -1, status: WBEMStatus(rawValue: values[1].integer() ?? .max), object: values[2].integer() ?? -1,
            lines: first...last, message: values[5].text ?? "")
    }

    /// Compiles what must compile.
    func mustCompile(_ mof: String, in namespace: String = "", location: SourceLocation = #_sourceLocation) async throws {
        let result = try await compile(mof, in: namespace)
        #expect(result.phase == 0 && result.status == .noError, "\(result.message)", sourceLocation: location)
    }

    /// The class as a client gets it.
    func declaration(_ name: String, namespace: ObjectPath = RawClient.cimv2) async throws -> CIMClass {
        let result = try await run(.get(name), namespace: namespace)
        guard let object = result.objects.first else { throw CIMError(result.status, result.message) }
        return try CIMClass(wire: object)
    }
}

extension CIMClass {
    init(wire: [String: DBusValue]) throws {
        var writer = BodyWriter()
        writer.append(.dictionary(wire.map { ($0.key, $0.value) }))
        var reader = try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
        self = try reader.readClass()
    }

    /// The one class of a text, with its local features.
    static func parsed(_ mof: String) throws -> CIMClass {
        try #require(try MOFParser.parse(mof).classes.first)
    }

    /// As a client sends it.
    var wire: DBusValue {
        get throws {
            var writer = BodyWriter()
            writer.append(class: self, namespace: .cimv2, server: "")
            var reader = try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
            return try reader.readValue(Signature(verified: "a{sv}"))
        }
    }
}

extension RawOperation {
    /// PutClass of the one class of a text.
    static func putClass(mof: String) throws -> RawOperation { .putClass(try CIMClass.parsed(mof).wire) }
}

extension OperationResult {
    /// The values of one property, sorted: an enumeration has no order.
    func names(_ property: String = "Name") -> [String] { objects.compactMap { $0[property]?.text }.sorted() }
}
