import CIMBusClient
import CIMJSON

extension VarlinkService {
    /// systemd's interface for what can be counted: each sample is a reply, or each family.
    func metrics(_ call: VarlinkCall, _ channel: ReplyChannel) async throws {
        guard ["List", "Describe"].contains(call.method) else { throw VarlinkError.methodNotFound(call.method) }
        guard call.wantsMore else { throw VarlinkError.expectedMore }
        let (session, number) = try await broker.session(for: .cimv2)
        let text: String
        do {
            text = try await session.broker.metrics()
        } catch {
            if error.status == .fatalTransportError { await broker.drop(number) }
            throw error
        }
        let families = MetricFamilies(text).families
        let replies =
            call.method == "Describe"
            ? families.map(Self.description) : families.flatMap { family in family.samples.map { Self.sample(family, $0) } }
        guard !replies.isEmpty else { throw VarlinkError.noSuchMetric }
        try await channel.reply(
            replies.enumerated().map { position, fields in
                var text = ""
                JSONText.append(.object(fields), to: &text)
                return .parameters(text, continues: position + 1 < replies.count)
            })
    }

    /// systemd wants the name of the service in front.
    private static func name(_ family: MetricFamilies.Family) -> JSONValue.Field {
        .init(name: "name", value: .string("\(VarlinkInterface.cim).\(family.name)"))
    }

    private static func description(_ family: MetricFamilies.Family) -> [JSONValue.Field] {
        [
            name(family), .init(name: "description", value: .string(family.description)),
            .init(name: "type", value: .string(family.kind.rawValue)),
        ]
    }

    private static func sample(_ family: MetricFamilies.Family, _ sample: MetricFamilies.Sample) -> [JSONValue.Field] {
        let labels = sample.labels.map { JSONValue.Field(name: $0.name, value: .string($0.value)) }
        return [name(family), .init(name: "value", value: .word(sample.value))]
            + (labels.isEmpty ? [] : [.init(name: "fields", value: .object(labels))])
    }
}
