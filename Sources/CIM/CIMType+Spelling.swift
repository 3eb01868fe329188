extension CIMType {
    /// The type that a wrong word probably means: the word is the type's name in another language, or a misspelling. Nil when nobody can
    /// tell.
    public static func meant(by word: String) -> CIMType? {
        if let familiar = familiarNames[CIMName(word)] { return familiar }
        guard let name = CIMName.nearest(to: word, among: allCases.lazy.map(\.mofName)) else { return nil }
        return CIMType(mofName: name)
    }

    private static let familiarNames: [CIMName: CIMType] = [
        "int8": .sint8, "sbyte": .sint8, "byte": .uint8, "ubyte": .uint8, "octet": .uint8, "uchar": .uint8, "int16": .sint16,
        "short": .sint16,
        "ushort": .uint16, "word": .uint16, "int": .sint32, "integer": .sint32, "sint": .sint32, "int32": .sint32, "long": .sint32,
        "uint": .uint32, "unsigned": .uint32, "ulong": .uint32, "dword": .uint32, "int64": .sint64, "longlong": .sint64, "qword": .uint64,
        "ulonglong": .uint64, "float": .real32, "single": .real32, "float32": .real32, "double": .real64, "float64": .real64,
        "real": .real64,
        "decimal": .real64, "bool": .boolean, "char": .char16, "wchar": .char16, "wchar_t": .char16, "str": .string, "text": .string,
        "bstr": .string, "varchar": .string, "date": .datetime, "time": .datetime, "timestamp": .datetime, "interval": .datetime,
        "reference": .reference,
    ]
}

extension CIMName {
    /// The name among `names` of which `word` may be a misspelling: at most two letters are left out, added, changed or swapped, and at
    /// most one letter in three. Where several names are equally near, the first. Nil when there is no such name.
    public static func nearest(to word: String, among names: some Sequence<String>) -> String? {
        let letters = word.utf8.map(fold)
        var limit = min(2, letters.count / 3)
        var found: String?
        for name in names where abs(name.utf8.count - letters.count) <= limit {
            guard let distance = distance(letters, name.utf8.map(fold), atMost: limit) else { continue }
            guard found == nil || distance < limit else { continue }
            found = name
            guard distance > 1 else { return name }
            limit = distance
        }
        return found
    }

    /// How many bytes must be left out, added, changed, or swapped with their neighbour to make one of the other; nil when more than `limit`.
    private static func distance(_ left: [UInt8], _ right: [UInt8], atMost limit: Int) -> Int? {
        let far = limit + 1
        var before = [Int](repeating: far, count: right.count + 1)
        var above = (0...right.count).map { min($0, far) }
        for row in 1...max(1, left.count) where row <= left.count {
            var current = [Int](repeating: far, count: right.count + 1)
            if row <= limit { current[0] = row }
            // Beyond this band the lengths alone differ by more.
            let first = max(1, row - limit)
            let last = min(right.count, row + limit)
            guard first <= last else { return nil }
            for column in first...last {
                let isSame = left[row - 1] == right[column - 1]
                var best = min(above[column - 1] + (isSame ? 0 : 1), above[column] + 1, current[column - 1] + 1)
                if row > 1, column > 1, left[row - 1] == right[column - 2], left[row - 2] == right[column - 1] {
                    best = min(best, before[column - 2] + 1)
                }
                current[column] = min(best, far)
            }
            before = above
            above = current
        }
        return above[right.count] <= limit ? above[right.count] : nil
    }
}
