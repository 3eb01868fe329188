/// What the core keeps of each thing that has a number, in the order of the numbers.
///
/// It is used like a dictionary, and is made for large elements that are looked at and changed all the time, and for ids that mostly grow: an
/// element is changed where it lies, to look at it copies nothing, and to find it takes a few comparisons and no hash. Its order is always the
/// same. Whoever still looks at an element while it is changed looks at a copy, which takes longer than all else here.
@frozen
public struct Table<ID: Comparable & Sendable, Element: Sendable>: Sendable {
    @usableFromInline var ids: [ID] = []
    /// As many as `ids`; nil only while one is being changed.
    @usableFromInline var entries: [Entry<Element>?] = []
    #if DEBUG
        /// Set by a test that counts work; copies of the table count on it together.
        @usableFromInline var looks: LookCount?
    #endif

    public init() {}

    public var count: Int { ids.count }
    public var isEmpty: Bool { ids.isEmpty }

    /// In their order.
    public var keys: [ID] { ids }

    /// In the order of their ids.
    @inlinable
    public var values: TableValues<Element> {
        noteLooks(ids.count)
        return TableValues(entries: entries)
    }

    /// A debug build knows how often it was looked for an element: what one event costs, in a number that is the same on every machine.
    @inlinable
    func noteLooks(_ count: Int) {
        #if DEBUG
            looks?.count += count
        #endif
    }

    /// The first place whose id is not smaller.
    @inlinable
    func place(of id: ID) -> Int {
        noteLooks(1)
        // The newest is asked for most.
        if let last = ids.last, last <= id { return last == id ? ids.count &- 1 : ids.count }
        var low = 0
        var high = ids.count
        while low < high {
            let middle = (low &+ high) >> 1
            if ids[middle] < id { low = middle &+ 1 } else { high = middle }
        }
        return low
    }

    /// The element; nil removes it.
    @inlinable
    public subscript(id: ID) -> Entry<Element>? {
        get {
            let place = place(of: id)
            return place < ids.count && ids[place] == id ? entries[place] : nil
        }
        _modify {
            let place = place(of: id)
            if place < ids.count, ids[place] == id {
                yield &entries[place]
                if entries[place] == nil { remove(at: place) }
            } else {
                var entry: Entry<Element>?
                yield &entry
                if let entry {
                    ids.insert(id, at: place)
                    entries.insert(entry, at: place)
                }
            }
        }
    }

    /// Takes an element out.
    public mutating func removeValue(forKey id: ID) -> Entry<Element>? {
        let place = place(of: id)
        guard place < ids.count, ids[place] == id else { return nil }
        let entry = entries[place]
        remove(at: place)
        return entry
    }

    @usableFromInline
    mutating func remove(at place: Int) {
        ids.remove(at: place)
        entries.remove(at: place)
    }
}

/// The elements of a ``Table``, as they were when they were asked for.
@frozen
public struct TableValues<Content: Sendable>: Sequence, IteratorProtocol, Sendable {
    @usableFromInline let entries: [Entry<Content>?]
    @usableFromInline var place = 0

    @inlinable
    init(entries: [Entry<Content>?]) { self.entries = entries }

    @inlinable
    public mutating func next() -> Entry<Content>? {
        while place < entries.count {
            defer { place &+= 1 }
            if let entry = entries[place] { return entry }
        }
        return nil
    }
}

/// An element of a ``Table``: a value, whose copies share their memory until one of them is changed. Its properties are the element's.
@frozen
@dynamicMemberLookup
public struct Entry<Element: Sendable>: Sendable {
    /// `@unchecked Sendable`: changed only by an entry that alone refers to it.
    @usableFromInline
    final class Storage: @unchecked Sendable {
        // Whoever changes it has exclusive access to the one entry that refers to it: no need to note the access down as well.
        @exclusivity(unchecked) @usableFromInline var element: Element

        @usableFromInline
        init(_ element: Element) { self.element = element }
    }

    @usableFromInline var storage: Storage

    @inlinable
    public init(_ element: Element) { storage = Storage(element) }

    /// The element itself, for its methods.
    @inlinable
    public var value: Element {
        get { storage.element }
        _modify {
            if !isKnownUniquelyReferenced(&storage) { storage = Storage(storage.element) }
            yield &storage.element
        }
    }

    @inlinable
    public subscript<Value>(dynamicMember path: KeyPath<Element, Value>) -> Value { storage.element[keyPath: path] }

    @inlinable
    public subscript<Value>(dynamicMember path: WritableKeyPath<Element, Value>) -> Value {
        get { storage.element[keyPath: path] }
        _modify { yield &value[keyPath: path] }
    }
}

#if DEBUG
    /// How often elements were looked for. `@unchecked Sendable`: a test that counts has its own, on one thread.
    @usableFromInline
    final class LookCount: @unchecked Sendable {
        @usableFromInline var count = 0
        @usableFromInline init() {}
    }
#endif
