import CIMBusClient
import CIMBusWire
import CIMJSON

/// The fault of the peer: what it sent is no call.
struct MalformedCall: Error, CustomStringConvertible {
    let description: String
}

/// A call, as it comes.
struct VarlinkCall: Sendable {
    var interface: String
    var method: String
    var arguments: CallArguments
    var wantsMore = false
    var isOneway = false

    init(_ bytes: [UInt8]) throws(MalformedCall) {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw MalformedCall(description: "a call is JSON in UTF-8") }
        let value: JSONValue
        do throws(JSONReader.Failure) {
            value = try JSONReader.read(text, isStrict: true)
        } catch {
            throw MalformedCall(description: "a call is JSON: \(error)")
        }
        guard case .object(let fields) = value else { throw MalformedCall(description: "a call is an object of JSON") }
        var parameters: [JSONValue.Field] = []
        var name: String?
        for field in fields {
            switch (field.name, field.value) {
            case ("method", .string(let text)): name = text
            case ("parameters", .object(let given)): parameters = given
            case ("more", .word(let word)) where word == "true" || word == "false": wantsMore = word == "true"
            case ("oneway", .word(let word)) where word == "true" || word == "false": isOneway = word == "true"
            case ("upgrade", .word("true")): throw MalformedCall(description: "no method here upgrades a connection")
            case ("method", _), ("parameters", .word), ("parameters", .string), ("parameters", .array), ("more", _), ("oneway", _):
                throw MalformedCall(description: "\(field.name) has a value of another type")
            default: continue
            }
        }
        guard let name, let dot = name.lastIndex(of: ".") else {
            throw MalformedCall(description: "method is the name of one, with its interface")
        }
        interface = String(name[..<dot])
        method = String(name[name.index(after: dot)...])
        arguments = CallArguments(fields: parameters)
    }
}

/// The parameters of a call.
struct CallArguments: Sendable {
    static let defaultTimeout = 60.0
    static let longestTimeout = 600.0

    var fields: [JSONValue.Field]

    /// Nil: absent, or null.
    private func value(_ name: String) -> JSONValue? {
        guard let value = fields.first(where: { $0.name == name })?.value, value != .null else { return nil }
        return value
    }

    func text(_ name: String) throws(VarlinkError) -> String {
        guard let text = try optionalText(name) else { throw .invalidParameter(name) }
        return text
    }

    func optionalText(_ name: String) throws(VarlinkError) -> String? {
        guard let value = value(name) else { return nil }
        guard case .string(let text) = value, !text.utf8.contains(0) else { throw .invalidParameter(name) }
        return text
    }

    func optionalTexts(_ name: String) throws(VarlinkError) -> [String]? {
        guard let value = value(name) else { return nil }
        guard case .array(let elements) = value else { throw .invalidParameter(name) }
        var texts: [String] = []
        for element in elements {
            guard case .string(let text) = element, !text.utf8.contains(0) else { throw .invalidParameter(name) }
            texts.append(text)
        }
        return texts
    }

    func object(_ name: String) throws(VarlinkError) -> [JSONValue.Field] {
        guard let value = value(name) else { return [] }
        guard case .object(let fields) = value else { throw .invalidParameter(name) }
        return fields
    }

    func namespace() throws(VarlinkError) -> CIMNamespaceName {
        guard let text = try optionalText("namespace") else { return .cimv2 }
        guard let name = CIMNamespaceName(text) else { throw .invalidParameter("namespace") }
        return name
    }

    func timeout() throws(VarlinkError) -> Duration {
        guard let value = value("timeout") else { return .seconds(Self.defaultTimeout) }
        guard case .word(let word) = value, let seconds = Double(word), seconds > 0, seconds <= Self.longestTimeout else {
            throw .invalidParameter("timeout")
        }
        return .seconds(seconds)
    }
}

/// How a call fails.
enum VarlinkError: Error {
    case interfaceNotFound(String)
    case methodNotFound(String)
    case invalidParameter(String)
    case expectedMore
    case noSuchMetric
    case permissionDenied
    case busy
    case malformed(String)
    /// The broker's or the provider's.
    case failed(CIMError)

    var name: String {
        switch self {
        case .interfaceNotFound: "org.varlink.service.InterfaceNotFound"
        case .methodNotFound: "org.varlink.service.MethodNotFound"
        case .invalidParameter: "org.varlink.service.InvalidParameter"
        case .expectedMore: "org.varlink.service.ExpectedMore"
        case .noSuchMetric: "\(VarlinkInterface.metrics).NoSuchMetric"
        case .permissionDenied: "org.varlink.service.PermissionDenied"
        case .busy: "\(VarlinkInterface.cim).Busy"
        case .malformed: "\(VarlinkInterface.cim).Malformed"
        case .failed: "\(VarlinkInterface.cim).Failed"
        }
    }

    var parameters: [JSONValue.Field] {
        switch self {
        case .interfaceNotFound(let name): return [.init(name: "interface", value: .string(name))]
        case .methodNotFound(let name): return [.init(name: "method", value: .string(name))]
        case .invalidParameter(let name): return [.init(name: "parameter", value: .string(name))]
        case .expectedMore, .noSuchMetric, .permissionDenied, .busy: return []
        case .malformed(let text): return [.init(name: "text", value: .string(text))]
        case .failed(let error):
            var fields: [JSONValue.Field] = [
                .init(name: "status", value: .word(String(error.status.rawValue))),
                .init(name: "name", value: .string(error.status.errorName ?? error.status.name ?? "unnamed")),
                .init(name: "text", value: .string(error.message)),
            ]
            // "CIMBus" stands where no provider is involved (Semantics B.3.1).
            if let provider = error.providerName, !provider.isEmpty, provider != "CIMBus" {
                fields.append(.init(name: "provider", value: .string(provider)))
            }
            return fields
        }
    }
}

/// One answer to a call.
struct VarlinkReply: Sendable {
    /// As they are sent, with the byte 0 at the end.
    let bytes: [UInt8]

    /// - Parameter parameters: an object of JSON, as text.
    static func parameters(_ parameters: String, continues: Bool = false) -> VarlinkReply {
        VarlinkReply(bytes: Array("{\"parameters\":\(parameters)\(continues ? ",\"continues\":true" : "")}\0".utf8))
    }

    static func parameters(_ fields: [JSONValue.Field]) -> VarlinkReply {
        var text = ""
        JSONText.append(.object(fields), to: &text)
        return .parameters(text)
    }

    static func error(_ error: VarlinkError) -> VarlinkReply {
        var text = ""
        JSONText.append(
            .object([.init(name: "error", value: .string(error.name)), .init(name: "parameters", value: .object(error.parameters))]),
            to: &text)
        return VarlinkReply(bytes: Array((text + "\0").utf8))
    }
}
