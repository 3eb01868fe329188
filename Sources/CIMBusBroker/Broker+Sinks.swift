import CIM
import CIMBusCore
import CIMBusWire
import DBus

/// The service sinks: what providers send (`org.cimbus1.ObjectSink`, `org.cimbus1.SinkReference`).
extension Broker {
    nonisolated func objectSinkInterface() -> ExportedInterface {
        ExportedInterface(
            Interfaces.objectSink,
            methods: ["Indicate": method { $0.indicate($1) }, "SetStatus": method { $0.setStatus($1) }],
            argumentReader: LooseArguments.reader)
    }

    nonisolated func sinkReferenceInterface() -> ExportedInterface {
        ExportedInterface(
            Interfaces.sinkReference,
            methods: [
                "AddRef": method { broker, call in broker.count(call) { $0.addRef($1, by: $2) } },
                "Release": method { broker, call in broker.count(call) { $0.release($1, by: $2) } },
                "Transfer": method { $0.transfer($1) },
            ],
            properties: [
                "Owners": sinkProperty { broker, leg in
                    .array(
                        element: Signature(verified: "{su}"),
                        leg.ledger.owners.map {
                            .dictEntry(.string(broker.peers.name(of: $0.peer)?.text ?? ""), .uint32(UInt32(clamping: $0.references)))
                        })
                },
                "Operation": sinkProperty { _, leg in .objectPath(Contract.path(ofOperation: leg.operation.number)) },
            ], argumentReader: LooseArguments.reader)
    }

    private nonisolated func sinkProperty(_ body: @escaping @Sendable (isolated Broker, Entry<Leg>) -> DBusValue) -> PropertyImplementation
    {
        PropertyImplementation(get: { [weak self] access throws(DBusError) in
            let value: DBusValue? = self?.assumeIsolated { broker in
                guard let number = Contract.number(in: access.path.text, below: Contract.sinksPath),
                    let leg = broker.core.legs[SinkID(number)], let peer = broker.peers.id(of: access.sender),
                    broker.uid(of: peer) == 0 || leg.ledger.isHeld(by: peer)
                else { return nil }
                return body(broker, leg)
            }
            guard let value else { throw DBusError(.unknownObject, "no sink of yours is open at \(access.path)") }
            return value
        })
    }

    private func sink(of call: MethodCall) -> (sink: SinkID, peer: PeerID)? {
        guard let number = Contract.number(in: call.path.text, below: Contract.sinksPath), let peer = peer(of: call) else { return nil }
        return (SinkID(number), peer)
    }

    // MARK: - Indicate

    /// - Parameter isPacked: whether the objects are packed rows.
    func indicate(_ call: MethodCall, isPacked: Bool = false) {
        guard let (sink, peer) = sink(of: call) else { return }
        if let refused = tell({ $0.checkUse(of: sink, by: peer) }) { return refuse(call, refused) }
        guard let leg = core.legs[sink], let record = records[leg.operation] else { return }
        switch check(call.reader, of: leg.operation, record, call.message, isPacked: isPacked) {
        case .success(let objects):
            let token = call.needsReply ? calls.keep(call) : nil
            tell { $0.indicate(sink, by: peer, payloads.keep(objects), call: token) }
        case .failure(let fault):
            guard call.needsReply else {
                // Nobody would learn that the objects are lost: that it wants no reply ends the leg.
                return tell { $0.indicate(sink, by: peer, Batch(payloads.newID(), sizes: []), call: nil) }
            }
            call.fail(fault, "Indicate")
            // Over a size limit, or without memory, nothing changes; what does not fit its class ends the leg.
            if fault.changesNothing { return }
            tell { $0.misfit(sink, by: peer, fault.description, fault.reason) }
        }
    }

    /// The answer that is the provider's credit.
    func creditIndicate(_ id: CallID, _ status: WBEMStatus) {
        if isPageTaken(id, status) { return }
        guard let call = calls.take(id) else { return }
        if status.isSuccess { call.reply() } else { refuse(call, status) }
    }

    private func refuse(_ call: MethodCall, _ status: WBEMStatus) {
        let sink = call.path
        switch status {
        case .callCancelled: call.fail(CIMError(status, "\(call.member): the operation of \(sink) has ended; stop, nobody waits for it"))
        case .accessDenied: call.fail(CIMError(status, "\(call.member): you hold no reference to \(sink)"))
        case .unexpected: call.fail(CIMError(status, "\(call.member): \(sink) has its final status already"))
        case .invalidOperation: call.fail(CIMError(status, "\(call.member): your references to \(sink) are all given back"))
        default: call.fail(CIMError(status, "\(call.member) on \(sink): \(status.meaning)"))
        }
    }

