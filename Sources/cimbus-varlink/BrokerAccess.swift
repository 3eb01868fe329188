import CIMBusClient

/// The connection to the broker, which is made when a call needs it, and again when it was lost.
actor BrokerAccess {
    private let address: BusAddress
    private var open: (session: Session, number: Int)?
    private var last = 0

    init(_ address: BusAddress) { self.address = address }

    /// - Returns: also the number of the connection, for ``drop(_:)``.
    func session(for namespace: CIMNamespaceName) async throws(CIMError) -> (session: Session, number: Int) {
        if let open { return (open.session.session(for: namespace), open.number) }
        let session = try await Session.connect(to: address)
        // Another call may have been faster.
        if let open {
            await session.close()
            return (open.session.session(for: namespace), open.number)
        }
        last += 1
        open = (session, last)
        return (session.session(for: namespace), last)
    }

    /// The connection serves no more. One that was made since does.
    func drop(_ number: Int) async {
        guard let lost = open, lost.number == number else { return }
        open = nil
        await lost.session.close()
    }
}
