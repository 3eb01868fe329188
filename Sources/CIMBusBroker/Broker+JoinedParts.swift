import CIM
import CIMBusCore
import CIMBusWire

/// Operations whose parts the core joins (``Join``): the broker prepares what each part is asked for, keeps the bytes that parts hand out, and
/// says how each ended in the words of the whole. Whom to ask, and how the whole ends, it does not decide, and nothing here waits.
extension Broker {
    /// The join of what an operation does; nil: the broker conducts it by itself.
    func join(_ work: Work, of id: OperationID) -> Join? {
        switch work {
        case .put(_, let hierarchy): return .put(PutJoin(count: hierarchy.served.count))
        case .delete(let path, let hierarchy):
            let mayWrite = records[id].map { core.rights.mayWrite(uid: $0.userID) } ?? false
            return .delete(
                DeleteJoin(
                    decides: hierarchy.served.filter(\.isConcrete).map(\.isTopmost),
                    stored: hierarchy.stored.isEmpty ? .no : mayWrite ? .yes : .lastResort,
                    otherwise: .stated(.notFound, "no provider of \(path.className) could delete it")))
        case .get(let path, let hierarchy): return .get(Self.lines(of: path, hierarchy, concludes: true).join)
        case .invoke(let path, let hierarchy): return .get(candidates(for: path, hierarchy, of: id))
        default: return nil
        }
    }

    // MARK: - Asking

    /// The core wants a part asked.
    func ask(_ whole: OperationID, _ index: Int) {
        do throws(CIMError) {
            guard let record = records[whole], let work = record.work else { throw Self.isOver(whole) }
            switch work {
            case .put(let instance, let hierarchy): try askToPut(instance, hierarchy, index, of: whole)
            case .delete(let path, let hierarchy): try askToDelete(path, hierarchy, index, of: whole)
            case .get(let path, let hierarchy): try askToGet(path, hierarchy, index, of: whole)
            case .invoke(let path, let hierarchy): try askToInvoke(path, hierarchy, index, of: whole)
            default: throw CIMError(.failed, "operation \(whole.number) has no parts")
            }
        } catch {
            failed(index, of: whole, error)
        }
    }

    /// Does a part of the broker's own, which takes its time, on the loop.
    func doPart(
        _ index: Int, of whole: OperationID, _ body: @escaping @Sendable (isolated Broker) async throws(CIMError) -> Void
    ) {
        Task(executorPreference: loop) { [self] in await self.finishPart(index, of: whole, body) }
    }

    private func finishPart(
        _ index: Int, of whole: OperationID, _ body: @Sendable (isolated Broker) async throws(CIMError) -> Void
    ) async {
        do throws(CIMError) {
            try await body(self)
            succeeded(index, of: whole)
        } catch {
            failed(index, of: whole, error)
        }
    }

    // MARK: - What parts hand out

    /// Objects of a part: the client's, or kept until the others have said what they know.
    func took(_ objects: CheckedObjects, from part: OperationID, _ index: Int, of whole: OperationID) {
        switch records[whole]?.work {
        case .get:
            records[whole]?.gathered.append(objects)
            tell { $0.consumed(part) }
        case .invoke(_, let hierarchy) where index < Self.candidates(hierarchy).count:
            records[whole]?.realClass = objects.firstClassName
            tell { $0.consumed(part) }
        default: pass(objects, to: whole, from: part)
        }
    }

    /// Objects for the client of a whole, or for its own whole; those of a part hold that part up until they are on their way.
    func pass(_ objects: CheckedObjects, to whole: OperationID, from part: OperationID? = nil) {
        let batch = payloads.keep(objects)
        tell { $0.supply(whole, batch, from: part) }
    }

    // MARK: - How parts end

    /// A provider's part has ended.
    func partEnded(_ index: Int, of whole: OperationID, _ outcome: Outcome, _ own: CIMInstance?, _ parameter: String, _ error: CIMError?) {
        if let error { return failed(index, of: whole, error) }
        let object = own.map { payloads.keep($0) }
        do throws(CIMError) {
            var parameter = parameter
            if case .put(let instance, let hierarchy) = records[whole]?.work {
                parameter = try agreedPath(parameter, instance, hierarchy, index, of: whole)
            }
            let outcome = Outcome(outcome.status, parameter: parameter, object: object)
            tell { $0.partEnded(whole, index, outcome) }
        } catch {
            payloads.discard(object)
            failed(index, of: whole, error)
        }
    }

    /// A part has done what was asked, and has nothing to say.
    func succeeded(_ index: Int, of whole: OperationID) { tell { $0.partEnded(whole, index, Outcome(.noError)) } }

    func failed(_ index: Int, of whole: OperationID, _ error: CIMError) {
        var error = error
        // Of a put the failure says which class's provider it was (R65).
        if case .put(_, let hierarchy) = records[whole]?.work { error = Self.named(error, hierarchy.served[index].layout.className) }
        let outcome: Outcome =
            error.extendedStatus == nil ? .stated(error.status, error.message) : Outcome(error.status, object: keepStatus(error))
        tell { $0.partEnded(whole, index, outcome) }
    }
}
