import CIM
import DBus

/// What a broker's answers mean to whoever asked: a client, or a provider that asks others.
extension CIMError {
    /// A failed operation from its final status: whose fault it is, the status says. The words are those of the extended status, where there is one.
    package init(_ status: WBEMStatus, parameter: String = "", object: CIMInstance? = nil) {
        let extended = object.flatMap { $0.className.isEmpty && $0.properties.isEmpty ? nil : $0 }
        let words = extended?["Description"]?.stringValue ?? (parameter.isEmpty ? status.meaning : parameter)
        self.init(status, words, extendedStatus: extended)
    }

    /// The broker's fault: an answer that the contract does not know.
    package static func unexpected(_ reply: Message, to member: String) -> CIMError {
        CIMError(.transportFailure, "the broker answered \(member) with (\(reply.signature)); is it another version?")
    }

    /// The caller's fault: a namespace that is not there. The broker has an object for each namespace; nil when a call failed for another reason.
    package init?(missing namespace: CIMNamespaceName, _ error: DBusError?) {
        guard let error, error.code == .errorReply(.unknownObject) else { return nil }
        self = CIMError(.invalidNamespace, "the broker has no namespace \(namespace)", cause: error)
    }
}
