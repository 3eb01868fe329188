import CIM
import CIMAdoption
import DBus

extension Operation {
    /// A row whose object is being asked.
    private struct AskedRow {
        var row: ObjectRow
        let fetches: [ReadPlan.Fetch]
        /// The rights to keep the answers.
        let tickets: [PropertyCache.Ticket?]
        var unanswered: Int
        var isThere = true
    }

    /// Asks for what the rows do not say, for many at once, and hands the objects over as the answers come.
    /// - Parameter isRead: whether the rows have all properties already.
    func run(_ plan: ReadPlan, rows: ObjectRows, isRead: Bool = false, _ receiver: ObjectReceiver) async throws {
        let fetches = isRead ? plan.fetches.filter { if case .call = $0 { true } else { false } } : plan.fetches
        var count = 0
        do {
            try await ask(rows, fetches, plan) { row in
                for instance in instances(row, plan) {
                    if let takeRow = receiver.takeRow { try await takeRow(row, instance) } else { try await receiver.take(instance) }
                    count += 1
                }
            }
        } catch let error as ServiceEnd {
            throw ServiceFailure.error(
                error.cause, adopted.context, "read \(adopted.name), after \(count) objects", hasAnswered: target.owner != nil)
        }
    }

    /// Asks for what the rows do not say, and hands each over when all of it is answered.
    private func ask(
        _ rows: ObjectRows, _ fetches: [ReadPlan.Fetch], _ plan: ReadPlan, _ hand: (ObjectRow) async throws -> Void
    ) async throws {
        var rows = rows
        let filter = RowFilter(request.query, plan)
        let calls = CallsUnderWay(reader.services)
        var asked: [Int: AskedRow] = [:]
        var lastNumber = 0
        var looked = 0
        var isEnd = false
        while true {
            var begun: [AskedCall] = []
            while !isEnd, asked.count < ServiceConnections.callsInFlight {
                guard let row = try next(&rows) else {
                    isEnd = true
                    break
                }
                // However many there are of which nothing is asked, the loop goes on meanwhile.
                looked += 1
                if looked.isMultiple(of: Self.rowsAtATime) { await Task.yield() }
                if !filter.accepts(row, reader.builder, adopted.context.conditions) { continue }
                lastNumber += 1
                let (next, questions) = await begin(row, fetches, plan, number: lastNumber)
                if next.unanswered == 0 { try await hand(next.row) } else { asked[lastNumber] = next }
                begun += questions
            }
            calls.begin(begun)
            if asked.isEmpty { return }
            for answer in try await answers(of: calls) {
                let (number, place) = answer.number.quotientAndRemainder(dividingBy: Self.mostFetches)
                guard var next = asked.removeValue(forKey: number) else { continue }
                let said = try self.answer(answer.result, next.tickets[place])
                if !take(said, next.fetches[place], plan, &next.row) { next.isThere = false }
                next.unanswered -= 1
                if next.unanswered > 0 { asked[number] = next } else if next.isThere { try await hand(next.row) }
            }
        }
    }

    private func answers(of calls: CallsUnderWay) async throws -> [CallsUnderWay.Answer] {
        do throws(DBusError) { return try await calls.answers() } catch { throw ServiceEnd(cause: error) }
    }

    /// So many rows are looked at without a look at anything else.
    private static let rowsAtATime = 256

    /// More than any class has.
    private static let mostFetches = 1 << 16

    /// Takes into the row what is kept, and says what is left to ask.
    private func begin(
        _ row: ObjectRow, _ all: [ReadPlan.Fetch], _ plan: ReadPlan, number: Int
    ) async -> (AskedRow, [AskedCall]) {
        var row = row
        let fetches = recall(all, plan, &row)
        var tickets: [PropertyCache.Ticket?] = []
        var questions: [AskedCall] = []
        for (place, fetch) in fetches.enumerated() {
            tickets.append(await ticket(fetch, row))
            guard place < Self.mostFetches, let call = call(for: fetch, row) else { continue }
            questions.append(AskedCall(number: number * Self.mostFetches + place, call: call))
        }
        return (AskedRow(row: row, fetches: fetches, tickets: tickets, unanswered: questions.count), questions)
    }

    /// The objects that a row makes.
    private func instances(_ read: ObjectRow, _ plan: ReadPlan) -> [CIMInstance] {
        guard !adopted.context.each.isEmpty else { return instance(read, plan).map { [$0] } ?? [] }
        return expand(read).compactMap { instance($0, plan) }
    }

    private func instance(_ row: ObjectRow, _ plan: ReadPlan) -> CIMInstance? {
        guard var instance = reader.builder.instance(row, plan), RowConditions.hold(adopted.context.conditions, instance) else {
            return nil
        }
        if let query = request.query { RowBounds.adjust(&instance, to: query, reader.classes) }
        return instance
    }

    private func next(_ rows: inout ObjectRows) throws -> ObjectRow? {
        do throws(DBusDecodingError) { return try rows.next() } catch {
            throw CIMError(.providerFailure, "service \(adopted.context.service) sent what cannot be read: \(error)")
        }
    }

    /// One row for each element of the properties of the clause `each`.
    private func expand(_ row: ObjectRow) -> [ObjectRow] {
        var rows: [ObjectRow] = []
        for place in adopted.context.each.map(\.property) {
            guard let value = row.properties[place] else { continue }
            for element in value.elements ?? [value] {
                var copy = row
                copy.element = element.unwrapped
                copy.member = place.name
                rows.append(copy)
            }
        }
        return rows
    }

    /// The service is gone or silent.
    struct ServiceEnd: Error {
        var cause: DBusError
    }
}
