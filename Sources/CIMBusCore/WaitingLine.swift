/// What waits for its turn, in the order in which it came.
///
/// To join at the end, to leave from any place, to go to the end and to ask who is first cost the same however many wait.
struct WaitingLine<ID: Hashable & Sendable>: Sendable {
    /// Nil: the one that waited here has left. The place of the first is ``head``, and never nil.
    private var places: [ID?] = []
    private var head = 0
    private var placeOf: [ID: Int] = [:]
    /// What the line has cost beside one step for each that came and each that left: places that were passed over, and moves to other places.
    private(set) var moves = 0

    var isEmpty: Bool { placeOf.isEmpty }
    var count: Int { placeOf.count }

    var first: ID? { head < places.count ? places[head] : nil }

    /// The places it takes up, those of them that are empty included.
    var capacity: Int { places.count }

    func contains(_ id: ID) -> Bool { placeOf[id] != nil }

    /// All that wait, in their order.
    var inOrder: [ID] { places[head...].compactMap { $0 } }

    /// - Returns: false when it waits already; then it keeps its place.
    @discardableResult
    mutating func join(_ id: ID) -> Bool {
        guard placeOf[id] == nil else { return false }
        placeOf[id] = places.count
        places.append(id)
        return true
    }

    /// - Returns: false when it does not wait.
    @discardableResult
    mutating func leave(_ id: ID) -> Bool {
        guard let place = placeOf.removeValue(forKey: id) else { return false }
        places[place] = nil
        while head < places.count, places[head] == nil {
            head += 1
            moves += 1
        }
        if places.count > 2 * placeOf.count + 16 { closeUp() }
        return true
    }

    mutating func removeAll() { self = WaitingLine() }

    /// So many have left that those who wait can be moved together: each that left has paid for a move of one.
    private mutating func closeUp() {
        places = inOrder
        head = 0
        moves += places.count
        for (place, id) in places.enumerated() { if let id { placeOf[id] = place } }
    }
}
