import CIM
import DBus

/// How packed columns fit a class: found once for a head, not for each batch.
public struct PackedFit: Sendable {
    /// What a batch has beside its rows, at most.
    public static let mostHeadBytes = PackedColumns.largest + 64

    public let columns: PackedColumns
    public let layout: ObjectLayout
    /// Which of the columns has the values of each slot; nil: none has.
    private let columnOfSlot: [Int?]
    /// The slot that each column has the values of.
    let slotOfColumn: [Int]
    /// Columns of dates, whose texts need a closer look.
    private let dates: [Int]

    /// Nil where a column is none of the class's properties, in their spelling and of their type, or has values that need to be written anew
    /// (references): ``PackedBatch/unpacked()`` is then what is checked.
    public init?(_ columns: PackedColumns, _ layout: ObjectLayout) {
        guard columns.className == layout.className else { return nil }
        var columnOfSlot = [Int?](repeating: nil, count: layout.slots.count)
        var slotOfColumn: [Int] = []
        var dates: [Int] = []
        for (index, column) in columns.columns.enumerated() {
            guard let slot = layout.slot(named: column.name), layout.slots[slot].name == column.name, columnOfSlot[slot] == nil else {
                return nil
            }
            columnOfSlot[slot] = index
            slotOfColumn.append(slot)
            guard let type = column.type else { continue }
            let declared = layout.slots[slot].type
            guard type.base == declared.base, type.isArray == declared.isArray, type.base != .reference else { return nil }
            if type.base == .datetime {
                if type.isArray { return nil }
                dates.append(index)
            }
        }
        self.columns = columns
        self.layout = layout
        self.columnOfSlot = columnOfSlot
        self.slotOfColumn = slotOfColumn
        self.dates = dates
    }

    /// Whether this is how the batch's columns fit the class.
    public func isFor(_ batch: PackedBatch, _ layout: ObjectLayout) -> Bool { batch.columns === columns && layout === self.layout }

    /// Whether every value of the batch is one of its property, as it is written here.
    public func fits(_ batch: PackedBatch) -> Bool {
        if dates.isEmpty { return true }
        for row in 0..<batch.count {
            for column in dates {
                guard let bytes = batch.bytes(ofRow: row, column) else { continue }
                let text = String(decoding: bytes, as: UTF8.self)
                guard CIMDateTime(text)?.description == text else { return false }
            }
        }
        return true
    }

    /// The column of a slot; nil: every row has NULL there.
    public func column(ofSlot slot: Int) -> Int? { columnOfSlot.indices.contains(slot) ? columnOfSlot[slot] : nil }

    /// Which columns stay where only some slots do.
    public func columns(keeping slots: [Bool]) -> [Bool] {
        var kept = [Bool](repeating: false, count: columns.columns.count)
        for (slot, column) in columnOfSlot.enumerated() where slots[slot] { if let column { kept[column] = true } }
        return kept
    }
}

extension PackedBatch {
    /// The value of a row in a column.
    public func value(ofRow row: Int, _ column: Int) -> CIMValue {
        guard let bytes = bytes(ofRow: row, column), let type = columns.columns[column].type else { return .null }
        return type.unpacked(bytes)
    }
}