    // MARK: - SetStatus

    private func setStatus(_ call: MethodCall) {
        guard let (sink, peer) = sink(of: call) else { return }
        if let refused = tell({ $0.checkUse(of: sink, by: peer) }) { return refuse(call, refused) }
        guard call.message.bodySize <= Contract.largestStatus else {
            call.fail(CIMError(.quotaViolation, "SetStatus: \(call.message.bodySize) bytes; 64 KiB are the most"))
            return
        }
        var reader = call.reader
        guard let flags = try? reader.readInt32(), let hresult = try? reader.readUInt32(), let parameter = try? reader.readString() else {
            return
        }
        let status: Status
        switch flags {
        case StatusType.complete:
            status = .complete(Outcome(WBEMStatus(rawValue: hresult), parameter: parameter, object: statusObject(&reader)))
        case StatusType.progress:
            let progress = core.legs[sink].flatMap { records[$0.operation]?.step }.map { Self.progress(hresult, of: $0) } ?? hresult
            status = .progress(Progress(hresult: progress, text: parameter, object: statusObject(&reader)))
        case StatusType.requirements:
            if let leg = core.legs[sink] { records[leg.operation]?.filter?.require(hresult) }
            status = .remark
        case let flags where flags & ~StatusType.logging == 0:
            log(.info, .word, of: uid(of: peer), "provider \(call.sender ?? "") on \(call.path): \(parameter.clipped(1024))")
            status = .remark
        default:
            call.fail(CIMError(.invalidParameter, "SetStatus: flags \(flags) are not a WBEM_STATUS_TYPE"))
            return
        }
        tell {
            $0.setStatus(sink, by: peer, status)
        } answering: { refused in
            if let refused {
                forget(status)
                refuse(call, refused)
            } else {
                call.reply()
            }
        }
    }

    /// How far the whole is when one of the parts that follow each other is so far; 16 bits each, the total above (Semantics B.3).
    static func progress(_ hresult: UInt32, of step: (index: Int, count: Int)) -> UInt32 {
        let (total, current) = (Int(hresult >> 16), Int(hresult & 0xFFFF))
        let (all, done) = (total * step.count, total * step.index + min(current, total))
        return all <= 0xFFFF ? UInt32(all << 16 | done) : 0xFFFF << 16 | UInt32(done * 0xFFFF / all)
    }

    /// The object of a status, if it is one: it is the provider's own, and no class binds it. An empty one is NULL.
    private func statusObject(_ reader: inout BodyReader) -> PayloadID? {
        do {
            let object = try reader.readInstance()
            if object.className.isEmpty && object.properties.isEmpty { return nil }
            return payloads.keep(object)
        } catch {
            logger.info("a status object is dropped: \(error)")
            return nil
        }
    }

    private func forget(_ status: Status) {
        switch status {
        case .complete(let outcome): payloads.discard(outcome.object)
        case .progress(let progress): payloads.discard(progress.object)
        case .remark: break
        }
    }

    // MARK: - References

    private func count(_ call: MethodCall, _ change: (inout BrokerCore, SinkID, PeerID) -> Result<Int, WBEMStatus>) {
        guard let (sink, peer) = sink(of: call) else { return }
        tell {
            change(&$0, sink, peer)
        } answering: { result in
            switch result {
            case .success(let count):
                call.reply(signature: Self.countSignature) { (body) throws(DBusError) in body.append(uint32: UInt32(clamping: count)) }
            case .failure(let status): refuse(call, status)
            }
        }
    }

    private static let countSignature = Signature(verified: "u")

    /// The new owner must exist and be of the same user, which the bus knows; until then the caller's reference stays (L3).
    private func transfer(_ call: MethodCall) {
        var reader = call.reader
        guard let (sink, peer) = sink(of: call), let name = try? reader.readString() else { return }
        identify(name == connection.uniqueName.text ? "" : name) { broker, other in
            guard let other else {
                call.fail(
                    CIMError(.notFound, "Transfer: \(name.clipped()) is no other process on the bus; give the unique name of one"))
                return
            }
            broker.tell {
                $0.transfer(sink, from: peer, to: other)
            } answering: { result in
                switch result {
                case .success:
                    broker.watchProcess(of: other)
                    call.reply()
                case .failure(let status): broker.refuse(call, status)
                }
            }
        }
    }
}
